"""ResNet, ResNeXt and Wide ResNet for images such as ImageNet's: layers that learn a change of x.

    stage     output (224x224)   resnet18, 34: basic blocks   resnet50, 101, 152: bottlenecks
    stem      112 x 112 x 64     7x7, stride 2                the same
    pool       56 x  56 x 64     3x3 maximum, stride 2        the same
    stage1     56 x  56          [3x3 64, 3x3 64]             [1x1 64, 3x3 64, 1x1 256]
    stage2     28 x  28          [3x3 128, 3x3 128]           [1x1 128, 3x3 128, 1x1 512]
    stage3     14 x  14          [3x3 256, 3x3 256]           [1x1 256, 3x3 256, 1x1 1024]
    stage4      7 x   7          [3x3 512, 3x3 512]           [1x1 512, 3x3 512, 1x1 2048]
    features   the mean of each map
    logits     1000

Each block adds what it computes to its input, y = relu(x + f(x)), so that a gradient reaches every
layer undiminished. Stages 2 to 4 halve the maps in their first block; there, and where the number
of channels changes, a 1x1 convolution stands on the shortcut.

References:
    He, Zhang, Ren and Sun, *Deep residual learning for image recognition*, 2015, arXiv:1512.03385,
    table 1. Xie et al., *Aggregated residual transformations for deep neural networks*, 2016,
    arXiv:1611.05431, table 1. Zagoruyko and Komodakis, *Wide residual networks*, 2016,
    arXiv:1605.07146.
"""

from dataclasses import dataclass
from functools import partial

import jax
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import functional as F
from cnn_jax.geometry import PADDING_MODES, PaddingMode

from . import _checks as checks
from ._conv_norm import NORMS, ConvNorm, in_dtype
from ._shrinking import DOWNSAMPLING, max_pool, shrink


@dataclass(frozen=True)
class Variant:
    """How many blocks each stage has, and what they are."""

    blocks: tuple[int, int, int, int]
    bottleneck: bool = True  # 1x1, 3x3, 1x1, which gives 4 times its width; or 3x3, 3x3
    groups: int = 1  # of the 3x3 convolutions of bottlenecks
    width: int = 64  # channels of each group in the first stage; it doubles in each


VARIANTS = {
    "resnet18": Variant((2, 2, 2, 2), bottleneck=False),
    "resnet34": Variant((3, 4, 6, 3), bottleneck=False),
    "resnet50": Variant((3, 4, 6, 3)),
    "resnet101": Variant((3, 4, 23, 3)),
    "resnet152": Variant((3, 8, 36, 3)),
    "resnext50_32x4d": Variant((3, 4, 6, 3), groups=32, width=4),
    "wide_resnet50_2": Variant((3, 4, 6, 3), width=128),
    "wide_resnet101_2": Variant((3, 4, 23, 3), width=128),
}


