"""Wide ResNet for images as small as CIFAR's: few layers of many channels, d = 6 n + 4 of width k.

    stage      output (32x32)    wide_resnet16_8   22_8   28_10   40_4
    stem       32 x 32 x 16      3x3
    stage1     32 x 32 x 16 k    n = 2             3      4       6 blocks [3x3 16 k, 3x3 16 k]
    stage2     16 x 16 x 32 k    as many                                   [3x3 32 k, 3x3 32 k]
    stage3      8 x  8 x 64 k    as many                                   [3x3 64 k, 3x3 64 k]
    features   64 k              normalization, ReLU, the mean of each map
    logits     10
    parameters                   11.0 M            17.2   36.5    8.9

Normalization and activation stand in front of each convolution, not behind it, so that nothing but
additions lies between the stem and the last stage: y = x + f(relu(norm(x))). The first block of
each stage changes the number of channels; there a 1x1 convolution of relu(norm(x)) stands on the
shortcut. Dropout lies between a block's two convolutions.

References:
    Zagoruyko and Komodakis, *Wide residual networks*, 2016, arXiv:1605.07146, table 1. He, Zhang,
    Ren and Sun, *Identity mappings in deep residual networks*, 2016, arXiv:1603.05027.
"""

from dataclasses import dataclass
from functools import partial

import jax
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import functional as F
from cnn_jax import nn
from cnn_jax.geometry import PADDING_MODES, PaddingMode

from . import _checks as checks
from ._conv_norm import NORMS, ConvNorm, in_dtype, normalization
from ._shrinking import DOWNSAMPLING, LEAST, shrink


@dataclass(frozen=True)
class Variant:
    """How many blocks each stage has, and how many channels the first stage."""

    blocks: int
    width: int


# d-k: n = (d - 4) / 6 blocks, 16 k channels.
VARIANTS = {
    "wide_resnet16_4": Variant(2, 16 * 4),
    "wide_resnet16_8": Variant(2, 16 * 8),
    "wide_resnet22_8": Variant(3, 16 * 8),
    "wide_resnet28_10": Variant(4, 16 * 10),
    "wide_resnet40_2": Variant(6, 16 * 2),
    "wide_resnet40_4": Variant(6, 16 * 4),
}


