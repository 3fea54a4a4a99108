"""ResNet, ResNeXt and Wide ResNet for images such as ImageNet's: blocks that add to their input.

    stage     output (224x224)   resnet18, 34: basic blocks   resnet50, 101, 152: bottlenecks
    stem      112 x 112 x 64     7x7, stride 2                the same
    pool       56 x  56 x 64     3x3 maximum, stride 2        the same
    stage1     56 x  56          [3x3 64, 3x3 64]             [1x1 64, 3x3 64, 1x1 256]
    stage2     28 x  28          [3x3 128, 3x3 128]           [1x1 128, 3x3 128, 1x1 512]
    stage3     14 x  14          [3x3 256, 3x3 256]           [1x1 256, 3x3 256, 1x1 1024]
    stage4      7 x   7          [3x3 512, 3x3 512]           [1x1 512, 3x3 512, 1x1 2048]
    features   the mean of each map
    logits     1000

Each block adds what it computes to its input, y = relu(x + f(x)), so the gradient reaches every
block directly through the sums. Stages 2 to 4 halve the maps in their first block; there, and where
the number of channels changes, the shortcut is a 1x1 convolution.

References:
    He, Zhang, Ren and Sun, *Deep residual learning for image recognition*, 2015, arXiv:1512.03385,
    table 1. Xie et al., *Aggregated residual transformations for deep neural networks*, 2016,
    arXiv:1611.05431, table 1. Zagoruyko and Komodakis, *Wide residual networks*, 2016,
    arXiv:1605.07146.
"""

from dataclasses import dataclass, replace
from functools import partial

import jax
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments
from cnn_jax import functional as F
from cnn_jax.geometry import PaddingMode

from .blocks import Style, check_classes, check_images, drop_blocks, drop_values, head, last


