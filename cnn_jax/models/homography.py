"""HomographyNet: how a plane moved between two views, from both views as the channels of one image.

    layer                          output (128x128x2 input)   parameters
    conv1, conv2   3x3, 64         128 x 128 x  64                38,272
    pool1          2x2              64 x  64 x  64                     0
    conv3, conv4   3x3, 64          64 x  64 x  64                73,984
    pool2          2x2              32 x  32 x  64                     0
    conv5, conv6   3x3, 128         32 x  32 x 128               221,696
    pool3          2x2              16 x  16 x 128                     0
    conv7, conv8   3x3, 128         16 x  16 x 128               295,424
    dense                         1024                        33,555,456
    offsets                          8                             8,200
                                                              34,193,032

Batch norm and ReLU follow each convolution, which then needs no bias: a layer from c to d channels
has 9 c d + 2 d parameters. The paper gives no count; this one follows from its table. ("A max
pooling after every two convolutions" is three of them in its figure: the dense layer sees 16 x 16
x 128.) The 8 outputs are how far the four corners of the first view moved.

References:
    DeTone, Malisiewicz and Rabinovich, *Deep image homography estimation*, 2016, arXiv:1606.03798,
    section IV and figure 3.
"""

from collections.abc import Sequence

import jax
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments, nn
from cnn_jax import functional as F
from cnn_jax.geometry import PaddingMode

from .blocks import Style, check_image_size, check_rngs, drop_values, last


def homography(
    *,
    size: int = 128,
    channels: Sequence[int] = (64, 64, 128, 128),
    hidden: int = 1024,
    in_channels: int = 2,
    norm: str = "batch",
    padding_mode: PaddingMode = "zeros",
    dropout: float = 0.5,
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> "HomographyNet":
    """Make a HomographyNet.

    ```
    >>> import jax.numpy as jnp
    >>> views = jnp.zeros((3, 64, 64, 2))
    >>> small = {"size": 64, "channels": (8, 16, 32, 32), "hidden": 64}
    >>> nnx.eval_shape(lambda: homography(**small, rngs=nnx.Rngs(0))(views)).shape
    (3, 8)

    ```

    Args:
        size: height and width of the views, which halve evenly between the stages.
        channels: of the two convolutions of each stage; a pool lies between stages.
        hidden: units of the dense layer.
        in_channels: of both views together: 2 for gray ones, 6 for color.
        norm: after each convolution: ``"batch"``, as published, ``"group"`` or ``"none"``; with
            ``"none"`` the convolutions have a bias.
        padding_mode: what is around the feature maps, see `functional.pad`.
        dropout: the probability of dropping a value before and after the dense layer, while
            training.
        dtype: to compute in, such as ``jnp.bfloat16``; parameters are float32 always.
        rngs: the random streams ``params`` and, with dropout, ``dropout``.

    Returns:
        The network, in training mode: call its `eval()` before looking at what it computes.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an option is none of those named, or `size` does not halve.

    References:
        DeTone et al., *Deep image homography estimation*, 2016, arXiv:1606.03798.
    """
    if not isinstance(channels, tuple | list) or not channels:
        shown = arguments.shown(channels)
        raise ValueError(
            f"`channels` must be one int for each stage, such as (8, 16); got {shown}."
        )
    widths = tuple(arguments.integer("channels", width, at_least=1) for width in channels)
    size = arguments.integer("size", size, at_least=1)
    factor = 2 ** (len(widths) - 1)
    if size % factor:
        raise ValueError(
            f"`size` must be a multiple of {factor}, as {len(widths) - 1} pools halve it; got "
            f"{size}."
        )
    hidden = arguments.integer("hidden", hidden, at_least=1)
    in_channels = arguments.integer("in_channels", in_channels, at_least=1)
    style = Style(norm=norm, padding_mode=padding_mode, dropout=dropout, dtype=dtype)
    return HomographyNet(size, widths, hidden, in_channels, style, rngs)


class HomographyNet(nnx.Module):
    """A HomographyNet; see `homography`, which makes one."""

    HEAD = ()

    def __init__(
        self,
        size: int,
        channels: tuple[int, ...],
        hidden: int,
        in_channels: int,
        style: Style,
        rngs: nnx.Rngs,
    ):
        check_rngs(rngs)
        self.size, self.stages, self.in_channels = size, len(channels), in_channels
        self.style, layer = style, style.layer(rngs)
        before = in_channels
        for stage, width in enumerate(channels, 1):
            setattr(self, f"conv{2 * stage - 1}", layer(before, width, 3))
            setattr(self, f"conv{2 * stage}", layer(width, width, 3))
            before = width
        side = size // 2 ** (len(channels) - 1)
        init, dtype = nn.for_activation("relu"), style.dtype
        self.dense = nnx.Linear(
            side * side * before, hidden, kernel_init=init, dtype=dtype, rngs=rngs
        )
        self.offsets = nnx.Linear(hidden, 8, dtype=dtype, rngs=rngs)
        self.dropout = drop_values(style.dropout, rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Map both views (*batch, size, size, channels) to offsets of 4 corners (*batch, 8)."""
        return last(self.feature_maps(images))

    def feature_maps(self, images: jax.Array) -> dict[str, jax.Array]:
        """The output of every layer by name, first to last.

        Args:
            images: both views, (*batch, size, size, channels).

        Returns:
            conv1, conv2, pool1, ..., conv8: (*batch, height, width, channels). dense (with its
            dropout), offsets: (*batch, features).

        Raises:
            ValueError: if the images have another size or other channels than the network.
        """
        check_image_size(images, (self.size, self.size, self.in_channels))
        maps, x = {}, self.style.cast(images)
        for stage in range(1, self.stages + 1):
            for number in (2 * stage - 1, 2 * stage):
                maps[f"conv{number}"] = x = getattr(self, f"conv{number}")(x)
            if stage < self.stages:
                maps[f"pool{stage}"] = x = F.max_pool(x, (2, 2), stride=2)
        flat = self.dropout(x.reshape(*images.shape[:-3], -1))
        maps["dense"] = self.dropout(jax.nn.relu(self.dense(flat)))
        maps["offsets"] = self.offsets(maps["dense"])
        return maps
