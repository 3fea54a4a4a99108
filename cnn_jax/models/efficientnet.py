"""EfficientNet: one network found by search, made larger in depth, width and image size at once.

    stage      output of b0       block                                  blocks   stride
    stem       112 x 112 x 32     3x3 convolution                                 2
    stage1     112 x 112 x 16     3x3, expansion 1                       1        1
    stage2      56 x  56 x 24     3x3, expansion 6                       2        2
    stage3      28 x  28 x 40     5x5, expansion 6                       2        2
    stage4      14 x  14 x 80     3x3, expansion 6                       3        2
    stage5      14 x  14 x 112    5x5, expansion 6                       3        1
    stage6       7 x   7 x 192    5x5, expansion 6                       4        2
    stage7       7 x   7 x 320    3x3, expansion 6                       1        1
    head         7 x   7 x 1280   1x1 convolution
    features   the mean of each map
    logits     1000

A block is MobileNetV2's: a 1x1 convolution expands the channels, a depthwise one filters each (with
a stride in a stage's first block), and a 1x1 one projects them back, without an activation. Before
the projection comes squeeze and excitation: each map is multiplied by a gate, which two dense
layers compute from the means of all maps. The activation is swish, x sigmoid(x).

The authors' code pads a stride-2 convolution by TensorFlow's "SAME": for an even size, one less
above and on the left than below and on the right. Here, as in torchvision, all sides get half the
window, so for the authors' weights (timm's ``tf_efficientnet``) maps are shifted by one position.

References:
    Tan and Le, *EfficientNet: rethinking model scaling for convolutional neural networks*, 2019,
    arXiv:1905.11946, table 1.
"""

import math
from dataclasses import dataclass
from functools import partial

import jax
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments
from cnn_jax import functional as F

from .blocks import (
    SqueezeExcite,
    Style,
    check_classes,
    check_images,
    drop_blocks,
    drop_values,
    head,
    last,
    scaled,
)

STEM = 32  # channels of the first convolution
B0 = (  # window, expansion, channels, blocks, stride of the first block
    (3, 1, 16, 1, 1),
    (3, 6, 24, 2, 2),
    (5, 6, 40, 2, 2),
    (3, 6, 80, 3, 2),
    (5, 6, 112, 3, 1),
    (5, 6, 192, 4, 2),
    (3, 6, 320, 1, 1),
)


@dataclass(frozen=True)
class Variant:
    """Factors on the channels and blocks of `stages`, and the options that go with them."""

    width: float
    depth: float
    dropout: float
    epsilon: float = 1e-5  # of batch normalization, torchvision's, like the momentum
    momentum: float = 0.9
    stages: tuple[tuple[int, int, int, int, int], ...] = B0


VARIANTS = {
    "efficientnet_b0": Variant(1.0, 1.0, 0.2),
    "efficientnet_b1": Variant(1.0, 1.1, 0.2),
    "efficientnet_b2": Variant(1.1, 1.2, 0.3),
    "efficientnet_b3": Variant(1.2, 1.4, 0.3),
    "efficientnet_b4": Variant(1.4, 1.8, 0.4),
    "efficientnet_b5": Variant(1.6, 2.2, 0.4, 1e-3, 0.99),
    "efficientnet_b6": Variant(1.8, 2.6, 0.5, 1e-3, 0.99),
    "efficientnet_b7": Variant(2.0, 3.1, 0.5, 1e-3, 0.99),
}