@dataclass(frozen=True)
class Variant:
    """The number of blocks of each stage, and their kind."""

    blocks: tuple[int, int, int, int]
    bottleneck: bool = True  # 1x1, 3x3, 1x1, which gives 4 times its width; or 3x3, 3x3
    groups: int = 1  # of the 3x3 convolutions of bottlenecks
    width: int = 64  # channels of each group in the first stage; it doubles in each
    stem: str = "7x7"  # or "3x3"
    stride_on: str = "3x3"  # which convolution of a bottleneck has the stride; or the first "1x1"


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
    num_classes: int | None = 1000,
    in_channels: int = 3,
    stem: str = "7x7",
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
    >>> resnet18(num_classes=10, rngs=nnx.Rngs(0))(jax.numpy.zeros((1, 64, 64, 3))).shape
    (1, 10)

    ```

    Args:
        variant: a name of `VARIANTS`.
        num_classes: the number of logits; None leaves out the head, see `cnn_jax.models`.
        in_channels: channels of the images.
        stem: ``"7x7"``, stride 2 and a pool; or ``"3x3"``, neither, for images of 32x32.
        stride_on: which convolution of a bottleneck has the stride: ``"3x3"``, as is usual now (and
            in torchvision's weights), or the first ``"1x1"``, as in the paper.
        norm: ``"batch"``, ``"group"`` (32 groups) or ``"none"``.
        downsample: how maps are halved: ``"stride"``; or without aliasing, for 2 to 4 times the
            work, ``"blur"`` or ``"polyphase"`` after a layer of stride 1. Polyphase needs a size
            that halves evenly 5 times.
        padding_mode: how the images and maps are padded: ``"zeros"``, ``"reflect"``,
            ``"replicate"``, ``"circular"``.
        dropout: the probability of dropping a feature before the logits, while training.
        stochastic_depth: the probability of skipping the last block, while training; that of block
            l of L is l / L times this (Huang et al. 2016, arXiv:1603.09382, equation 4).
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random streams ``params`` and, with dropout or stochastic depth, ``dropout``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named.
    """
    shape = VARIANTS[arguments.one_of("variant", variant, VARIANTS)]
    shape = replace(shape, stem=arguments.one_of("stem", stem, ("7x7", "3x3")))
    shape = replace(shape, stride_on=arguments.one_of("stride_on", stride_on, ("3x3", "1x1")))
    style = Style(
        norm=norm,
        downsample=downsample,
        padding_mode=padding_mode,
        dropout=dropout,
        stochastic_depth=stochastic_depth,
        dtype=dtype,
    )
    return ResNet(shape, num_classes, in_channels, style, rngs)


class ResNet(nnx.Module):
    """A ResNet; see `resnet`, which makes one."""

    HEAD = ("logits",)

    def __init__(
        self,
        variant: Variant,
        num_classes: int | None,
        in_channels: int,
        style: Style,
        rngs: nnx.Rngs,
    ):
        self.num_classes = check_classes(num_classes)
        self.in_channels, self.style = in_channels, style
        self.pools = variant.stem == "7x7"
        window, stride = (7, style.strides(2)) if self.pools else (3, 1)
        self.stem = style.layer(rngs)(in_channels, 64, window, stride=stride)
        channels, number, depth = 64, 0, sum(variant.blocks)
        for stage, blocks in enumerate(variant.blocks):
            inner = variant.width * variant.groups * 2**stage
            widths = (inner, inner, 256 * 2**stage) if variant.bottleneck else (inner, inner)
            chain = []
            for block in range(blocks):
                number += 1
                stride = 2 if stage and not block else 1
                skipped = style.stochastic_depth * number / depth
                chain.append(Residual(channels, widths, stride, variant, style, skipped, rngs))
                channels = widths[-1]
            setattr(self, f"stage{stage + 1}", nnx.Sequential(*chain))
        self.dropout = drop_values(style.dropout, rngs)
        self.logits = head(channels, num_classes, style.dtype, rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, height, width, channels) to logits (*batch, num_classes)."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last.

        Args:
            images: (*batch, height, width, channels).

        Returns:
            stem, pool (after a 7x7 stem), stage1, stage2, stage3, stage4: (*batch, height, width,
            channels). features, logits: (*batch, features).

        Raises:
            ValueError: if the images have another rank or other channels than the network.
        """
        style, least = self.style, least_size(self.style)
        check_images(images, self.in_channels, (least, least), "stage4")
        x = self.stem(style.cast(images))
        maps = {"stem": style.shrink(x, 2)[0] if self.pools else x}
        if self.pools:
            maps["pool"] = x = style.max_pool(maps["stem"], 3, 2, 1)
        for stage in ("stage1", "stage2", "stage3", "stage4"):
            x = maps[stage] = getattr(self, stage)(x)
        if self.logits is not None:
            maps["features"] = F.global_avg_pool(x, spatial_rank=2)
            maps["logits"] = self.logits(self.dropout(maps["features"]))
        return maps


def least_size(style: Style) -> int:
    """The smallest height and width with which no layer fails: a reflection needs 2 rows."""
    if style.downsample == "polyphase":  # it halves five times, without a remainder
        return 64 if style.padding_mode == "reflect" else 32
    if style.padding_mode == "reflect":
        return 33
    blurs = style.downsample == "blur" and style.padding_mode == "zeros"  # which it reflects
    return 17 if blurs else 1


class Residual(nnx.Module):
    """A block: y = relu(shortcut(x) + f(x)), where f is two or three convolutions."""

    def __init__(
        self,
        channels: int,
        widths: tuple[int, ...],
        stride: int,
        variant: Variant,
        style: Style,
        skipped: float,
        rngs: nnx.Rngs,
    ):
        layer, has_stride = style.layer(rngs), style.strides(stride)
        self.windows = (1, 3, 1) if variant.bottleneck else (3, 3)
        # The convolution that makes the maps smaller, counted from 0.
        self.strided = int(variant.bottleneck and variant.stride_on == "3x3")
        self.stride, self.style = stride, style
        inner = channels
        for i, (window, width) in enumerate(zip(self.windows, widths)):
            is_last, step = i + 1 == len(widths), has_stride if i == self.strided else 1
            groups = variant.groups if window == 3 else 1
            activation = None if is_last else jax.nn.relu
            options = {"stride": step, "groups": groups, "activation": activation}
            setattr(self, f"conv{i + 1}", layer(inner, width, window, **options))
            inner = width
        same = stride == 1 and channels == inner
        short = None if same else layer(channels, inner, 1, stride=has_stride, activation=None)
        self.shortcut = short
        self.skip = drop_blocks(skipped, rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x (*batch, height, width, channels) to (*batch, height', width', widths[-1])."""
        phase, y = None, x
        for i in range(len(self.windows)):
            y = getattr(self, f"conv{i + 1}")(y)
            if i == self.strided:
                y, phase = self.style.shrink(y, self.stride)
        if self.shortcut is not None:
            x = self.shortcut(self.style.shrink(x, self.stride, phase)[0])
        return jax.nn.relu(x + self.skip(y))


resnet18 = partial(resnet, "resnet18")
resnet34 = partial(resnet, "resnet34")
resnet50 = partial(resnet, "resnet50")
resnet101 = partial(resnet, "resnet101")
resnet152 = partial(resnet, "resnet152")
resnext50_32x4d = partial(resnet, "resnext50_32x4d")
wide_resnet50_2 = partial(resnet, "wide_resnet50_2")
wide_resnet101_2 = partial(resnet, "wide_resnet101_2")
