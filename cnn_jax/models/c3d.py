"""C3D for videos: 3x3x3 convolutions, which see motion as they see edges.

    stage   output (16 x 112 x 112, 3 channels)   convolutions 3x3x3, then a maximum of
    stage1  16 x 56 x 56 x  64                    64         1x2x2: time stays
    stage2   8 x 28 x 28 x 128                    128        2x2x2
    stage3   4 x 14 x 14 x 256                    256, 256   2x2x2
    stage4   2 x  7 x  7 x 512                    512, 512   2x2x2
    stage5   1 x  4 x  4 x 512                    512, 512   2x2x2, padded by 1 in space
    dense1   4096
    dense2   4096
    logits    487                                 79,991,015 parameters

The sizes are time, height, width. The network's first implementation rounds the last pool's size up
instead of padding it, which gives the same size for other windows.

References:
    Tran, Bourdev, Fergus, Torresani and Paluri, *Learning spatiotemporal features with 3D
    convolutional networks*, 2014, arXiv:1412.0767, figure 3.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import jax
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments, geometry, nn
from cnn_jax import functional as F

from . import _checks as checks
from ._conv_norm import NORMS, ConvNorm, in_dtype


@dataclass(frozen=True)
class Variant:
    """How many channels the layers have.

    Attributes:
        stages: channels of each convolution of each of the five stages.
        hidden: units of each of the two hidden dense layers.
    """

    stages: tuple[tuple[int, ...], ...] = ((64,), (128,), (256, 256), (512, 512), (512, 512))
    hidden: int = 4096


# Window, which is the stride too, and padding of the pool behind each stage.
POOLS = (((1, 2, 2), 0), *[((2, 2, 2), 0)] * 3, ((2, 2, 2), (0, 1, 1)))
LEAST = (16, 16, 16)


def c3d(
    *,
    num_classes: int = 487,
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
        num_classes: the number of logits.
        in_channels: channels of the images.
        input_size: time, height and width of the videos, each at least 16.
        norm: ``"none"``, as published, or ``"batch"`` or ``"group"`` (32 groups) behind each
            convolution.
        dropout: the probability of dropping a value behind each of the two hidden dense layers,
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
    checks.sizes(num_classes, in_channels)
    size = arguments.per_axis("input_size", input_size, 3, "the videos")
    checks.one_of("norm", norm, NORMS)
    checks.probability("dropout", dropout)
    return C3D(Variant(), (*size, in_channels), num_classes, norm, dropout, dtype, rngs)


class C3D(nnx.Module):
    """A C3D; see `c3d`, which makes one."""

    def __init__(
        self,
        variant: Variant,
        video: tuple[int, ...],
        num_classes: int,
        norm: str,
        dropout: float,
        dtype: DTypeLike | None,
        rngs: nnx.Rngs,
    ):
        if any(n < least for n, least in zip(video, LEAST)):
            raise ValueError(
                "`input_size` must be at least 16x16x16: a smaller one leaves nothing for the "
                f"network's last pools; got {video[:3]}."
            )
        self.video, self.dtype = video, dtype
        size, channels = video[:3], video[3]
        for i, (widths, (window, padding)) in enumerate(zip(variant.stages, POOLS), start=1):
            chain = []
            for width in widths:
                chain.append(
                    ConvNorm(channels, width, (3, 3, 3), norm=norm, dtype=dtype, rngs=rngs)
                )
                channels = width
            setattr(self, f"stage{i}", nnx.Sequential(*chain))
            size = geometry.output_size(size, window, stride=window, padding=padding)
        init = nn.for_activation("relu")
        flat = math.prod(size) * channels
        self.dense1 = nnx.Linear(flat, variant.hidden, kernel_init=init, dtype=dtype, rngs=rngs)
        self.dense2 = nnx.Linear(
            variant.hidden, variant.hidden, kernel_init=init, dtype=dtype, rngs=rngs
        )
        # No activation behind it: Flax's default.
        self.logits = nnx.Linear(variant.hidden, num_classes, dtype=dtype, rngs=rngs)
        self.dropout = nnx.Dropout(dropout, rngs=rngs if dropout else None)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map videos `images` (*batch, time, height, width, channels) to (*batch, num_classes)."""
        return self.feature_maps(images)["logits"]

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last.

        Args:
            images: the videos, (*batch, time, height, width, channels).

        Returns:
            stage1 to stage5, behind their pool: (*batch, time, height, width, channels). dense1,
            dense2, logits: (*batch, features); the first two while training behind dropout.

        Raises:
            ValueError: if the videos are not of the size that the network was made for.
        """
        checks.image_size(images, self.video)
        maps, x = {}, in_dtype(images, self.dtype)
        for i, (window, padding) in enumerate(POOLS, start=1):
            x = F.max_pool(getattr(self, f"stage{i}")(x), window, padding=padding)
            maps[f"stage{i}"] = x
        flat = x.reshape(*x.shape[:-4], -1)
        maps["dense1"] = self.dropout(jax.nn.relu(self.dense1(flat)))
        maps["dense2"] = self.dropout(jax.nn.relu(self.dense2(maps["dense1"])))
        maps["logits"] = self.logits(maps["dense2"])
        return maps
