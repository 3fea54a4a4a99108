"""Wide ResNet for images as small as CIFAR's: d = 6 n + 4 layers, of k times ResNet's channels.

    stage      output (32x32)    wide_resnet16_8   22_8   28_10   40_4
    stem       32 x 32 x 16      3x3
    stage1     32 x 32 x 16 k    n = 2             3      4       6 blocks [3x3 16 k, 3x3 16 k]
    stage2     16 x 16 x 32 k    as many                                   [3x3 32 k, 3x3 32 k]
    stage3      8 x  8 x 64 k    as many                                   [3x3 64 k, 3x3 64 k]
    norm        8 x  8 x 64 k    normalization, ReLU
    features   64 k              the mean of each map
    logits     10
    parameters                   11.0 M            17.2   36.5    8.9

Normalization and activation come before each convolution, not after it: y = x + f(relu(norm(x))).
So the shortcuts from the stem to the last stage hold only additions, and a 1x1 convolution of
relu(norm(x)) in the first block of each stage, which changes the number of channels. Dropout lies
between a block's two convolutions.

References:
    Zagoruyko and Komodakis, *Wide residual networks*, 2016, arXiv:1605.07146, table 1. He, Zhang,
    Ren and Sun, *Identity mappings in deep residual networks*, 2016, arXiv:1603.05027.
"""

from dataclasses import dataclass
from functools import partial

import jax
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments, nn
from cnn_jax import functional as F
from cnn_jax.geometry import PaddingMode

from .blocks import LEAST, Style, check_classes, check_images, drop_values, head, last


@dataclass(frozen=True)
class Variant:
    """The number of blocks per stage, and the channels of the first stage."""

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
    num_classes: int | None = 10,
    in_channels: int = 3,
    norm: str = "batch",
    downsample: str = "stride",
    padding_mode: PaddingMode = "zeros",
    dropout: float = 0.0,
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "WideResNet":
    """Make a Wide ResNet for small images; `wide_resnet28_10` and so on name the variant.

    The one for larger images, `wide_resnet50_2`, is a variant of `resnet`.

    ```
    >>> import jax.numpy as jnp
    >>> images = jnp.zeros((1, 32, 32, 3))
    >>> nnx.eval_shape(lambda: wide_resnet40_4(rngs=nnx.Rngs(0))(images)).shape
    (1, 10)

    ```

    Args:
        variant: a name of `VARIANTS`.
        num_classes: the number of logits; None leaves out the head, see `cnn_jax.models`.
        in_channels: channels of the images.
        norm: ``"batch"``, ``"group"`` (32 groups, or as many as divide the channels) or ``"none"``.
        downsample: how maps are halved: ``"stride"``; or without aliasing, ``"blur"`` or
            ``"polyphase"`` after a layer of stride 1. Polyphase needs a size that 4 divides.
        padding_mode: how the images and maps are padded: ``"zeros"``, ``"reflect"``,
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
    shape = VARIANTS[arguments.one_of("variant", variant, VARIANTS)]
    style = Style(
        norm=norm, downsample=downsample, padding_mode=padding_mode, dropout=dropout, dtype=dtype
    )
    return WideResNet(shape, num_classes, in_channels, style, rngs)


class WideResNet(nnx.Module):
    """A Wide ResNet for small images; see `wide_resnet`, which makes one."""

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
        channels = 16
        self.stem = bare(in_channels, channels, 3, 1, style, rngs)
        for stage in range(3):
            width, chain = variant.width * 2**stage, []
            for block in range(variant.blocks):
                stride = 2 if stage and not block else 1
                chain.append(Residual(channels, width, stride, style, rngs))
                channels = width
            setattr(self, f"stage{stage + 1}", nnx.Sequential(*chain))
        self.norm = style.normalization(channels, rngs)
        self.logits = head(channels, num_classes, style.dtype, rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, height, width, channels) to logits (*batch, num_classes)."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last.

        Args:
            images: (*batch, height, width, channels).

        Returns:
            stem, stage1, stage2, stage3: (*batch, height, width, channels), not normalized. norm:
            stage3 after normalization and ReLU. features, logits: (*batch, features).

        Raises:
            ValueError: if the images have another rank or other channels than the network, or are
                too small for it.
        """
        least = LEAST[self.style.downsample][self.style.padding_mode == "reflect"]
        check_images(images, self.in_channels, (least, least), "stage3")
        maps = {}
        maps["stem"] = x = self.stem(self.style.cast(images))
        for stage in ("stage1", "stage2", "stage3"):
            x = maps[stage] = getattr(self, stage)(x)
        maps["norm"] = jax.nn.relu(self.norm(x))
        if self.logits is not None:
            maps["features"] = F.global_avg_pool(maps["norm"], spatial_rank=2)
            maps["logits"] = self.logits(maps["features"])
        return maps


class Residual(nnx.Module):
    """A block: y = shortcut(x) + f(relu(norm(x))), where f is two 3x3 convolutions."""

    def __init__(self, channels: int, width: int, stride: int, style: Style, rngs: nnx.Rngs):
        has_stride = style.strides(stride)
        self.stride, self.style = stride, style
        self.norm = style.normalization(channels, rngs)
        self.conv1 = style.layer(rngs)(channels, width, 3, stride=has_stride)
        self.dropout = drop_values(style.dropout, rngs)
        self.conv2 = bare(width, width, 3, 1, style, rngs)
        changes = channels != width
        self.shortcut = bare(channels, width, 1, has_stride, style, rngs) if changes else None

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x (*batch, height, width, channels) to (*batch, height', width', width)."""
        ready = jax.nn.relu(self.norm(x))
        y, phase = self.style.shrink(self.conv1(ready), self.stride)
        y = self.conv2(self.dropout(y))
        if self.shortcut is not None:
            x = self.shortcut(self.style.shrink(ready, self.stride, phase)[0])
        return x + y


def bare(
    in_channels: int, out_channels: int, window: int, stride: int, style: Style, rngs: nnx.Rngs
) -> nn.Conv:
    """Make a convolution without normalization or activation after it: its output is added up."""
    return nn.Conv(
        in_channels,
        out_channels,
        (window, window),
        stride=stride,
        padding=window // 2,
        padding_mode=style.padding_mode,
        use_bias=style.norm == "none",
        dtype=style.dtype,
        rngs=rngs,
    )


wide_resnet16_4 = partial(wide_resnet, "wide_resnet16_4")
wide_resnet16_8 = partial(wide_resnet, "wide_resnet16_8")
wide_resnet22_8 = partial(wide_resnet, "wide_resnet22_8")
wide_resnet28_10 = partial(wide_resnet, "wide_resnet28_10")
wide_resnet40_2 = partial(wide_resnet, "wide_resnet40_2")
wide_resnet40_4 = partial(wide_resnet, "wide_resnet40_4")
