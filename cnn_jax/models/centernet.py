"""CenterNet: objects as points. For each class a map of centers, and sizes and offsets beside it.

    stage      output of h x w   centernet_resnet18         centernet_small
    stem       h/2  x w/2        7x7 64                     3x3 24
    pool       h/4  x w/4        3x3 maximum                none
    stage1     h/4  x w/4        2 x [3x3 64, 3x3 64]       1 x [3x3 48, 3x3 48]
    stage2     h/8  x w/8        2 x [3x3 128, 3x3 128]     1 x [3x3 96, 3x3 96]
    stage3     h/16 x w/16       2 x [3x3 256, 3x3 256]     1 x [3x3 160, 3x3 160]
    stage4     h/32 x w/32       2 x [3x3 512, 3x3 512]     none
    up1        twice the size    4x4 256, transposed        4x4 96, transposed; + 1x1 of stage2
    up2        twice the size    4x4 256, transposed        4x4 64, transposed; + 1x1 of stage1
    up3        twice the size    4x4 256, transposed        none
    heatmap    h/4  x w/4        3x3 64, 1x1 classes        3x3 32, 1x1 classes
    size       h/4  x w/4        3x3 64, 1x1 2              3x3 32, 1x1 2
    offset     h/4  x w/4        3x3 64, 1x1 2              3x3 32, 1x1 2
    logits     the three heads side by side: classes + 4 channels
    parameters                   15,820,372 for 80 classes  960,646 for 10

A peak of a class's heatmap is the center of an object of that class. At the peak the other heads
say its height and width, and how far in its cell the center lies; see `tasks.detection`. The first
network is the authors' with plain transposed convolutions (``res_18`` in their code). The second is
for small images and two CPU cores; there each enlarged map is added to that of its size on the way
down, as in a feature pyramid.

References:
    Zhou, Wang and Krähenbühl, *Objects as points*, 2019, arXiv:1904.07850. Xiao, Wu and Wei,
    *Simple baselines for human pose estimation and tracking*, 2018, arXiv:1804.06208. Lin et al.,
    *Feature pyramid networks for object detection*, 2017, arXiv:1612.03144.
"""

import math
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments, nn

from .blocks import Style, check_classes, check_images, last
from .resnet import Residual
from .resnet import Variant as Blocks

RARE = -math.log(1 / 0.1 - 1)  # a heatmap's first bias: a center has the probability 0.1
CELL = 4  # pixels of a cell of the heatmap on each axis


@dataclass(frozen=True)
class Variant:
    """A column of the table."""

    stem: int  # channels
    widths: tuple[int, ...]  # of the stages
    up: tuple[int, ...]  # channels of the transposed convolutions
    head: int  # channels of the heads' 3x3 convolutions
    blocks: int = 1  # of each stage
    window: int = 3  # of the stem
    pool: bool = False  # after the stem
    lateral: bool = True  # whether maps on the way down are added to those on the way up


VARIANTS = {
    "centernet_resnet18": Variant(
        64, (64, 128, 256, 512), (256, 256, 256), 64, blocks=2, window=7, pool=True, lateral=False
    ),
    "centernet_small": Variant(24, (48, 96, 160), (96, 64), 32),
}


