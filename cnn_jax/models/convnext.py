"""ConvNeXt: a convolutional network with all that made vision transformers learn better.

    stage         output (224x224)   tiny     small    base      large
    stem           56 x  56          4x4, stride 4, as patches; layer normalization
    stage1         56 x  56          3x 96    3x 96    3x 128    3x 192    blocks x channels
    downsample2    28 x  28          layer normalization; 2x2, stride 2
    stage2         28 x  28          3x 192   3x 192   3x 256    3x 384
    downsample3    14 x  14
    stage3         14 x  14          9x 384   27x 384  27x 512   27x 768
    downsample4     7 x   7
    stage4          7 x   7          3x 768   3x 768   3x 1024   3x 1536
    features      the mean of each map; layer normalization
    logits        1000

A block is a 7x7 depthwise convolution, a normalization over the channels of each position, and two
dense layers there, with 4 times the channels between them and one GELU (the exact one, by the error
function). What it computes is multiplied by a learned number for each channel, small at first, and
added to its input.

References:
    Liu, Mao, Wu, Feichtenhofer, Darrell and Xie, *A ConvNet for the 2020s*, 2022,
    arXiv:2201.03545, table 9. The small numbers: Touvron et al., *Going deeper with image
    transformers*, 2021, arXiv:2103.17239, section 2.
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jax.nn.initializers import truncated_normal
from jax.typing import DTypeLike

from cnn_jax import functional as F
from cnn_jax import nn
from cnn_jax.geometry import PADDING_MODES, PaddingMode

from . import _checks as checks
from ._conv_norm import in_dtype

EXPANSION = 4  # channels between a block's two dense layers, for each of its input's


@dataclass(frozen=True)
class Variant:
    """How many blocks and channels each stage has, and how often the last block is skipped."""

    blocks: tuple[int, int, int, int]
    channels: tuple[int, int, int, int]
    stochastic_depth: float


VARIANTS = {
    "convnext_tiny": Variant((3, 3, 9, 3), (96, 192, 384, 768), 0.1),
    "convnext_small": Variant((3, 3, 27, 3), (96, 192, 384, 768), 0.4),
    "convnext_base": Variant((3, 3, 27, 3), (128, 256, 512, 1024), 0.5),
    "convnext_large": Variant((3, 3, 27, 3), (192, 384, 768, 1536), 0.5),
}


def convnext(
    variant: str,
    *,
    num_classes: int = 1000,
    in_channels: int = 3,
    padding_mode: PaddingMode = "zeros",
    layer_scale: float = 1e-6,
    dropout: float = 0.0,
    stochastic_depth: float | None = None,
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "ConvNeXt":
    """Make a ConvNeXt; `convnext_tiny` to `convnext_large` name the variant.

    ```
    >>> images = jnp.zeros((1, 224, 224, 3))
    >>> nnx.eval_shape(lambda: convnext_tiny(num_classes=10, rngs=nnx.Rngs(0))(images)).shape
    (1, 10)

    ```

    Args:
        variant: a name of `VARIANTS`.
        num_classes: the number of logits.
        in_channels: channels of the images.
        padding_mode: what stands around the maps of the blocks: ``"zeros"``, ``"reflect"``,
            ``"replicate"``, ``"circular"``.
        layer_scale: what each block's output is multiplied by at first.
        dropout: the probability of dropping a feature in front of the logits, while training.
        stochastic_depth: the probability of skipping the last block, while training; it grows with
            depth from 0 (Huang et al. 2016, arXiv:1603.09382). None means the paper's for ImageNet:
            0.1, 0.4, 0.5 and 0.5.
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
    checks.one_of("padding_mode", padding_mode, PADDING_MODES)
    checks.positive("layer_scale", layer_scale)
    if stochastic_depth is None:
        stochastic_depth = VARIANTS[variant].stochastic_depth
    checks.probability("dropout", dropout)
    checks.probability("stochastic_depth", stochastic_depth)
    style = Style(padding_mode, layer_scale, dropout, stochastic_depth, dtype)
    return ConvNeXt(VARIANTS[variant], num_classes, in_channels, style, rngs)


