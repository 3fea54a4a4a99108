"""Network in network: 1x1 convolutions after each convolution, and one feature map per class.

    stage     output (224x224)
    block1    54 x 54 x 96     11x11, stride 4, without padding; 1x1, 1x1
    pool1     26 x 26 x 96     3x3 maximum, stride 2, as in all pools
    block2    26 x 26 x 256    5x5; 1x1, 1x1
    pool2     12 x 12 x 256
    block3    12 x 12 x 384    3x3; 1x1, 1x1
    pool3      5 x  5 x 384
    block4     5 x  5 x 1000   dropout; 3x3; 1x1
    classes    5 x  5 x 1000   1x1: a map of each class's score over the image
    logits    1000             the mean of each map

A 1x1 convolution is a dense layer at each position of the maps, so each block is a small network
that slides over the image. There is a ReLU after every convolution, the last one included, and no
dense layer at the end, where other networks of that time had most of their parameters.

References:
    Lin, Chen and Yan, *Network in network*, 2013, arXiv:1312.4400. Zhang et al., *Dive into Deep
    Learning*, section 8.3, which has these sizes for images such as ImageNet's.
"""

from dataclasses import dataclass

import jax
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import functional as F
from cnn_jax import nn

from .blocks import ConvNorm, Style, check_classes, check_images, drop_values, last


@dataclass(frozen=True)
class Variant:
    """How many channels the first three blocks have."""

    widths: tuple[int, int, int] = (96, 256, 384)


def nin(
    *,
    num_classes: int | None = 1000,
    in_channels: int = 3,
    norm: str = "none",
    dropout: float = 0.5,
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "NiN":
    """Make a network in network.

    ```
    >>> import jax.numpy as jnp
    >>> images = jnp.zeros((1, 224, 224, 3))
    >>> nnx.eval_shape(lambda: nin(num_classes=10, rngs=nnx.Rngs(0))(images)).shape
    (1, 10)

    ```

    Args:
        num_classes: the number of logits, and of channels in all layers after pool3; None leaves
            out the head, see `cnn_jax.models`.
        in_channels: channels of the images.
        norm: ``"none"``, as published; ``"batch"`` or ``"group"`` (32 groups, or as many as divide
            the channels) after every convolution but the last.
        dropout: the probability of dropping an element of pool3, while training.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random streams ``params`` and, with dropout, ``dropout``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named.
    """
    style = Style(norm=norm, dropout=dropout, dtype=dtype)
    return NiN(Variant(), num_classes, in_channels, style, rngs)


class NiN(nnx.Module):
    """A network in network; see `nin`, which makes one."""

    HEAD = ("block4", "logits")

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
        layer = style.layer(rngs)
        first, second, third = variant.widths

        def ones(channels: int, number: int) -> list[ConvNorm]:
            return [layer(channels, channels, 1) for _ in range(number)]

        self.block1 = nnx.Sequential(
            layer(in_channels, first, 11, stride=4, padding=0), *ones(first, 2)
        )
        self.block2 = nnx.Sequential(layer(first, second, 5), *ones(second, 2))
        self.block3 = nnx.Sequential(layer(second, third, 3), *ones(third, 2))
        self.dropout = drop_values(style.dropout, rngs)
        block4 = logits = None
        if num_classes is not None:
            block4 = nnx.Sequential(layer(third, num_classes, 3), *ones(num_classes, 1))
            logits = nn.Conv(num_classes, num_classes, (1, 1), dtype=style.dtype, rngs=rngs)
        self.block4, self.logits = block4, logits

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, height, width, channels) to logits (*batch, num_classes)."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last.

        Args:
            images: (*batch, height, width, channels), of at least 67x67.

        Returns:
            block1, pool1, block2, pool2, block3, pool3, block4, classes: (*batch, height, width,
            channels). logits: (*batch, num_classes), none of them negative.

        Raises:
            ValueError: if the images have another rank or other channels than the network, or are
                too small for it.
        """
        check_images(images, self.in_channels, (67, 67), "pool3")
        maps, x = {}, self.style.cast(images)
        for i in (1, 2, 3):
            maps[f"block{i}"] = getattr(self, f"block{i}")(x)
            maps[f"pool{i}"] = x = F.max_pool(maps[f"block{i}"], (3, 3), stride=2)
        if self.block4 is not None and self.logits is not None:
            maps["block4"] = self.block4(self.dropout(x))
            maps["classes"] = jax.nn.relu(self.logits(maps["block4"]))
            maps["logits"] = F.global_avg_pool(maps["classes"], spatial_rank=2)
        return maps