def resnet(
    variant: str,
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    stride_on: str = "3x3",
    norm: str = "batch",
    downsample: str = "stride",
    padding_mode: PaddingMode = "zeros",
    dropout: float = 0.0,
    stochastic_depth: float = 0.0,
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "ResNet":
    """Make a ResNet; `resnet18` to `resnet152`, `resnext50_32x4d` and so on name the variant.

    ```
    >>> import jax.numpy as jnp
    >>> model = resnet18(num_classes=10, rngs=nnx.Rngs(0))
    >>> model(jnp.zeros((1, 64, 64, 3))).shape
    (1, 10)

    ```

    Args:
        variant: a name of `VARIANTS`.
        num_classes: the number of logits.
        in_channels: channels of the images.
        stride_on: which convolution of a bottleneck has the stride: ``"3x3"``, as everybody has it
            now (and torchvision's weights), or the first ``"1x1"``, as the paper.
        norm: ``"batch"``, ``"group"`` (32 groups) or ``"none"``.
        downsample: how maps are halved: ``"stride"``; ``"blur"`` or ``"polyphase"``, in front of
            which a layer runs at stride 1: without aliasing, for 2 to 4 times the work. Polyphase
            needs a size that halves evenly 5 times.
        padding_mode: what stands around the images and maps: ``"zeros"``, ``"reflect"``,
            ``"replicate"``, ``"circular"``.
        dropout: the probability of dropping a feature in front of the logits, while training.
        stochastic_depth: the probability of skipping the last block, while training; it grows
            with depth from almost none (Huang et al. 2016, arXiv:1603.09382, equation 4).
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random streams ``params`` and, with dropout or stochastic depth, ``dropout``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named.
    """
    checks.one_of("variant", variant, VARIANTS)
    checks.sizes(num_classes, in_channels)
    checks.one_of("stride_on", stride_on, ("3x3", "1x1"))
    checks.one_of("norm", norm, NORMS)
    checks.one_of("downsample", downsample, DOWNSAMPLING)
    checks.one_of("padding_mode", padding_mode, PADDING_MODES)
    checks.probability("dropout", dropout)
    checks.probability("stochastic_depth", stochastic_depth)
    style = Style(stride_on, norm, downsample, padding_mode, dropout, stochastic_depth, dtype)
    return ResNet(VARIANTS[variant], num_classes, in_channels, style, rngs)


@dataclass(frozen=True)
class Style:
    """What all layers of a network have in common; see `resnet`."""

    stride_on: str = "3x3"
    norm: str = "batch"
    downsample: str = "stride"
    padding_mode: PaddingMode = "zeros"
    dropout: float = 0.0
    stochastic_depth: float = 0.0
    dtype: DTypeLike | None = None

    def layer(self, rngs: nnx.Rngs) -> partial[ConvNorm]:
        """What makes a convolution of this network."""
        style = {"norm": self.norm, "padding_mode": self.padding_mode, "dtype": self.dtype}
        return partial(ConvNorm, **style, rngs=rngs)


class ResNet(nnx.Module):
    """A ResNet; see `resnet`, which makes one."""

    def __init__(
        self, variant: Variant, num_classes: int, in_channels: int, style: Style, rngs: nnx.Rngs
    ):
        self.in_channels, self.style = in_channels, style
        stem_stride = 2 if style.downsample == "stride" else 1
        self.stem = style.layer(rngs)(in_channels, 64, 7, stride=stem_stride)
        channels, number, depth = 64, 0, sum(variant.blocks)
        for stage, blocks in enumerate(variant.blocks):
            inner = variant.width * variant.groups * 2**stage
            widths = (inner, inner, 256 * 2**stage) if variant.bottleneck else (inner, inner)
            chain = []
            for block in range(blocks):
                number += 1
                stride = 2 if stage and not block else 1
                skipped = style.stochastic_depth * number / depth
                residual = Residual(channels, widths, stride, variant.groups, style, skipped, rngs)
                chain.append(residual)
                channels = widths[-1]
            setattr(self, f"stage{stage + 1}", nnx.Sequential(*chain))
        self.dropout = nnx.Dropout(style.dropout, rngs=rngs if style.dropout else None)
        self.logits = nnx.Linear(channels, num_classes, dtype=style.dtype, rngs=rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, height, width, channels) to logits (*batch, num_classes)."""
        return self.feature_maps(images)["logits"]

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last.

        Args:
            images: (*batch, height, width, channels).

        Returns:
            stem, pool, stage1, stage2, stage3, stage4: (*batch, height, width, channels).
            features, logits: (*batch, features).

        Raises:
            ValueError: if the images have another rank or other channels than the network.
        """
        how, around = self.style.downsample, self.style.padding_mode
        least = 17 if how == "blur" else 1  # the blur reflects its input, from 2 on
        checks.images(images, self.in_channels, (least, least), "stage4")
        maps = {}
        maps["stem"] = shrink(self.stem(in_dtype(images, self.style.dtype)), 2, how, around)[0]
        maps["pool"] = max_pool(maps["stem"], 3, 2, 1, how, around)
        x = maps["pool"]
        for stage in ("stage1", "stage2", "stage3", "stage4"):
            x = maps[stage] = getattr(self, stage)(x)
        maps["features"] = F.global_avg_pool(x, spatial_rank=2)
        maps["logits"] = self.logits(self.dropout(maps["features"]))
        return maps


class Residual(nnx.Module):
    """A block: y = relu(shortcut(x) + f(x)), where f is two or three convolutions."""

    def __init__(
        self,
        channels: int,
        widths: tuple[int, ...],
        stride: int,
        groups: int,
        style: Style,
        skipped: float,
        rngs: nnx.Rngs,
    ):
        layer, bottleneck = style.layer(rngs), len(widths) == 3
        self.windows = (1, 3, 1) if bottleneck else (3, 3)
        # The convolution behind which the maps are smaller, counted from 0.
        self.strided = int(bottleneck and style.stride_on == "3x3")
        self.stride, self.style = stride, style
        has_stride = stride if style.downsample == "stride" else 1
        inner = channels
        for i, (window, width) in enumerate(zip(self.windows, widths)):
            last, step = i + 1 == len(widths), has_stride if i == self.strided else 1
            options = {"activation": None if last else jax.nn.relu, "stride": step}
            conv = layer(inner, width, window, groups=groups if window == 3 else 1, **options)
            setattr(self, f"conv{i + 1}", conv)
            inner = width
        same = stride == 1 and channels == inner
        short = None if same else layer(channels, inner, 1, stride=has_stride, activation=None)
        self.shortcut = short
        self.skip = nnx.Dropout(
            skipped, broadcast_dims=(-3, -2, -1), rngs=rngs if skipped else None
        )

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x (*batch, height, width, channels) to (*batch, height', width', widths[-1])."""
        how, around, phase, y = self.style.downsample, self.style.padding_mode, None, x
        for i in range(len(self.windows)):
            y = getattr(self, f"conv{i + 1}")(y)
            if i == self.strided:
                y, phase = shrink(y, self.stride, how, around)
        if self.shortcut is not None:
            x = self.shortcut(shrink(x, self.stride, how, around, phase)[0])
        return jax.nn.relu(x + self.skip(y))


resnet18 = partial(resnet, "resnet18")
resnet34 = partial(resnet, "resnet34")
resnet50 = partial(resnet, "resnet50")
resnet101 = partial(resnet, "resnet101")
resnet152 = partial(resnet, "resnet152")
resnext50_32x4d = partial(resnet, "resnext50_32x4d")
wide_resnet50_2 = partial(resnet, "wide_resnet50_2")
wide_resnet101_2 = partial(resnet, "wide_resnet101_2")
