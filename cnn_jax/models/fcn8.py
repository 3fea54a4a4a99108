"""FCN-8s: a classifier whose dense layers are convolutions, and logits of three strides, added.

    stage     stride   layers                                            parameters (21 classes)
    stage1-5  1 to 16  VGG-16's; the first one pads by 100               14,714,688
    pool1-5   2 to 32  2x2 maximum, sizes rounded up                              0
    conv6     32       7x7 4096, ReLU, dropout                          102,764,544
    conv7     32       1x1 4096, ReLU, dropout                           16,781,312
    score     32       1x1 21                                                86,037
    score4    16       score, 4x4 transposed; + 1x1 21 of pool4              17,829
    score3     8       score4, 4x4 transposed; + 1x1 21 of pool3             12,453
    logits     1       score3, 16x16 transposed                             112,896
                                                                        134,489,759

Only the first convolution pads much, and conv6 not at all, so that images of any size have logits:
where maps differ in size, the middle of the larger one is taken (its first 5, 9 and 31 rows and
columns are left out). With ``padding="same"`` no edge is added or cut off, and sizes are multiples
of 32. The transposed convolutions have no bias, and start as bilinear interpolation.

References:
    Long, Shelhamer and Darrell, *Fully convolutional networks for semantic segmentation*, 2015,
    arXiv:1411.4038, section 4. Simonyan and Zisserman 2014, arXiv:1409.1556, configuration D.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments, nn
from cnn_jax import functional as F

from .blocks import Style, check_classes, check_images, check_rngs, drop_values, last
from .vgg import VARIANTS, Layer

CUTS = {"valid": (5, 9, 31), "same": (0, 0, 0)}  # from pool4, from pool3, from the logits
AROUND = 100  # of the first convolution


def fcn8(
    *,
    num_classes: int | None = 21,
    in_channels: int = 3,
    channels: int = 64,
    hidden: int = 4096,
    window: int = 7,
    padding: str = "valid",
    norm: str = "none",
    dropout: float = 0.5,
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "FCN8":
    """Make an FCN-8s; by default as published, for PASCAL VOC.

    ```
    >>> small = {"channels": 2, "hidden": 8, "window": 3, "padding": "same"}
    >>> model = fcn8(num_classes=5, **small, dropout=0.0, rngs=nnx.Rngs(0))
    >>> nnx.eval_shape(lambda: model(jnp.zeros((1, 64, 96, 3)))).shape
    (1, 64, 96, 5)

    ```

    Args:
        num_classes: the number of logits of a pixel; None leaves out the head, see
            `cnn_jax.models`.
        in_channels: channels of the images.
        channels: of the first stage; the others have 2, 4, 8 and 8 times as many.
        hidden: channels of conv6 and conv7.
        window: of conv6, odd.
        padding: ``"valid"``, as published, or ``"same"``; see above.
        norm: after each convolution: ``"none"``, as published, ``"batch"`` or ``"group"``.
        dropout: the probability of dropping a value of conv6 and conv7, while training.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random streams ``params`` and, with dropout, ``dropout``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named.
    """
    arguments.integer("in_channels", in_channels, at_least=1)
    channels = arguments.integer("channels", channels, at_least=1)
    hidden = arguments.integer("hidden", hidden, at_least=1)
    if arguments.integer("window", window, at_least=1) % 2 == 0:
        raise ValueError(f"`window` must be odd; got {window}.")
    arguments.one_of("padding", padding, CUTS)
    style = Style(norm=norm, dropout=dropout, dtype=dtype)
    return FCN8(num_classes, in_channels, channels, hidden, window, padding, style, rngs)


class FCN8(nnx.Module):
    """An FCN-8s; see `fcn8`, which makes one."""

    HEAD = ("score", "score4", "score3", "up2", "up4", "up8")

    def __init__(
        self,
        num_classes: int | None,
        in_channels: int,
        channels: int,
        hidden: int,
        window: int,
        padding: str,
        style: Style,
        rngs: nnx.Rngs,
    ):
        check_rngs(rngs)
        self.num_classes = check_classes(num_classes)
        self.in_channels, self.padding, self.style = in_channels, padding, style
        widths, before = [channels * times for times in (1, 2, 4, 8, 8)], in_channels
        for stage, (number, width) in enumerate(zip(VARIANTS["vgg16"].convolutions, widths), 1):
            shapes = [(before, width), *[(width, width)] * (number - 1)]
            chain = (Layer(*shape, style, rngs) for shape in shapes)
            setattr(self, f"stage{stage}", nnx.Sequential(*chain))
            before = width
        layer, around = style.layer(rngs), 0 if padding == "valid" else window // 2
        self.conv6 = layer(before, hidden, window, padding=(around, around))
        self.conv7 = layer(hidden, hidden, 1)
        self.dropout = drop_values(style.dropout, rngs)

        def score(width: int) -> Any:  # 0 at first, as published
            if num_classes is None:
                return None
            zeros = nnx.initializers.zeros
            options = {"kernel_init": zeros, "dtype": style.dtype, "rngs": rngs}
            return nn.Conv(width, num_classes, (1, 1), **options)

        def up(stride: int) -> Any:
            if num_classes is None:
                return None
            return nn.ConvTranspose(
                num_classes,
                num_classes,
                (2 * stride, 2 * stride),
                stride=stride,
                padding=0 if padding == "valid" else stride // 2,
                use_bias=False,
                kernel_init=bilinear,
                dtype=style.dtype,
                rngs=rngs,
            )

        self.score, self.score4, self.score3 = score(hidden), score(widths[3]), score(widths[2])
        self.up2, self.up4, self.up8 = up(2), up(2), up(8)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, height, width, channels) to logits (..., height, width, classes)."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last.

        Args:
            images: (*batch, height, width, channels), of any size; with ``padding="same"`` of
                multiples of 32.

        Returns:
            stage1, pool1, ..., pool5, conv6, conv7, score, score4, score3, logits: (*batch,
            height', width', channels). score4 and score3 are the sums.

        Raises:
            ValueError: if the images have another rank, size or channels than the network takes.
        """
        check_images(images, self.in_channels, (1, 1))
        *_, height, width, _ = np.shape(images)
        if self.padding == "same" and (height % 32 or width % 32):
            raise ValueError(
                "`images` must have a height and a width that are multiples of 32, with "
                f"`padding` 'same'; got shape {np.shape(images)}."
            )
        maps, x = {}, self.style.cast(images)
        if self.padding == "valid":
            x = F.pad(x, (AROUND - 1, AROUND - 1))  # the layer itself pads by 1
        for stage in range(1, 6):
            x = maps[f"stage{stage}"] = getattr(self, f"stage{stage}")(x)
            x = maps[f"pool{stage}"] = F.max_pool(x, (2, 2), ceil_mode=True)
        maps["conv6"] = self.dropout(self.conv6(x))
        maps["conv7"] = self.dropout(self.conv7(maps["conv6"]))
        if self.score is not None:
            of_pool4, of_pool3, of_logits = CUTS[self.padding]
            maps["score"] = self.score(maps["conv7"])
            x = self.up2(maps["score"])
            x = maps["score4"] = x + inner(self.score4(maps["pool4"]), of_pool4, x.shape)
            x = self.up4(x)
            x = maps["score3"] = x + inner(self.score3(maps["pool3"]), of_pool3, x.shape)
            maps["logits"] = inner(self.up8(x), of_logits, (height, width, x.shape[-1]))
        return maps


def inner(x: jax.Array, first: int, shape: tuple[int, ...]) -> jax.Array:
    """Cut a map down to the height and width of `shape` (..., height, width, channels)."""
    height, width = shape[-3:-1]
    return x[..., first : first + height, first : first + width, :]


def bilinear(key: Any, shape: Any, dtype: Any = None, out_sharding: Any = None) -> jax.Array:
    """An initializer: a transposed convolution then enlarges each map by interpolation."""
    size, _, outputs, inputs = shape
    taps = 1 - np.abs((np.arange(size) + 0.5) / (size / 2) - 1)
    eye = np.eye(outputs, inputs)
    return jnp.asarray(taps[:, None, None, None] * taps[:, None, None] * eye, dtype)
