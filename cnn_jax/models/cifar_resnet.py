"""ResNet for images as small as CIFAR's: 6 n + 2 layers, three stages of n blocks.

    stage      output (32x32)   resnet8   20   32   44   56   110
    stem       32 x 32 x 16     3x3
    stage1     32 x 32 x 16     n = 1     3    5    7    9    18 blocks [3x3 16, 3x3 16]
    stage2     16 x 16 x 32     as many                              [3x3 32, 3x3 32]
    stage3      8 x  8 x 64     as many                              [3x3 64, 3x3 64]
    features   64               the mean of each map
    logits     10

    parameters            resnet8   resnet20   resnet32   resnet44   resnet56    resnet110
    shortcut A             75,290    269,722    464,154    658,586    853,018    1,727,962
    shortcut B             78,042    272,474    466,906    661,338    855,770    1,730,714

`resnet8` follows the same rule and is not in the paper.

Stages 2 and 3 halve the maps in their first block and double the channels. There the shortcut
takes every second position and adds channels of zeros (A, without parameters), or is a 1x1
convolution (B). All others are the block's input itself.

References:
    He, Zhang, Ren and Sun, *Deep residual learning for image recognition*, 2015, arXiv:1512.03385,
    section 4.2.
"""

from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments
from cnn_jax import functional as F
from cnn_jax.geometry import PaddingMode

from .blocks import LEAST, Style, check_classes, check_images, drop_blocks, head, last


@dataclass(frozen=True)
class Variant:
    """The number of blocks per stage, the channels of the first stage, and the shortcut."""

    blocks: int
    width: int = 16
    shortcut: str = "A"


VARIANTS = {
    "resnet8": Variant(1),
    "resnet20": Variant(3),
    "resnet32": Variant(5),
    "resnet44": Variant(7),
    "resnet56": Variant(9),
    "resnet110": Variant(18),
}


def cifar_resnet(
    variant: str,
    *,
    num_classes: int | None = 10,
    in_channels: int = 3,
    shortcut: str = "A",
    norm: str = "batch",
    downsample: str = "stride",
    padding_mode: PaddingMode = "zeros",
    stochastic_depth: float = 0.0,
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "CifarResNet":
    """Make a ResNet for small images; `resnet8` to `resnet110` name the variant.

    With ``downsample="polyphase"`` and ``padding_mode="circular"`` no circular shift of the images
    changes the logits.

    ```
    >>> images = jnp.zeros((1, 32, 32, 3))
    >>> nnx.eval_shape(lambda: resnet20(rngs=nnx.Rngs(0))(images)).shape
    (1, 10)

    ```

    Args:
        variant: a name of `VARIANTS`.
        num_classes: the number of logits; None leaves out the head, see `cnn_jax.models`.
        in_channels: channels of the images.
        shortcut: what it computes where maps are halved: ``"A"``, every second position and
            channels of zeros, or ``"B"``, a 1x1 convolution.
        norm: ``"batch"``, ``"group"`` (32 groups, or as many as divide the channels) or ``"none"``.
        downsample: how maps are halved: ``"stride"``; or without aliasing, ``"blur"`` or
            ``"polyphase"`` after a layer of stride 1. Polyphase needs a size that 4 divides.
        padding_mode: how the images and maps are padded: ``"zeros"``, ``"reflect"``,
            ``"replicate"``, ``"circular"``.
        stochastic_depth: the probability of skipping the last block, while training; that of block
            l of L is l / L times this (Huang et al. 2016, arXiv:1603.09382, equation 4; 0.5 for
            resnet110).
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random streams ``params`` and, with stochastic depth, ``dropout``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named.
    """
    shape = VARIANTS[arguments.one_of("variant", variant, VARIANTS)]
    shape = replace(shape, shortcut=arguments.one_of("shortcut", shortcut, ("A", "B")))
    style = Style(
        norm=norm,
        downsample=downsample,
        padding_mode=padding_mode,
        stochastic_depth=stochastic_depth,
        dtype=dtype,
    )
    return CifarResNet(shape, num_classes, in_channels, style, rngs)


class CifarResNet(nnx.Module):
    """A ResNet for small images; see `cifar_resnet`, which makes one."""

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
        channels, number = variant.width, 0
        self.stem = style.layer(rngs)(in_channels, channels, 3)
        for stage in range(3):
            width, chain = variant.width * 2**stage, []
            for block in range(variant.blocks):
                number += 1
                stride = 2 if stage and not block else 1
                skipped = style.stochastic_depth * number / (3 * variant.blocks)
                projects = variant.shortcut == "B" and stride > 1
                chain.append(Residual(channels, width, stride, projects, style, skipped, rngs))
                channels = width
            setattr(self, f"stage{stage + 1}", nnx.Sequential(*chain))
        self.logits = head(channels, num_classes, style.dtype, rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, height, width, channels) to logits (*batch, num_classes)."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last.

        Args:
            images: (*batch, height, width, channels).

        Returns:
            stem, stage1, stage2, stage3: (*batch, height, width, channels). features, logits:
            (*batch, features).

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
        if self.logits is not None:
            maps["features"] = F.global_avg_pool(x, spatial_rank=2)
            maps["logits"] = self.logits(maps["features"])
        return maps


class Residual(nnx.Module):
    """A block: y = relu(shortcut(x) + f(x)), where f is two 3x3 convolutions."""

    def __init__(
        self,
        channels: int,
        width: int,
        stride: int,
        projects: bool,
        style: Style,
        skipped: float,
        rngs: nnx.Rngs,
    ):
        layer, has_stride = style.layer(rngs), style.strides(stride)
        self.stride, self.style = stride, style
        self.new_channels = width - channels
        self.conv1 = layer(channels, width, 3, stride=has_stride)
        self.conv2 = layer(width, width, 3, activation=None)
        short = layer(channels, width, 1, stride=has_stride, activation=None) if projects else None
        self.shortcut = short
        self.skip = drop_blocks(skipped, rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x (*batch, height, width, channels) to (*batch, height', width', width)."""
        y, phase = self.style.shrink(self.conv1(x), self.stride)
        y = self.skip(self.conv2(y))
        x, _ = self.style.shrink(x, self.stride, phase)
        if self.shortcut is not None:
            x = self.shortcut(x)
        else:
            if self.style.downsample == "stride":
                x = x[..., :: self.stride, :: self.stride, :]
            x = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, self.new_channels)])
        return jax.nn.relu(x + y)


resnet8 = partial(cifar_resnet, "resnet8")
resnet20 = partial(cifar_resnet, "resnet20")
resnet32 = partial(cifar_resnet, "resnet32")
resnet44 = partial(cifar_resnet, "resnet44")
resnet56 = partial(cifar_resnet, "resnet56")
resnet110 = partial(cifar_resnet, "resnet110")
