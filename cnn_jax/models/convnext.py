"""ConvNeXt: a convolutional network with the design choices of vision transformers.

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
dense layers at each position, with 4 times the channels and a GELU (the exact one, by the error
function) between them. Its result is multiplied by a learned scale per channel (layer scale), small
at first, and added to its input.

References:
    Liu, Mao, Wu, Feichtenhofer, Darrell and Xie, *A ConvNet for the 2020s*, 2022,
    arXiv:2201.03545, table 9. Layer scale: Touvron et al., *Going deeper with image transformers*,
    2021, arXiv:2103.17239, section 2.
"""

from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jax.nn.initializers import truncated_normal
from jax.typing import DTypeLike

from cnn_jax import arguments, nn
from cnn_jax import functional as F
from cnn_jax.geometry import PaddingMode

from .blocks import Style, check_classes, check_images, drop_blocks, drop_values, last

EXPANSION = 4  # channels between a block's two dense layers, over those of its input


@dataclass(frozen=True)
class Variant:
    """The blocks and channels of each stage, and the paper's options for this variant.

    Attributes:
        blocks: of each stage.
        channels: of each stage.
        stochastic_depth: the probability of skipping the last block, for ImageNet.
        layer_scale: initial value of the learned scale of each block's output.
    """

    blocks: tuple[int, int, int, int]
    channels: tuple[int, int, int, int]
    stochastic_depth: float
    layer_scale: float = 1e-6


VARIANTS = {
    "convnext_tiny": Variant((3, 3, 9, 3), (96, 192, 384, 768), 0.1),
    "convnext_small": Variant((3, 3, 27, 3), (96, 192, 384, 768), 0.4),
    "convnext_base": Variant((3, 3, 27, 3), (128, 256, 512, 1024), 0.5),
    "convnext_large": Variant((3, 3, 27, 3), (192, 384, 768, 1536), 0.5),
}


def convnext(
    variant: str,
    *,
    num_classes: int | None = 1000,
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
        num_classes: the number of logits; None leaves out the head, see `cnn_jax.models`.
        in_channels: channels of the images.
        padding_mode: how the maps are padded in the blocks: ``"zeros"``, ``"reflect"``,
            ``"replicate"``, ``"circular"``.
        layer_scale: initial value of the learned scale of each block's output.
        dropout: the probability of dropping a feature before the logits, while training.
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
    shape = VARIANTS[arguments.one_of("variant", variant, VARIANTS)]
    shape = replace(shape, layer_scale=arguments.number("layer_scale", layer_scale, above=0))
    style = Style(
        padding_mode=padding_mode,
        dropout=dropout,
        stochastic_depth=shape.stochastic_depth if stochastic_depth is None else stochastic_depth,
        dtype=dtype,
    )
    return ConvNeXt(shape, num_classes, in_channels, style, rngs)


class ConvNeXt(nnx.Module):
    """A ConvNeXt; see `convnext`, which makes one."""

    HEAD = ("norm", "logits")

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
        layers, channels = Layers(style.dtype, rngs), variant.channels[0]
        patches = layers.conv(in_channels, channels, (4, 4), stride=4)
        self.stem = nnx.Sequential(patches, layers.norm(channels))
        number, depth = 0, sum(variant.blocks)
        for stage, (blocks, width) in enumerate(zip(variant.blocks, variant.channels), 1):
            if stage > 1:
                halves = layers.conv(channels, width, (2, 2), stride=2)
                norm = layers.norm(channels)
                setattr(self, f"downsample{stage}", nnx.Sequential(norm, halves))
            channels, chain = width, []
            for _ in range(blocks):
                skipped = style.stochastic_depth * number / max(1, depth - 1)
                chain.append(Block(channels, variant.layer_scale, style, skipped, rngs))
                number += 1
            setattr(self, f"stage{stage}", nnx.Sequential(*chain))
        self.norm = None if num_classes is None else layers.norm(channels)
        self.dropout = drop_values(style.dropout, rngs)
        self.logits = None if num_classes is None else layers.dense(channels, num_classes)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, height, width, channels) to logits (*batch, num_classes)."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last.

        Args:
            images: (*batch, height, width, channels), of at least 32x32, with reflection 64x64.

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
        check_images(images, self.in_channels, (least, least), layer)
        maps = {}
        maps["stem"] = x = self.stem(self.style.cast(images))
        for stage in range(1, 5):
            if stage > 1:
                name = f"downsample{stage}"
                x = maps[name] = getattr(self, name)(x)
            x = maps[f"stage{stage}"] = getattr(self, f"stage{stage}")(x)
        if self.norm is not None and self.logits is not None:
            maps["features"] = self.norm(F.global_avg_pool(x, spatial_rank=2))
            maps["logits"] = self.logits(self.dropout(maps["features"]))
        return maps


class Layers:
    """The constructors of this network's layers; weights start with a deviation of 0.02."""

    def __init__(self, dtype: DTypeLike | None, rngs: nnx.Rngs):
        options = {"kernel_init": nn.flat(truncated_normal(0.02)), "dtype": dtype, "rngs": rngs}
        self.conv = partial(nn.Conv, **options)
        self.dense = partial(nnx.Linear, **options)
        # Over the channels of each position.
        self.norm = partial(nnx.LayerNorm, epsilon=1e-6, dtype=dtype, rngs=rngs)


class Block(nnx.Module):
    """x + scale * contract(gelu(expand(norm(depthwise(x))))).

    Args:
        channels: of the input and the output.
        scale: initial value of the layer scale.
        style: see `Style`.
        skipped: the probability of skipping the block, while training.
        rngs: the random streams.
    """

    def __init__(self, channels: int, scale: float, style: Style, skipped: float, rngs: nnx.Rngs):
        layers = Layers(style.dtype, rngs)
        around = {"padding": 3, "padding_mode": style.padding_mode}
        self.depthwise = layers.conv(channels, channels, (7, 7), groups=channels, **around)
        self.norm = layers.norm(channels)
        self.expand = layers.dense(channels, EXPANSION * channels)
        self.contract = layers.dense(EXPANSION * channels, channels)
        self.layer_scale = nnx.Param(jnp.full(channels, scale, jnp.float32))
        self.skip = drop_blocks(skipped, rngs)

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