def efficientnet(
    variant: str,
    *,
    num_classes: int | None = 1000,
    in_channels: int = 3,
    norm: str = "batch",
    epsilon: float | None = None,
    dropout: float | None = None,
    stochastic_depth: float = 0.2,
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "EfficientNet":
    """Make an EfficientNet; `efficientnet_b0` to `efficientnet_b7` name the variant.

    ```
    >>> import jax.numpy as jnp
    >>> images = jnp.zeros((1, 224, 224, 3))
    >>> nnx.eval_shape(lambda: efficientnet_b0(num_classes=10, rngs=nnx.Rngs(0))(images)).shape
    (1, 10)

    ```

    Args:
        variant: a name of `VARIANTS`. The paper's images for b0 to b7 have a height and width of
            224, 240, 260, 300, 380, 456, 528 and 600.
        num_classes: the number of logits; None leaves out the head, see `cnn_jax.models`.
        in_channels: channels of the images.
        norm: ``"batch"``, ``"group"`` (32 groups, or as many as divide the channels) or ``"none"``.
        epsilon: added to variances; None means torchvision's: 1e-5 up to b4, 1e-3 from b5 on. The
            paper has 1e-3 in all, timm's weights need 1e-5 in all.
        dropout: the probability of dropping a feature before the logits, while training; None means
            the paper's, 0.2 in b0 to 0.5 in b7.
        stochastic_depth: the probability of skipping a block, while training, grows with depth from
            0 to almost this (Huang et al. 2016, arXiv:1603.09382).
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random streams ``params`` and, with dropout or stochastic depth, ``dropout``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named.
    """
    size = VARIANTS[arguments.one_of("variant", variant, VARIANTS)]
    style = Style(
        norm=norm,
        epsilon=size.epsilon if epsilon is None else epsilon,
        momentum=size.momentum,
        dropout=size.dropout if dropout is None else dropout,
        stochastic_depth=stochastic_depth,
        dtype=dtype,
    )
    return EfficientNet(size, num_classes, in_channels, style, rngs)


class EfficientNet(nnx.Module):
    """An EfficientNet; see `efficientnet`, which makes one."""

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
        layer, channels, passed = style.layer(rngs, jax.nn.silu), scaled(STEM, variant.width), 0
        self.stem = layer(in_channels, channels, 3, stride=2)
        lengths = [math.ceil(blocks * variant.depth) for _, _, _, blocks, _ in variant.stages]
        for stage, (window, expansion, width, _, stride) in enumerate(variant.stages):
            out, chain = scaled(width, variant.width), []
            for block in range(lengths[stage]):
                widths, step = (channels, channels * expansion, out), 1 if block else stride
                skipped = style.stochastic_depth * passed / sum(lengths)
                chain.append(Block(widths, window, step, style, skipped, rngs))
                channels, passed = out, passed + 1
            setattr(self, f"stage{stage + 1}", nnx.Sequential(*chain))
        self.head = layer(channels, 4 * channels, 1)
        self.dropout = drop_values(style.dropout, rngs)
        self.logits = head(4 * channels, num_classes, style.dtype, rngs)

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
            ValueError: if the images have another rank or other channels than the network.
        """
        check_images(images, self.in_channels, (1, 1), "stem")
        maps = {}
        maps["stem"] = x = self.stem(self.style.cast(images))
        for number in range(1, self.depth + 1):
            x = maps[f"stage{number}"] = getattr(self, f"stage{number}")(x)
        maps["head"] = self.head(x)
        if self.logits is not None:
            maps["features"] = F.global_avg_pool(maps["head"], spatial_rank=2)
            maps["logits"] = self.logits(self.dropout(maps["features"]))
        return maps


class Block(nnx.Module):
    """x + project(excite(depthwise(expand(x)))), without x where size or channels change.

    Args:
        widths: channels: input, inside, output; no expansion if the first two are equal.
        window, stride: of the depthwise convolution.
        style: see `Style`.
        skipped: the probability of skipping the block, while training.
        rngs: the random streams.
    """

    def __init__(
        self,
        widths: tuple[int, int, int],
        window: int,
        stride: int,
        style: Style,
        skipped: float,
        rngs: nnx.Rngs,
    ):
        layer, (channels, inner, out) = style.layer(rngs, jax.nn.silu), widths
        self.adds = stride == 1 and channels == out
        self.expand = None if channels == inner else layer(channels, inner, 1)
        self.depthwise = layer(inner, inner, window, stride=stride, groups=inner)
        self.excite = SqueezeExcite(inner, max(1, channels // 4), style.dtype, rngs)
        self.project = layer(inner, out, 1, activation=None)
        if self.adds:
            self.skip = drop_blocks(skipped, rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x (*batch, height, width, channels) to (*batch, height', width', widths[-1])."""
        y = x if self.expand is None else self.expand(x)
        y = self.project(self.excite(self.depthwise(y)))
        return x + self.skip(y) if self.adds else y


efficientnet_b0 = partial(efficientnet, "efficientnet_b0")
efficientnet_b1 = partial(efficientnet, "efficientnet_b1")
efficientnet_b2 = partial(efficientnet, "efficientnet_b2")
efficientnet_b3 = partial(efficientnet, "efficientnet_b3")
efficientnet_b4 = partial(efficientnet, "efficientnet_b4")
efficientnet_b5 = partial(efficientnet, "efficientnet_b5")
efficientnet_b6 = partial(efficientnet, "efficientnet_b6")
efficientnet_b7 = partial(efficientnet, "efficientnet_b7")
