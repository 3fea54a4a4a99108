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

With `reach`, the network does not have to learn what matching is: the first stage sees each view by
itself, by the same layers, and after its pool the features of each place of the first view are
compared with those of the second view at all places up to `reach` away on each axis. What goes on
to conv3 is these (2 reach + 1)^2 cosines. It is learned in minutes where the published network
needs a day.

References:
    DeTone, Malisiewicz and Rabinovich, *Deep image homography estimation*, 2016, arXiv:1606.03798,
    section IV and figure 3. The comparison: Dosovitskiy et al., *FlowNet*, 2015, arXiv:1504.06852,
    section 3; Rocco, Arandjelovic and Sivic, *Convolutional neural network architecture for
    geometric matching*, 2017, arXiv:1703.05593, section 3.2, between all places.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax
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
    reach: int | None = None,
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
        reach: how far apart places of both views are compared after the first pool, in places; None
            for no comparison, as published.
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
        ValueError: if an option is none of those named, `size` does not halve, or `reach` comes
            with one stage or an odd number of channels.

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
    if reach is not None:
        reach = arguments.integer("reach", reach, at_least=0)
        if len(widths) < 2 or in_channels % 2:
            raise ValueError(
                "`reach` needs two stages or more, and as many channels of both views; got "
                f"{len(widths)} stages and {in_channels} channels."
            )
    style = Style(norm=norm, padding_mode=padding_mode, dropout=dropout, dtype=dtype)
    return HomographyNet(size, widths, hidden, in_channels, reach, style, rngs)


class HomographyNet(nnx.Module):
    """A HomographyNet; see `homography`, which makes one."""

    HEAD = ()

    def __init__(
        self,
        size: int,
        channels: tuple[int, ...],
        hidden: int,
        in_channels: int,
        reach: int | None,
        style: Style,
        rngs: nnx.Rngs,
    ):
        check_rngs(rngs)
        self.size, self.stages, self.in_channels = size, len(channels), in_channels
        self.reach, self.style, layer = reach, style, style.layer(rngs)
        before = in_channels if reach is None else in_channels // 2
        for stage, width in enumerate(channels, 1):
            if stage == 2 and reach is not None:
                before = (2 * reach + 1) ** 2
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
            dropout), offsets: (*batch, features). With `reach`, conv1, conv2 and pool1 are of each
            view, (*batch, 2, height, width, channels), and after pool1 comes compared, (*batch,
            height, width, (2 reach + 1)^2).

        Raises:
            ValueError: if the images have another size or other channels than the network.
        """
        check_image_size(images, (self.size, self.size, self.in_channels))
        maps, x = {}, self.style.cast(images)
        if self.reach is not None:
            x = jnp.stack(jnp.split(x, 2, axis=-1), axis=-4)
        for stage in range(1, self.stages + 1):
            for number in (2 * stage - 1, 2 * stage):
                maps[f"conv{number}"] = x = getattr(self, f"conv{number}")(x)
            if stage < self.stages:
                maps[f"pool{stage}"] = x = F.max_pool(x, (2, 2), stride=2)
            if stage == 1 and self.reach is not None:
                first, second = x[..., 0, :, :, :], x[..., 1, :, :, :]
                maps["compared"] = x = compare(first, second, self.reach)
        flat = self.dropout(x.reshape(*images.shape[:-3], -1))
        maps["dense"] = self.dropout(jax.nn.relu(self.dense(flat)))
        maps["offsets"] = self.offsets(maps["dense"])
        return maps


def compare(first: jax.Array, second: jax.Array, reach: int) -> jax.Array:
    """Compare the features of each place with those of another map at the places around it.

    Args:
        first, second: (*batch, height, width, channels).
        reach: how far the places around are, on each axis.

    Returns:
        (*batch, height, width, (2 reach + 1)^2): the cosines of the angle between the features of
        the first map at a place and of the second one at the place moved down by -reach, ..., reach
        and to the right by -reach, ..., reach; 0 outside. Of each channel its mean over all places
        is subtracted first: what all places have in common says nothing about where they are.

    Example:
        >>> x = jax.random.normal(jax.random.key(0), (5, 5, 8))
        >>> around = compare(x, jnp.roll(x, (1, -1), (0, 1)), 1)[2, 2].reshape(3, 3)
        >>> divmod(int(around.argmax()), 3), round(float(around.max()), 4)  # down, and to the left
        ((2, 0), 1.0)
    """
    centered = (x - x.mean((-3, -2), keepdims=True) for x in (first, second))
    first, second = (x * lax.rsqrt(jnp.square(x).sum(-1, keepdims=True) + 1e-6) for x in centered)
    height, width = first.shape[-3:-1]
    around = jnp.pad(second, [(0, 0)] * (second.ndim - 3) + [(reach, reach)] * 2 + [(0, 0)])
    steps = range(2 * reach + 1)
    rows = jnp.stack([around[..., i : i + height, :, :] for i in steps], axis=-4)
    cosines = jnp.einsum("...hwc,...khvc->...khwv", first, rows)  # with all of the row, v
    near = [jnp.diagonal(cosines, j, -2, -1)[..., :width] for j in steps]
    found = jnp.moveaxis(jnp.stack(near, axis=-1), -4, -2)  # (*batch, h, w, k, j)
    return found.reshape(*first.shape[:-1], len(steps) ** 2)
