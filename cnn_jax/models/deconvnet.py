"""DeconvNet: VGG-16, and its mirror image, in which maxima go back to where they came from.

    stage      output (224x224 input)   layers                                    parameters
    stage1      224 x 224 x   64        2 x 3x3 convolution                           38,848
    stage2      112 x 112 x  128        2 x 3x3                                      221,696
    stage3       56 x  56 x  256        3 x 3x3                                    1,476,096
    stage4       28 x  28 x  512        3 x 3x3                                    5,901,312
    stage5       14 x  14 x  512        3 x 3x3                                    7,080,960
    dense1        1 x   1 x 4096        7x7                                      102,768,640
    dense2        1 x   1 x 4096        1x1                                       16,785,408
    dense3        7 x   7 x  512        7x7 transposed                           102,761,472
    back5        14 x  14 x  512        unpooling, 3 x 3x3 transposed              7,080,960
    back4        28 x  28 x  256        unpooling, 3 x 3x3 transposed              5,900,800
    back3        56 x  56 x  128        alike                                      1,475,840
    back2       112 x 112 x   64        unpooling, 2 x 3x3 transposed                221,568
    back1       224 x 224 x   64        alike                                         73,984
    logits      224 x 224 x   21        1x1                                            1,365
                                                                                 251,788,949

After each stage a 2x2 maximum halves the map and keeps the place of each maximum; unpooling puts a
map's values at these places and zeros between them. After each convolution come a batch norm, which
takes the place of its bias, and a ReLU. The last transposed convolution of a stage on the way back
has the channels of the stage below it.

References:
    Noh, Hong and Han, *Learning deconvolution network for semantic segmentation*, 2015,
    arXiv:1505.04366, section 3 and table 2.
"""

from functools import partial

import jax
import numpy as np
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments, nn
from cnn_jax import functional as F

from .blocks import Style, check_classes, check_images, check_rngs, last

CONVOLUTIONS = (2, 2, 3, 3, 3)
TIMES = (1, 2, 4, 8, 8)  # the channels of the first stage


def deconvnet(
    *,
    num_classes: int | None = 21,
    in_channels: int = 3,
    channels: int = 64,
    hidden: int = 4096,
    window: int = 7,
    norm: str = "batch",
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "DeconvNet":
    """Make a DeconvNet; by default as published, for PASCAL VOC.

    ```
    >>> import jax.numpy as jnp
    >>> small = {"num_classes": 5, "channels": 2, "hidden": 8, "window": 2}
    >>> images = jnp.zeros((1, 64, 96, 3))
    >>> nnx.eval_shape(lambda: deconvnet(**small, rngs=nnx.Rngs(0))(images)).shape
    (1, 64, 96, 5)

    ```

    Args:
        num_classes: the number of logits of a pixel; None leaves out the head, see
            `cnn_jax.models`.
        in_channels: channels of the images.
        channels: of the first stage; the others have 2, 4, 8 and 8 times as many.
        hidden: channels of dense1 and dense2.
        window: of dense1 and dense3: a 32nd of the images' height and width makes them dense.
        norm: ``"batch"``, as published, ``"group"`` or ``"none"``; with ``"none"`` convolutions
            have biases.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random stream ``params``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named.
    """
    arguments.integer("in_channels", in_channels, at_least=1)
    channels = arguments.integer("channels", channels, at_least=1)
    hidden = arguments.integer("hidden", hidden, at_least=1)
    window = arguments.integer("window", window, at_least=1)
    style = Style(norm=norm, dtype=dtype)
    return DeconvNet(num_classes, in_channels, channels, hidden, window, style, rngs)


class DeconvNet(nnx.Module):
    """A DeconvNet; see `deconvnet`, which makes one."""

    HEAD = ("logits",)

    def __init__(
        self,
        num_classes: int | None,
        in_channels: int,
        channels: int,
        hidden: int,
        window: int,
        style: Style,
        rngs: nnx.Rngs,
    ):
        check_rngs(rngs)
        self.num_classes = check_classes(num_classes)
        self.in_channels, self.window, self.style = in_channels, window, style
        layer, back = style.layer(rngs), partial(Back, style=style, rngs=rngs)
        widths, before = [channels * times for times in TIMES], in_channels
        for stage, (number, width) in enumerate(zip(CONVOLUTIONS, widths), 1):
            shapes = [(before, width), *[(width, width)] * (number - 1)]
            setattr(self, f"stage{stage}", nnx.Sequential(*(layer(*s, 3) for s in shapes)))
            before = width
        self.dense1 = layer(before, hidden, window, padding=(0, 0))
        self.dense2 = layer(hidden, hidden, 1)
        self.dense3 = back(hidden, before, window, 0)
        for stage in range(5, 0, -1):
            width, below = widths[stage - 1], widths[max(stage - 2, 0)]
            shapes = [*[(width, width)] * (CONVOLUTIONS[stage - 1] - 1), (width, below)]
            setattr(self, f"back{stage}", nnx.Sequential(*(back(*s, 3, 1) for s in shapes)))
        one = partial(nn.Conv, kernel_size=(1, 1), dtype=style.dtype, rngs=rngs)
        init = nn.for_activation("tanh")  # no activation follows: Xavier's
        self.logits = None if num_classes is None else one(channels, num_classes, kernel_init=init)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, height, width, channels) to logits (..., height, width, classes)."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last.

        Args:
            images: (*batch, height, width, channels), of multiples of 32, at least 32 * `window`.

        Returns:
            stage1, ..., stage5, dense1, dense2, dense3, back5, ..., back1, logits: (*batch,
            height', width', channels).

        Raises:
            ValueError: if the images have another rank, size or channels than the network takes.
        """
        check_images(images, self.in_channels, (32 * self.window,) * 2, "dense1")
        if any(length % 32 for length in np.shape(images)[-3:-1]):
            raise ValueError(
                "`images` must have a height and a width that are multiples of 32; got shape "
                f"{np.shape(images)}."
            )
        maps, places, x = {}, {}, self.style.cast(images)
        for stage in range(1, 6):
            x = maps[f"stage{stage}"] = getattr(self, f"stage{stage}")(x)
            x, places[stage] = F.max_pool_with_indices(x, (2, 2))
        for name in ("dense1", "dense2", "dense3"):
            x = maps[name] = getattr(self, name)(x)
        for stage in range(5, 0, -1):
            x = F.max_unpool(x, places[stage], maps[f"stage{stage}"].shape[-3:-1])
            x = maps[f"back{stage}"] = getattr(self, f"back{stage}")(x)
        if self.logits is not None:
            maps["logits"] = self.logits(x)
        return maps


class Back(nnx.Module):
    """A transposed convolution of stride 1, a normalization, a ReLU."""

    def __init__(
        self, before: int, width: int, window: int, padding: int, style: Style, rngs: nnx.Rngs
    ):
        self.conv = nn.ConvTranspose(
            before,
            width,
            (window, window),
            padding=padding,
            use_bias=style.norm == "none",
            dtype=style.dtype,
            rngs=rngs,
        )
        self.norm = style.normalization(width, rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x (*batch, height, width, before) to (*batch, height', width', width)."""
        return jax.nn.relu(self.norm(self.conv(x)))
