"""C3D for videos: 3x3x3 convolutions, which filter over time as they do over space.

    stage   output (16 x 112 x 112, 3 channels)   convolutions 3x3x3, then a maximum of
    stage1  16 x 56 x 56 x  64                    64         1x2x2: time stays
    stage2   8 x 28 x 28 x 128                    128        2x2x2
    stage3   4 x 14 x 14 x 256                    256, 256   2x2x2
    stage4   2 x  7 x  7 x 512                    512, 512   2x2x2
    stage5   1 x  4 x  4 x 512                    512, 512   2x2x2, padded by 1 in space
    dense1   4096
    dense2   4096
    logits    487                                 79,991,015 parameters

The sizes are time, height, width. The authors' implementation rounds the output size of the last
pool up instead of padding its input: the size is the same, the windows are not.

References:
    Tran, Bourdev, Fergus, Torresani and Paluri, *Learning spatiotemporal features with 3D
    convolutional networks*, 2014, arXiv:1412.0767, figure 3.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import jax
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments, geometry, nn
from cnn_jax import functional as F

from .blocks import Style, check_classes, check_image_size, drop_values, head, last


@dataclass(frozen=True)
class Variant:
    """How many channels the layers have.

    Attributes:
        stages: channels of each convolution of each of the five stages.
        hidden: units of each of the two hidden dense layers.
    """

    stages: tuple[tuple[int, ...], ...] = ((64,), (128,), (256, 256), (512, 512), (512, 512))
    hidden: int = 4096


# Window, which is the stride too, and padding of the pool after each stage.
POOLS = (((1, 2, 2), 0), *[((2, 2, 2), 0)] * 3, ((2, 2, 2), (0, 1, 1)))
LEAST = (16, 16, 16)


def c3d(
    *,
    num_classes: int | None = 487,
    in_channels: int = 3,
    input_size: Sequence[int] = (16, 112, 112),
    norm: str = "none",
    dropout: float = 0.5,
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "C3D":
    """Make a C3D; by default for the 487 sports of Sports-1M.

    ```
    >>> import jax.numpy as jnp
    >>> def logits(videos):
    ...     return c3d(rngs=nnx.Rngs(0))(videos)
    >>> videos = jnp.zeros((2, 16, 112, 112, 3))
    >>> jax.eval_shape(logits, videos).shape  # the shape alone: the network weighs 320 MB
    (2, 487)

    ```

    Args:
        num_classes: the number of logits; None leaves out the head, see `cnn_jax.models`.
        in_channels: channels of the videos.
        input_size: time, height and width of the videos, each at least 16.
        norm: ``"none"``, as published, or ``"batch"`` or ``"group"`` (32 groups) after each
            convolution.
        dropout: the probability of dropping a value after each of the two hidden dense layers,
            while training.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random streams ``params`` and, with dropout, ``dropout``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named, or the videos are too small.

    References:
        Tran et al., *Learning spatiotemporal features with 3D convolutional networks*, 2014,
        arXiv:1412.0767.
    """
    channels = arguments.integer("in_channels", in_channels, at_least=1)
    size = arguments.per_axis("input_size", input_size, 3, "the videos")
    style = Style(norm=norm, dropout=dropout, dtype=dtype)
    return C3D(Variant(), num_classes, (*size, channels), style, rngs)


class C3D(nnx.Module):
    """A C3D; see `c3d`, which makes one."""

    HEAD = ("dense1", "dense2", "logits")

    def __init__(
        self,
        variant: Variant,
        num_classes: int | None,
        video: tuple[int, ...],
        style: Style,
        rngs: nnx.Rngs,
    ):
        self.num_classes = check_classes(num_classes)
        if any(n < least for n, least in zip(video, LEAST)):
            raise ValueError(
                "`input_size` must be at least 16x16x16: a smaller one leaves nothing for the "
                f"network's last pools; got {video[:3]}."
            )
        self.video, self.style = video, style
        size, channels = video[:3], video[3]
        for i, (widths, (window, padding)) in enumerate(zip(variant.stages, POOLS), start=1):
            chain = []
            for width in widths:
                chain.append(style.layer(rngs)(channels, width, (3, 3, 3)))
                channels = width
            setattr(self, f"stage{i}", nnx.Sequential(*chain))
            size = geometry.output_size(size, window, stride=window, padding=padding)
        if num_classes is not None:
            hidden, init = variant.hidden, nn.for_activation("relu")
            dense = partial(nnx.Linear, kernel_init=init, dtype=style.dtype, rngs=rngs)
            self.dense1 = dense(math.prod(size) * channels, hidden)
            self.dense2 = dense(hidden, hidden)
        self.logits = head(variant.hidden, num_classes, style.dtype, rngs)
        self.dropout = drop_values(style.dropout, rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map videos `images` (*batch, time, height, width, channels) to (*batch, num_classes)."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last.

        Args:
            images: the videos, (*batch, time, height, width, channels).

        Returns:
            stage1 to stage5, after their pool: (*batch, time, height, width, channels). dense1,
            dense2, logits: (*batch, features); the first two after dropout.

        Raises:
            ValueError: if the videos are not of the size that the network was made for.
        """
        check_image_size(images, self.video)
        maps, x = {}, self.style.cast(images)
        for i, (window, padding) in enumerate(POOLS, start=1):
            x = F.max_pool(getattr(self, f"stage{i}")(x), window, padding=padding)
            maps[f"stage{i}"] = x
        if self.logits is None:
            return maps
        flat = x.reshape(*x.shape[:-4], -1)
        maps["dense1"] = self.dropout(jax.nn.relu(self.dense1(flat)))
        maps["dense2"] = self.dropout(jax.nn.relu(self.dense2(maps["dense1"])))
        maps["logits"] = self.logits(maps["dense2"])
        return maps