@dataclass(frozen=True)
class Style:
    """What all layers of a network have in common; see `convnext`."""

    padding_mode: PaddingMode = "zeros"
    layer_scale: float = 1e-6
    dropout: float = 0.0
    stochastic_depth: float = 0.0
    dtype: DTypeLike | None = None

    def conv(self, rngs: nnx.Rngs) -> partial[nn.Conv]:
        """What makes a convolution of this network."""
        return partial(nn.Conv, kernel_init=truncated_normal(0.02), dtype=self.dtype, rngs=rngs)

    def dense(self, rngs: nnx.Rngs) -> partial[nnx.Linear]:
        """What makes a dense layer."""
        return partial(nnx.Linear, kernel_init=truncated_normal(0.02), dtype=self.dtype, rngs=rngs)

    def norm(self, channels: int, rngs: nnx.Rngs) -> nnx.LayerNorm:
        """Make a normalization over the channels of each position."""
        return nnx.LayerNorm(channels, epsilon=1e-6, dtype=self.dtype, rngs=rngs)


class ConvNeXt(nnx.Module):
    """A ConvNeXt; see `convnext`, which makes one."""

    def __init__(
        self, variant: Variant, num_classes: int, in_channels: int, style: Style, rngs: nnx.Rngs
    ):
        self.in_channels, self.style = in_channels, style
        conv, channels = style.conv(rngs), variant.channels[0]
        patches = conv(in_channels, channels, (4, 4), stride=4)
        self.stem = nnx.Sequential(patches, style.norm(channels, rngs))
        number, depth = 0, sum(variant.blocks)
        for stage, (blocks, width) in enumerate(zip(variant.blocks, variant.channels), 1):
            if stage > 1:
                halves = conv(channels, width, (2, 2), stride=2)
                norm = style.norm(channels, rngs)
                setattr(self, f"downsample{stage}", nnx.Sequential(norm, halves))
            channels, chain = width, []
            for _ in range(blocks):
                skipped = style.stochastic_depth * number / max(1, depth - 1)
                chain.append(Block(channels, style, skipped, rngs))
                number += 1
            setattr(self, f"stage{stage}", nnx.Sequential(*chain))
        self.norm = style.norm(channels, rngs)
        self.dropout = nnx.Dropout(style.dropout, rngs=rngs if style.dropout else None)
        self.logits = style.dense(rngs)(channels, num_classes)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, height, width, channels) to logits (*batch, num_classes)."""
        return self.feature_maps(images)["logits"]

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last.

        Args:
            images: (*batch, height, width, channels), of at least 32x32, with reflections 64x64.

        Returns:
            stem, stage1, downsample2, stage2, downsample3, stage3, downsample4, stage4:
            (*batch, height, width, channels). features, logits: (*batch, features).

        Raises:
            ValueError: if the images have another rank or other channels than the network, or are
                too small for it.
        """
        least, layer = 32, "downsample4"
        if self.style.padding_mode == "reflect":  # which needs 2 positions
            least, layer = 64, "stage4"
        checks.images(images, self.in_channels, (least, least), layer)
        maps = {}
        maps["stem"] = x = self.stem(in_dtype(images, self.style.dtype))
        for stage in range(1, 5):
            if stage > 1:
                name = f"downsample{stage}"
                x = maps[name] = getattr(self, name)(x)
            x = maps[f"stage{stage}"] = getattr(self, f"stage{stage}")(x)
        maps["features"] = self.norm(F.global_avg_pool(x, spatial_rank=2))
        maps["logits"] = self.logits(self.dropout(maps["features"]))
        return maps


class Block(nnx.Module):
    """x + scale * contract(gelu(expand(norm(depthwise(x))))).

    Args:
        channels: of the input and the output.
        style: see `Style`.
        skipped: the probability of skipping the block, while training.
        rngs: the random streams.
    """

    def __init__(self, channels: int, style: Style, skipped: float, rngs: nnx.Rngs):
        conv, dense = style.conv(rngs), style.dense(rngs)
        around = {"padding": 3, "padding_mode": style.padding_mode}
        self.depthwise = conv(channels, channels, (7, 7), groups=channels, **around)
        self.norm = style.norm(channels, rngs)
        self.expand = dense(channels, EXPANSION * channels)
        self.contract = dense(EXPANSION * channels, channels)
        self.layer_scale = nnx.Param(jnp.full(channels, style.layer_scale, jnp.float32))
        self.skip = nnx.Dropout(
            skipped, broadcast_dims=(-3, -2, -1), rngs=rngs if skipped else None
        )

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x (*batch, height, width, channels) to the same shape."""
        y = self.expand(self.norm(self.depthwise(x)))
        y = self.contract(jax.nn.gelu(y, approximate=False))
        scale = self.layer_scale[...].astype(y.dtype)
        return x + self.skip(y * jnp.broadcast_to(scale, y.shape))


convnext_tiny = partial(convnext, "convnext_tiny")
convnext_small = partial(convnext, "convnext_small")
convnext_base = partial(convnext, "convnext_base")
convnext_large = partial(convnext, "convnext_large")