def centernet(
    variant: str,
    *,
    num_classes: int | None = 80,
    in_channels: int = 3,
    norm: str = "batch",
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "CenterNet":
    """Make a CenterNet; `centernet_resnet18` and `centernet_small` name the variant.

    ```
    >>> model = centernet_small(num_classes=10, rngs=nnx.Rngs(0))
    >>> model(jnp.zeros((1, 64, 64, 3))).shape
    (1, 16, 16, 14)

    ```

    Args:
        variant: a name of `VARIANTS`.
        num_classes: the number of heatmaps; None leaves out the heads, see `cnn_jax.models`.
        in_channels: channels of the images.
        norm: ``"batch"``, ``"group"`` (32 groups) or ``"none"``.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random stream ``params``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named.
    """
    shape = VARIANTS[arguments.one_of("variant", variant, VARIANTS)]
    return CenterNet(shape, num_classes, in_channels, Style(norm=norm, dtype=dtype), rngs)


class CenterNet(nnx.Module):
    """A CenterNet; see `centernet`, which makes one."""

    HEAD = ("heatmap", "size", "offset")

    def __init__(
        self,
        variant: Variant,
        num_classes: int | None,
        in_channels: int,
        style: Style,
        rngs: nnx.Rngs,
    ):
        self.num_classes = check_classes(num_classes)
        self.in_channels, self.style, self.variant = in_channels, style, variant
        layer = style.layer(rngs)
        self.stem = layer(in_channels, variant.stem, variant.window, stride=2)
        self.coarsest, channels = 4 if variant.pool else 2, variant.stem
        for stage, width in enumerate(variant.widths, 1):
            stride = 1 if variant.pool and stage == 1 else 2
            self.coarsest *= stride
            chain = []
            for block in range(variant.blocks):
                blocks, step = Blocks((1, 1, 1, 1), bottleneck=False), 1 if block else stride
                chain.append(Residual(channels, (width, width), step, blocks, style, 0.0, rngs))
                channels = width
            setattr(self, f"stage{stage}", nnx.Sequential(*chain))
        for number, width in enumerate(variant.up, 1):
            setattr(self, f"up{number}", Up(channels, width, style, rngs))
            below = variant.widths[-1 - number]
            side = layer(below, width, 1, activation=None) if variant.lateral else None
            setattr(self, f"lateral{number}", side)
            channels = width
        classes, head = self.num_classes, partial(Head, channels, variant.head)
        self.heatmap = None if classes is None else head(classes, RARE, style, rngs)
        self.size = None if classes is None else head(2, 0.0, style, rngs)
        self.offset = None if classes is None else head(2, 0.0, style, rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, height, width, channels) to the heads side by side.

        Returns:
            (*batch, height / 4, width / 4, num_classes + 4): for each class the logit of a center,
            then height and width in cells of 4 pixels, then the offsets down and right.
        """
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last.

        Args:
            images: (*batch, height, width, channels); height and width are multiples of the
                coarsest stride, 32 or 16.

        Returns:
            stem, pool, stage1, ..., up1, ..., heatmap, size, offset, logits: (*batch, height',
            width', channels).

        Raises:
            ValueError: if the images have another rank, size or channels than the network takes.
        """
        check_images(images, self.in_channels, (self.coarsest, self.coarsest))
        if any(length % self.coarsest for length in np.shape(images)[-3:-1]):
            raise ValueError(
                f"`images` must have a height and a width that are multiples of {self.coarsest}; "
                f"got shape {np.shape(images)}."
            )
        maps = {"stem": self.stem(self.style.cast(images))}
        if self.variant.pool:
            maps["pool"] = self.style.max_pool(maps["stem"], 3, 2, 1)
        x, down = last(maps), []
        for stage in range(1, len(self.variant.widths) + 1):
            x = maps[f"stage{stage}"] = getattr(self, f"stage{stage}")(x)
            down.append(x)
        for number in range(1, len(self.variant.up) + 1):
            x = getattr(self, f"up{number}")(x)
            if self.variant.lateral:
                x = x + getattr(self, f"lateral{number}")(down[-1 - number])
            maps[f"up{number}"] = x
        if self.heatmap is not None:
            heads = {name: getattr(self, name)(x) for name in self.HEAD}
            maps |= {**heads, "logits": jnp.concatenate(list(heads.values()), -1)}
        return maps


class Up(nnx.Module):
    """Twice the size: a transposed convolution of stride 2, a normalization, a ReLU."""

    def __init__(self, channels: int, width: int, style: Style, rngs: nnx.Rngs):
        self.conv = nn.ConvTranspose(
            channels,
            width,
            (4, 4),
            stride=2,
            padding=1,
            use_bias=style.norm == "none",
            dtype=style.dtype,
            rngs=rngs,
        )
        self.norm = style.normalization(width, rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x (*batch, height, width, channels) to (*batch, 2 height, 2 width, width)."""
        return jax.nn.relu(self.norm(self.conv(x)))


class Head(nnx.Module):
    """A 3x3 convolution, a ReLU and a 1x1 convolution, with biases and no normalization."""

    def __init__(
        self, channels: int, inner: int, out: int, first: float, style: Style, rngs: nnx.Rngs
    ):
        constant, conv = nnx.initializers.constant(first), partial(nn.Conv, dtype=style.dtype)
        self.conv1 = conv(channels, inner, (3, 3), padding=1, rngs=rngs)
        self.conv2 = conv(inner, out, (1, 1), bias_init=constant, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x (*batch, height, width, channels) to (*batch, height, width, out)."""
        return self.conv2(jax.nn.relu(self.conv1(x)))


centernet_resnet18 = partial(centernet, "centernet_resnet18")
centernet_small = partial(centernet, "centernet_small")
