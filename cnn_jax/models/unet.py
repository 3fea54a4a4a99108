"""U-Net: down to a coarse map that sees far, and up again beside the fine maps that see exactly.

    stage     output (572x572 input)   layers                                       parameters
    down1     568 x 568 x   64         3x3, 3x3                                         37,568
    down2     280 x 280 x  128         2x2 maximum, 3x3, 3x3                           221,440
    down3     136 x 136 x  256         alike                                           885,248
    down4      64 x  64 x  512         alike                                         3,539,968
    bottom     28 x  28 x 1024         alike                                        14,157,824
    up4        52 x  52 x  512         2x2 transposed; down4 beside it; 3x3, 3x3     9,176,576
    up3       100 x 100 x  256         alike, with down3                             2,294,528
    up2       196 x 196 x  128         alike, with down2                               573,824
    up1       388 x 388 x   64         alike, with down1                               143,552
    logits    388 x 388 x    2         1x1                                                 130
                                                                                    31,030,658

Every layer has a bias, and a ReLU follows each 3x3 convolution. None of them is padded, so a map on
the way up is smaller than its partner on the way down, of which the middle is taken; the logits are
those of the middle of the image. With ``padding="same"`` all of it has logits.

References:
    Ronneberger, Fischer and Brox, *U-Net: convolutional networks for biomedical image
    segmentation*, 2015, arXiv:1505.04597, figure 1.
"""

from functools import partial
from itertools import count, islice

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments, nn

from .blocks import Style, check_classes, check_images, check_rngs, drop_values, last

PADDINGS = {"valid": 0, "same": 1}  # of a 3x3 convolution


