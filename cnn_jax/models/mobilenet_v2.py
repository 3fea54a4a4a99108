"""MobileNetV2: blocks with few channels outside and many inside, for a depthwise convolution.

    stage      output (224x224)   expansion   blocks   stride of the first
    stem       112 x 112 x 32     3x3 convolution      2
    stage1     112 x 112 x 16     1           1        1
    stage2      56 x  56 x 24     6           2        2
    stage3      28 x  28 x 32     6           3        2
    stage4      14 x  14 x 64     6           4        2
    stage5      14 x  14 x 96     6           3        1
    stage6       7 x   7 x 160    6           3        2
    stage7       7 x   7 x 320    6           1        1
    head         7 x   7 x 1280   1x1 convolution      1
    features   the mean of each map
    logits     1000

A block expands its input to 6 times the channels by a 1x1 convolution, filters each channel on its
own by a 3x3 depthwise convolution, which may have a stride, and projects to few channels by another
1x1 convolution. The projection has no activation: with few channels a ReLU would lose information.
Where neither size nor channels change, the input is added. The other activations are
min(relu(x), 6).

References:
    Sandler, Howard, Zhu, Zhmoginov and Chen, *MobileNetV2: inverted residuals and linear
    bottlenecks*, 2018, arXiv:1801.04381, table 2.
"""

import math
from dataclasses import dataclass

import jax
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments
from cnn_jax import functional as F
from cnn_jax.geometry import PaddingMode

from .blocks import Style, check_classes, check_images, drop_values, head, last, scaled


@dataclass(frozen=True)
class Stage:
    """A chain of equal blocks, but only the first may have a stride."""

    expansion: int  # channels inside of a block, over those of its input
    channels: int  # of each block's output
    blocks: int
    stride: int


@dataclass(frozen=True)
class Variant:
    """The channels of the first and last convolution, and the stages between them."""

    stem: int
    stages: tuple[Stage, ...]
    head: int


PUBLISHED = Variant(
    32,
    (
        Stage(1, 16, 1, 1),
        Stage(6, 24, 2, 2),
        Stage(6, 32, 3, 2),
        Stage(6, 64, 4, 2),
        Stage(6, 96, 3, 1),
        Stage(6, 160, 3, 2),
        Stage(6, 320, 1, 1),
    ),
    1280,
)


def of_width(width: float) -> Variant:
    """The network with `width` times the channels; its head never has fewer than 1280."""
    stages = tuple(
        Stage(stage.expansion, scaled(stage.channels, width), stage.blocks, stage.stride)
        for stage in PUBLISHED.stages
    )
    return Variant(scaled(PUBLISHED.stem, width), stages, scaled(PUBLISHED.head, max(1.0, width)))


