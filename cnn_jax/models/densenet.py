"""DenseNet: every layer sees the outputs of all layers before it, and adds a few maps to them.

    stage          output (224x224)   densenet121   169   201   161   21
    stem           112 x 112          64            64    64    96    64 channels
    pool            56 x  56          3x3 maximum, stride 2
    block1          56 x  56          6             6     6     6     4 layers
    transition1     28 x  28          1x1, which halves the channels; 2x2 mean, stride 2
    block2          28 x  28          12            12    12    12    4
    transition2     14 x  14
    block3          14 x  14          24            32    48    36    4
    transition3      7 x   7
    block4           7 x   7          16            32    32    24    4
    norm             7 x   7          1024          1664  1920  2208  248 channels
    features       the mean of each map
    logits         1000

A layer is a 1x1 convolution to 4 k channels and a 3x3 convolution to k, each after a normalization
and a ReLU; its k maps (the growth rate: 32, or 48 in densenet161) are appended to its input. So the
gradient reaches every layer directly, and a layer need not have more than k maps. densenet21 has
no 1x1 convolution in its layers, as in section 8.7 of *Dive into Deep Learning*.

References:
    Huang, Liu, van der Maaten and Weinberger, *Densely connected convolutional networks*, 2016,
    arXiv:1608.06993, table 1: DenseNet-BC, with compression 0.5. Zhang et al., *Dive into Deep
    Learning*, section 8.7.
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments, nn
from cnn_jax import functional as F
from cnn_jax.geometry import PaddingMode

from .blocks import Style, check_classes, check_images, drop_values, head, last

# The smallest images: without and with ``padding_mode="reflect"``. A mean and polyphase sampling
# need 2 positions for each output; a reflection, as in the blur, needs 2 in all.
LEAST = {"stride": (29, 61), "blur": (17, 33), "polyphase": (32, 64)}


@dataclass(frozen=True)
class Variant:
    """How many layers each block has, and what they are.

    Attributes:
        blocks: layers of each block.
        growth: maps that each layer adds.
        stem: channels of the first convolution.
        bottleneck: channels between a layer's two convolutions, in units of `growth`; 0 leaves out
            the first of them.
    """

    blocks: tuple[int, int, int, int]
    growth: int = 32
    stem: int = 64
    bottleneck: int = 4


VARIANTS = {
    "densenet121": Variant((6, 12, 24, 16)),
    "densenet169": Variant((6, 12, 32, 32)),
    "densenet201": Variant((6, 12, 48, 32)),
    "densenet161": Variant((6, 12, 36, 24), growth=48, stem=96),
    "densenet21": Variant((4, 4, 4, 4), bottleneck=0),
}


def densenet(
    variant: str,
    *,
    num_classes: int | None = 1000,
    in_channels: int = 3,
    norm: str = "batch",
    downsample: str = "stride",
    padding_mode: PaddingMode = "zeros",
    dropout: float = 0.0,
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "DenseNet":
    """Make a DenseNet; `densenet121`, `densenet21` and so on name the variant.

    ```
    >>> model = nnx.eval_shape(lambda: densenet121(num_classes=10, rngs=nnx.Rngs(0)))
    >>> model.eval()
    >>> images = jnp.zeros((1, 224, 224, 3))
    >>> nnx.eval_shape(lambda model: model(images), model).shape
    (1, 10)

    ```

    Args:
        variant: a name of `VARIANTS`.
        num_classes: the number of logits; None leaves out the head, see `cnn_jax.models`.
        in_channels: channels of the images.
        norm: ``"batch"``, ``"group"`` (32 groups, or as many as divide the channels) or ``"none"``.
        downsample: how maps are halved: ``"stride"``, with means in the transitions; or without
            aliasing, ``"blur"`` or ``"polyphase"`` in place of both. Polyphase needs a size that
            halves evenly 5 times.
        padding_mode: how the images and maps are padded: ``"zeros"``, ``"reflect"``,
            ``"replicate"``, ``"circular"``.
        dropout: the probability of dropping an element of what a layer adds, while training. The
            paper has none for ImageNet, 0.2 where images are few and not augmented.
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
    return DenseNet(shape, num_classes, in_channels, style, rngs)