def unet(
    *,
    num_classes: int | None = 2,
    in_channels: int = 1,
    channels: int = 64,
    depth: int = 4,
    padding: str = "valid",
    norm: str = "none",
    dropout: float = 0.0,
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "UNet":
    """Make a U-Net.

    ```
    >>> model = unet(num_classes=5, channels=4, depth=2, padding="same", rngs=nnx.Rngs(0))
    >>> model(jnp.zeros((1, 16, 24, 1))).shape
    (1, 16, 24, 5)

    ```

    Args:
        num_classes: the number of logits of a pixel; None leaves out the head, see
            `cnn_jax.models`.
        in_channels: channels of the images.
        channels: of the finest maps; each coarser one has twice as many.
        depth: how many times the map is halved.
        padding: of the 3x3 convolutions, ``"valid"``, as published, or ``"same"``.
        norm: after each 3x3 convolution: ``"none"``, as published, ``"batch"`` or ``"group"`` (32
            groups); with one of these they have no bias.
        dropout: the probability of dropping a value of the bottom, while training. The paper has
            such a layer and does not give its probability.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random streams ``params`` and, with dropout, ``dropout``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named.

    References:
        Ronneberger, Fischer and Brox, *U-Net*, 2015, arXiv:1505.04597.
    """
    arguments.integer("in_channels", in_channels, at_least=1)
    channels = arguments.integer("channels", channels, at_least=1)
    depth = arguments.integer("depth", depth, at_least=1)
    arguments.one_of("padding", padding, PADDINGS)
    style = Style(norm=norm, dropout=dropout, dtype=dtype)
    return UNet(num_classes, in_channels, channels, depth, padding, style, rngs)


class UNet(nnx.Module):
    """A U-Net; see `unet`, which makes one."""

    HEAD = ("logits",)

    def __init__(
        self,
        num_classes: int | None,
        in_channels: int,
        channels: int,
        depth: int,
        padding: str,
        style: Style,
        rngs: nnx.Rngs,
    ):
        check_rngs(rngs)
        self.num_classes = check_classes(num_classes)
        self.in_channels, self.depth, self.padding = in_channels, depth, padding
        self.style, before = style, in_channels
        pair = partial(Pair, padding=PADDINGS[padding], style=style, rngs=rngs)
        for level in range(1, depth + 1):
            width = channels * 2 ** (level - 1)
            setattr(self, f"down{level}", pair(before, width))
            before = width
        self.bottom = pair(before, 2 * before)
        self.dropout = drop_values(style.dropout, rngs)
        for level in range(depth, 0, -1):
            setattr(self, f"up{level}", Up(channels * 2**level, pair, style, rngs))
        one = partial(nn.Conv, kernel_size=(1, 1), dtype=style.dtype, rngs=rngs)
        init = nn.for_activation("tanh")  # no activation follows: Xavier's
        self.logits = None if num_classes is None else one(channels, num_classes, kernel_init=init)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map images (*batch, height, width, channels) to logits (*batch, h, w, num_classes).

        `h` and `w` are those of the images with ``padding="same"``. Else they are smaller by
        `4 * (3 * 2**depth - 2)`: 184 with the published depth.
        """
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every stage by name, first to last.

        Args:
            images: (*batch, height, width, channels), of lengths whose halves are whole: multiples
                of `2**depth` with ``padding="same"``, else such as 572.

        Returns:
            down1, down2, ..., bottom, ..., up2, up1, logits: (*batch, height', width', channels).

        Raises:
            ValueError: if the images have another rank or other channels than the network, or a
                size that it cannot halve.
        """
        check_images(images, self.in_channels, (1, 1))
        self._check_size(np.shape(images)[-3:-1], np.shape(images))
        maps, x = {}, self.style.cast(images)
        for level in range(1, self.depth + 1):
            x = maps[f"down{level}"] = getattr(self, f"down{level}")(x)
            x = self.style.max_pool(x, 2, 2, 0)
        x = maps["bottom"] = self.dropout(self.bottom(x))
        for level in range(self.depth, 0, -1):
            x = maps[f"up{level}"] = getattr(self, f"up{level}")(x, maps[f"down{level}"])
        if self.logits is not None:
            maps["logits"] = self.logits(x)
        return maps

    def _check_size(self, lengths: tuple[int, ...], shape: tuple[int, ...]) -> None:
        if not all(map(self._fits, lengths)):
            possible = ", ".join(map(str, islice(filter(self._fits, count(1)), 3)))
            raise ValueError(
                f"`images` must have a height and a width that are whole when halved {self.depth} "
                f"times, with something left: {possible} and so on; got shape {shape}."
            )

    def _fits(self, length: int) -> bool:
        """Whether an axis can be halved as often as it must, and logits are left of it."""
        lost = 4 * (1 - PADDINGS[self.padding])  # by two convolutions
        for _ in range(self.depth):
            length -= lost
            if length % 2:
                return False
            length //= 2
        length -= lost
        for _ in range(self.depth):
            length = 2 * length - lost
        return length > 0


class Pair(nnx.Module):
    """Two 3x3 convolutions, each with a normalization and a ReLU."""

    def __init__(self, before: int, width: int, *, padding: int, style: Style, rngs: nnx.Rngs):
        layer = partial(style.layer(rngs), padding=(padding, padding))
        self.conv1 = layer(before, width, 3)
        self.conv2 = layer(width, width, 3)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x (*batch, height, width, before) to (*batch, height', width', width)."""
        return self.conv2(self.conv1(x))


class Up(nnx.Module):
    """Twice the size with half the channels, beside the map of that size on the way down."""

    def __init__(self, before: int, pair: partial[Pair], style: Style, rngs: nnx.Rngs):
        width = before // 2
        self.up = nn.ConvTranspose(before, width, (2, 2), stride=2, dtype=style.dtype, rngs=rngs)
        self.pair = pair(before, width)

    def __call__(self, x: jax.Array, partner: jax.Array) -> jax.Array:
        """Map x (*batch, h, w, before) and a larger partner to (*batch, h', w', before / 2)."""
        x = self.up(x)
        rows, columns = ((a - b) // 2 for a, b in zip(partner.shape[-3:-1], x.shape[-3:-1]))
        inner = partner[..., rows : rows + x.shape[-3], columns : columns + x.shape[-2], :]
        return self.pair(jnp.concatenate([inner, x], -1))