def wide_resnet(
    variant: str,
    *,
    num_classes: int = 10,
    in_channels: int = 3,
    norm: str = "batch",
    downsample: str = "stride",
    padding_mode: PaddingMode = "zeros",
    dropout: float = 0.0,
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "WideResNet":
    """Make a Wide ResNet for small images; `wide_resnet28_10` and so on name the variant.

    Those for larger images, `wide_resnet50_2`, are a `resnet`.

    ```
    >>> import jax.numpy as jnp
    >>> images = jnp.zeros((1, 32, 32, 3))
    >>> nnx.eval_shape(lambda: wide_resnet40_4(rngs=nnx.Rngs(0))(images)).shape
    (1, 10)

    ```

    Args:
        variant: a name of `VARIANTS`.
        num_classes: the number of logits.
        in_channels: channels of the images.
        norm: ``"batch"``, ``"group"`` (32 groups, or as many as divide the channels) or ``"none"``.
        downsample: how maps are halved: ``"stride"``; ``"blur"`` or ``"polyphase"``, in front of
            which a layer runs at stride 1: without aliasing. Polyphase needs a size that 4 divides.
        padding_mode: what stands around the images and maps: ``"zeros"``, ``"reflect"``,
            ``"replicate"``, ``"circular"``.
        dropout: the probability of dropping a value between the two convolutions of a block, while
            training; 0.3 in the paper, where it is used on CIFAR.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random streams ``params`` and, with dropout, ``dropout``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named.
    """
    checks.one_of("variant", variant, VARIANTS)
    checks.sizes(num_classes, in_channels)
    checks.one_of("norm", norm, NORMS)
    checks.one_of("downsample", downsample, DOWNSAMPLING)
    checks.one_of("padding_mode", padding_mode, PADDING_MODES)
    checks.probability("dropout", dropout)
    style = Style(norm, downsample, padding_mode, dropout, dtype)
    return WideResNet(VARIANTS[variant], num_classes, in_channels, style, rngs)


@dataclass(frozen=True)
class Style:
    """What all layers of a network have in common; see `wide_resnet`."""

    norm: str = "batch"
    downsample: str = "stride"
    padding_mode: PaddingMode = "zeros"
    dropout: float = 0.0
    dtype: DTypeLike | None = None

    def conv(
        self, in_channels: int, out_channels: int, window: int, stride: int, rngs: nnx.Rngs
    ) -> nn.Conv:
        """Make a convolution behind which no normalization stands."""
        return nn.Conv(
            in_channels,
            out_channels,
            (window, window),
            stride=stride,
            padding=window // 2,
            padding_mode=self.padding_mode,
            use_bias=self.norm == "none",
            dtype=self.dtype,
            rngs=rngs,
        )


class WideResNet(nnx.Module):
    """A Wide ResNet for small images; see `wide_resnet`, which makes one."""

    def __init__(
        self, variant: Variant, num_classes: int, in_channels: int, style: Style, rngs: nnx.Rngs
    ):
        self.in_channels, self.style = in_channels, style
        channels = 16
        self.stem = style.conv(in_channels, channels, 3, 1, rngs)
        for stage in range(3):
            width, chain = variant.width * 2**stage, []
            for block in range(variant.blocks):
                stride = 2 if stage and not block else 1
                chain.append(Residual(channels, width, stride, style, rngs))
                channels = width
            setattr(self, f"stage{stage + 1}", nnx.Sequential(*chain))
        self.norm = normalization(style.norm, channels, dtype=style.dtype, rngs=rngs)
        self.logits = nnx.Linear(channels, num_classes, dtype=style.dtype, rngs=rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, height, width, channels) to logits (*batch, num_classes)."""
        return self.feature_maps(images)["logits"]

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last.

        Args:
            images: (*batch, height, width, channels).

        Returns:
            stem, stage1, stage2, stage3: (*batch, height, width, channels), sums that nothing was
            applied to yet. features, logits: (*batch, features).

        Raises:
            ValueError: if the images have another rank or other channels than the network, or are
                too small for it.
        """
        least = LEAST[self.style.downsample][self.style.padding_mode == "reflect"]
        checks.images(images, self.in_channels, (least, least), "stage3")
        maps = {}
        maps["stem"] = x = self.stem(in_dtype(images, self.style.dtype))
        for stage in ("stage1", "stage2", "stage3"):
            x = maps[stage] = getattr(self, stage)(x)
        maps["features"] = F.global_avg_pool(jax.nn.relu(self.norm(x)), spatial_rank=2)
        maps["logits"] = self.logits(maps["features"])
        return maps


class Residual(nnx.Module):
    """A block: y = shortcut(x) + f(relu(norm(x))), where f is two 3x3 convolutions."""

    def __init__(self, channels: int, width: int, stride: int, style: Style, rngs: nnx.Rngs):
        has_stride = stride if style.downsample == "stride" else 1
        self.stride, self.style = stride, style
        self.norm = normalization(style.norm, channels, dtype=style.dtype, rngs=rngs)
        self.conv1 = ConvNorm(
            channels,
            width,
            3,
            stride=has_stride,
            norm=style.norm,
            padding_mode=style.padding_mode,
            dtype=style.dtype,
            rngs=rngs,
        )
        self.dropout = nnx.Dropout(style.dropout, rngs=rngs if style.dropout else None)
        self.conv2 = style.conv(width, width, 3, 1, rngs)
        changes = channels != width
        self.shortcut = style.conv(channels, width, 1, has_stride, rngs) if changes else None

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x (*batch, height, width, channels) to (*batch, height', width', width)."""
        how, around = self.style.downsample, self.style.padding_mode
        ready = jax.nn.relu(self.norm(x))
        y, phase = shrink(self.conv1(ready), self.stride, how, around)
        y = self.conv2(self.dropout(y))
        if self.shortcut is not None:
            x = self.shortcut(shrink(ready, self.stride, how, around, phase)[0])
        return x + y


wide_resnet16_4 = partial(wide_resnet, "wide_resnet16_4")
wide_resnet16_8 = partial(wide_resnet, "wide_resnet16_8")
wide_resnet22_8 = partial(wide_resnet, "wide_resnet22_8")
wide_resnet28_10 = partial(wide_resnet, "wide_resnet28_10")
wide_resnet40_2 = partial(wide_resnet, "wide_resnet40_2")
wide_resnet40_4 = partial(wide_resnet, "wide_resnet40_4")