def mobilenet_v2(
    *,
    width: float = 1.0,
    num_classes: int | None = 1000,
    in_channels: int = 3,
    norm: str = "batch",
    downsample: str = "stride",
    padding_mode: PaddingMode = "zeros",
    dropout: float = 0.2,
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "MobileNetV2":
    """Make a MobileNetV2.

    ```
    >>> import jax.numpy as jnp
    >>> images = jnp.zeros((1, 224, 224, 3))
    >>> nnx.eval_shape(lambda: mobilenet_v2(num_classes=10, rngs=nnx.Rngs(0))(images)).shape
    (1, 10)

    ```

    Args:
        width: factor on the published channels, which are then rounded to multiples of 8; the paper
            has 0.35, 0.5, 0.75, 1.0 and 1.4.
        num_classes: the number of logits; None leaves out the head, see `cnn_jax.models`.
        in_channels: channels of the images.
        norm: ``"batch"``, ``"group"`` (32 groups, or as many as divide the channels) or ``"none"``.
        downsample: how maps are halved: ``"stride"``; or without aliasing, for 2 to 4 times the
            work, ``"blur"`` or ``"polyphase"`` after a layer of stride 1. Polyphase needs a size
            that halves evenly 5 times.
        padding_mode: how the images and maps are padded: ``"zeros"``, ``"reflect"``,
            ``"replicate"``, ``"circular"``.
        dropout: the probability of dropping a feature before the logits, while training.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random streams ``params`` and, with dropout, ``dropout``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named, or `width` is not above 0.
    """
    shape = of_width(arguments.number("width", width, above=0, at_most=1000))
    style = Style(
        norm=norm, downsample=downsample, padding_mode=padding_mode, dropout=dropout, dtype=dtype
    )
    return MobileNetV2(shape, num_classes, in_channels, style, rngs)


class MobileNetV2(nnx.Module):
    """A MobileNetV2; see `mobilenet_v2`, which makes one."""

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
        self.in_channels, self.style, self.depth = in_channels, style, len(variant.stages)
        self.least = least_size(variant, style)
        layer, channels = style.layer(rngs, jax.nn.relu6), variant.stem
        self.stem = layer(in_channels, channels, 3, stride=style.strides(2))
        for number, stage in enumerate(variant.stages, 1):
            chain = []
            for block in range(stage.blocks):
                stride = 1 if block else stage.stride
                widths = (channels, channels * stage.expansion, stage.channels)
                chain.append(InvertedResidual(widths, stride, style, rngs))
                channels = stage.channels
            setattr(self, f"stage{number}", nnx.Sequential(*chain))
        self.head = layer(channels, variant.head, 1)
        self.dropout = drop_values(style.dropout, rngs)
        self.logits = head(variant.head, num_classes, style.dtype, rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, height, width, channels) to logits (*batch, num_classes)."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last.

        Args:
            images: (*batch, height, width, channels).

        Returns:
            stem, stage1 to stage7, head: (*batch, height, width, channels). features,
            logits: (*batch, features).

        Raises:
            ValueError: if the images have another rank or other channels than the network, or are
                too small for its padding or downsampling.
        """
        check_images(images, self.in_channels, (self.least, self.least), f"stage{self.depth}")
        maps = {}
        maps["stem"] = x = self.style.shrink(self.stem(self.style.cast(images)), 2)[0]
        for number in range(1, self.depth + 1):
            x = maps[f"stage{number}"] = getattr(self, f"stage{number}")(x)
        maps["head"] = self.head(x)
        if self.logits is not None:
            maps["features"] = F.global_avg_pool(maps["head"], spatial_rank=2)
            maps["logits"] = self.logits(self.dropout(maps["features"]))
        return maps


def least_size(variant: Variant, style: Style) -> int:
    """The smallest height and width with which no layer's input is too small.

    A reflection, as in the blur, needs 2 positions; polyphase sampling needs 2 for each output.
    """
    smallest = 2 * math.prod(stage.stride for stage in variant.stages)
    reflects = style.padding_mode == "reflect"
    if style.downsample == "polyphase":
        return smallest * (1 + reflects)
    if reflects:
        return smallest + 1
    return smallest // 2 + 1 if (style.downsample, style.padding_mode) == ("blur", "zeros") else 1


class InvertedResidual(nnx.Module):
    """A block: x + project(depthwise(expand(x))), without x where size or channels change.

    Args:
        widths: channels of the input, inside, and of the output; no expansion if the first two are
            equal.
        stride: of the depthwise convolution.
        style: see `Style`.
        rngs: the random streams.
    """

    def __init__(self, widths: tuple[int, int, int], stride: int, style: Style, rngs: nnx.Rngs):
        layer, (channels, inner, out) = style.layer(rngs, jax.nn.relu6), widths
        self.stride, self.style = stride, style
        self.adds = stride == 1 and channels == out
        self.expand = None if channels == inner else layer(channels, inner, 1)
        self.depthwise = layer(inner, inner, 3, stride=style.strides(stride), groups=inner)
        self.project = layer(inner, out, 1, activation=None)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x (*batch, height, width, channels) to (*batch, height', width', widths[-1])."""
        y = x if self.expand is None else self.expand(x)
        y, _ = self.style.shrink(self.depthwise(y), self.stride)
        return x + self.project(y) if self.adds else self.project(y)