class DenseNet(nnx.Module):
    """A DenseNet; see `densenet`, which makes one."""

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
        self.stem = style.layer(rngs)(in_channels, variant.stem, 7, stride=style.strides(2))
        channels, growth = variant.stem, variant.growth
        for block, number in enumerate(variant.blocks, 1):
            if block > 1:
                transition = Transition(channels, style, rngs)
                setattr(self, f"transition{block - 1}", transition)
                channels //= 2
            chain = [Dense(channels + i * growth, variant, style, rngs) for i in range(number)]
            setattr(self, f"block{block}", nnx.Sequential(*chain))
            channels += number * growth
        self.norm = style.normalization(channels, rngs)
        self.logits = head(channels, num_classes, style.dtype, rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, height, width, channels) to logits (*batch, num_classes)."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last.

        Args:
            images: (*batch, height, width, channels), of at least 29x29 (see `LEAST`).

        Returns:
            stem, pool, block1, transition1, block2, transition2, block3, transition3, block4, norm:
            (*batch, height, width, channels). features, logits: (*batch, features).

        Raises:
            ValueError: if the images have another rank or other channels than the network, or are
                too small for it.
        """
        style = self.style
        least = LEAST[style.downsample][style.padding_mode == "reflect"]
        check_images(images, self.in_channels, (least, least), "transition3")
        maps = {}
        maps["stem"] = style.shrink(self.stem(style.cast(images)), 2)[0]
        maps["pool"] = x = style.max_pool(maps["stem"], 3, 2, 1)
        for block in range(1, 5):
            if block > 1:
                name = f"transition{block - 1}"
                x = maps[name] = getattr(self, name)(x)
            x = maps[f"block{block}"] = getattr(self, f"block{block}")(x)
        maps["norm"] = jax.nn.relu(self.norm(x))
        if self.logits is not None:
            maps["features"] = F.global_avg_pool(maps["norm"], spatial_rank=2)
            maps["logits"] = self.logits(maps["features"])
        return maps


class Dense(nnx.Module):
    """A layer: y = [x, f(x)], where f is norm, ReLU, 1x1 convolution, norm, ReLU, 3x3.

    Without a bottleneck, f is norm, ReLU, 3x3.
    """

    def __init__(self, channels: int, variant: Variant, style: Style, rngs: nnx.Rngs):
        self.norm, reduce = style.normalization(channels, rngs), None
        if variant.bottleneck:
            narrow = variant.bottleneck * variant.growth
            reduce, channels = style.layer(rngs)(channels, narrow, 1), narrow
        self.reduce = reduce
        self.conv = nn.Conv(
            channels,
            variant.growth,
            (3, 3),
            padding=1,
            padding_mode=style.padding_mode,
            use_bias=style.norm == "none",
            dtype=style.dtype,
            rngs=rngs,
        )
        self.dropout = drop_values(style.dropout, rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x (*batch, height, width, channels) to (*batch, height, width, channels + growth)."""
        new = jax.nn.relu(self.norm(x))
        if self.reduce is not None:
            new = self.reduce(new)
        return jnp.concatenate((x, self.dropout(self.conv(new))), axis=-1)


class Transition(nnx.Module):
    """Normalization, ReLU, 1x1 convolution to half the channels, downsampling to half the size."""

    def __init__(self, channels: int, style: Style, rngs: nnx.Rngs):
        self.style = style
        self.norm = style.normalization(channels, rngs)
        use_bias = style.norm == "none"
        self.conv = nn.Conv(
            channels, channels // 2, (1, 1), use_bias=use_bias, dtype=style.dtype, rngs=rngs
        )

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x (*batch, height, width, channels) to (*batch, height', width', channels // 2)."""
        y = self.conv(jax.nn.relu(self.norm(x)))
        if self.style.downsample == "stride":
            return F.avg_pool(y, (2, 2))
        return self.style.shrink(y, 2)[0]


densenet121 = partial(densenet, "densenet121")
densenet169 = partial(densenet, "densenet169")
densenet201 = partial(densenet, "densenet201")
densenet161 = partial(densenet, "densenet161")
densenet21 = partial(densenet, "densenet21")
