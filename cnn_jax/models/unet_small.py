"""A small residual U-Net: its finest maps have half the size of the images.

    stage     output (3 channels in)   layers                                        parameters
    stem      h/2 x w/2 x 24           3x3, stride 2                                        696
    stage1    h/4 x w/4 x 48           1 x [3x3, 3x3], residual, stride 2                32,544
    stage2    h/8 x w/8 x 96           3 x [3x3, 3x3], residual, the first of stride 2  462,144
    up2       h/4 x w/4 x 48           2x2 transposed; stage1 beside it; 3x3, 3x3        80,880
    up1       h/2 x w/2 x 24           2x2 transposed; the stem beside it; 3x3, 3x3      20,280
    logits    h x w x 11               4x4 transposed, stride 2                           4,235
                                                                                        600,779

A ReLU follows each 3x3 convolution, and before that a batch norm takes the place of its bias. As in
Zhang et al., whose blocks have their norms in front, a U-Net's pairs of convolutions are residual
on the way down. Most layers work on the coarsest map, where they cost least and see most. No layer
but the last has a map as large as the image. The rest of the layout is ours.

References:
    Ronneberger, Fischer and Brox, *U-Net: convolutional networks for biomedical image
    segmentation*, 2015, arXiv:1505.04597. Zhang, Liu and Wang, *Road extraction by deep residual
    U-Net*, 2017, arXiv:1711.10684, section II.
"""

from functools import partial

import jax
import numpy as np
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments, nn

from .blocks import Style, check_classes, check_images, last
from .resnet import Residual
from .resnet import Variant as Blocks
from .unet import Pair, Up


def unet_small(
    *,
    num_classes: int | None = 11,
    in_channels: int = 3,
    channels: int = 24,
    depth: int = 2,
    blocks: int = 3,
    norm: str = "batch",
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "UNetSmall":
    """Make a small residual U-Net.

    ```
    >>> import jax.numpy as jnp
    >>> model = unet_small(num_classes=5, rngs=nnx.Rngs(0))
    >>> model(jnp.zeros((1, 64, 64, 3))).shape
    (1, 64, 64, 5)

    ```

    Args:
        num_classes: the number of logits of a pixel; None leaves out the head, see
            `cnn_jax.models`.
        in_channels: channels of the images.
        channels: of the stem; each stage has twice as many as the one before.
        depth: the number of stages; each halves the map.
        blocks: residual blocks of the last stage, where they cost least; each other stage has one.
        norm: ``"batch"``, ``"group"`` (32 groups) or ``"none"``.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random stream ``params``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named.

    References:
        Zhang, Liu and Wang, *Road extraction by deep residual U-Net*, 2017, arXiv:1711.10684.
    """
    in_channels = arguments.integer("in_channels", in_channels, at_least=1)
    channels = arguments.integer("channels", channels, at_least=1)
    depth = arguments.integer("depth", depth, at_least=1)
    blocks = arguments.integer("blocks", blocks, at_least=1)
    style = Style(norm=norm, dtype=dtype)
    return UNetSmall(num_classes, in_channels, channels, depth, blocks, style, rngs)


class UNetSmall(nnx.Module):
    """A small residual U-Net; see `unet_small`, which makes one."""

    HEAD = ("logits",)

    def __init__(
        self,
        num_classes: int | None,
        in_channels: int,
        channels: int,
        depth: int,
        blocks: int,
        style: Style,
        rngs: nnx.Rngs,
    ):
        self.num_classes = check_classes(num_classes)
        self.in_channels, self.depth, self.style = in_channels, depth, style
        self.stem = style.layer(rngs)(in_channels, channels, 3, stride=2)
        width, basic = channels, Blocks((1, 1, 1, 1), bottleneck=False)
        for stage in range(1, depth + 1):
            before, width = width, 2 * width
            sizes = [(before, 2)] + [(width, 1)] * (blocks - 1 if stage == depth else 0)
            chain = (Residual(c, (width, width), s, basic, style, 0.0, rngs) for c, s in sizes)
            setattr(self, f"stage{stage}", nnx.Sequential(*chain))
        pair = partial(Pair, padding=1, style=style, rngs=rngs)
        for stage in range(depth, 0, -1):
            setattr(self, f"up{stage}", Up(channels * 2**stage, pair, style, rngs))
        double = partial(nn.ConvTranspose, kernel_size=(4, 4), stride=2, padding="SAME")
        options = {"dtype": style.dtype, "rngs": rngs}
        self.logits = None if num_classes is None else double(channels, num_classes, **options)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, height, width, channels) to logits (*batch, h, w, num_classes)."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last.

        Args:
            images: (*batch, height, width, channels), of a height and a width that are multiples of
                `2**(depth + 1)`.

        Returns:
            stem, stage1, stage2, ..., up2, up1, logits: (*batch, height', width', channels).

        Raises:
            ValueError: if the images have another rank or other channels than the network, or a
                size that it cannot halve so often.
        """
        check_images(images, self.in_channels, (1, 1))
        multiple = 2 ** (self.depth + 1)
        if any(length % multiple for length in np.shape(images)[-3:-1]):
            raise ValueError(
                f"`images` must have a height and a width that are multiples of {multiple}; got "
                f"shape {np.shape(images)}."
            )
        x = self.stem(self.style.cast(images))
        maps, way = {"stem": x}, [x]
        for stage in range(1, self.depth + 1):
            x = maps[f"stage{stage}"] = getattr(self, f"stage{stage}")(x)
            way.append(x)
        for stage in range(self.depth, 0, -1):
            x = maps[f"up{stage}"] = getattr(self, f"up{stage}")(x, way[stage - 1])
        if self.logits is not None:
            maps["logits"] = self.logits(x)
        return maps
