"""Blocks of places become channels, and back: `space_to_depth` and `depth_to_space`."""

import math
from collections.abc import Sequence
from itertools import chain
from typing import Literal

import jax
import numpy as np
from jax.typing import ArrayLike

from cnn_jax import arguments
from cnn_jax.arguments import one_of, with_hints

from . import _checks as checks

Order = Literal["DCR", "CRD"]
ORDERS = ("DCR", "CRD")


@with_hints
def space_to_depth(x: ArrayLike, block: Sequence[int], *, order: Order = "DCR") -> jax.Array:
    """Turn each block of places into one place with more channels; no element is lost.

    For place ``t`` within a block ``b``, with both in row-major order::

        y[p, t * channels + c] = x[p * b + t, c]        DCR: (*block, channels)
        y[p, c * prod(b) + t] = x[p * b + t, c]         CRD: (channels, *block)

    The inverse of `depth_to_space` of the same order.

    ```
    >>> import jax.numpy as jnp
    >>> space_to_depth(jnp.arange(4.0)[:, None], (2,))
    Array([[0., 1.],
           [2., 3.]], dtype=float32)

    ```

    Args:
        x: (*batch, *spatial, channels) of numbers, any number of batch axes.
        block: one int per spatial axis; its length is the spatial rank.
        order: which varies slowest in the new channels: ``"DCR"`` the place within the block, or
            ``"CRD"`` the old channel (as PyTorch's ``pixel_unshuffle``).

    Returns:
        (*batch, *(spatial // block), prod(block) * channels), of the dtype of `x`.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if `block` does not divide the spatial axes, or `order` is unknown.

    References:
        The operator SpaceToDepth of ONNX.
    """
    x, block = checks.array("x", x), arguments.lengths("block", block)
    one_of("order", order, ORDERS)
    spatial = checks.spatial_axes(x, len(block), f"`block` {block}")
    whole = multiples("block", block, x, spatial)
    batch, channels = x.shape[: x.ndim - len(block) - 1], x.shape[-1]
    blocks = x.reshape(*batch, *chain.from_iterable(zip(whole, block)), channels)
    y = blocks.transpose(_blocks_to_depth(len(batch), len(block), order))
    return y.reshape(*batch, *whole, math.prod(block) * channels)


@with_hints
def depth_to_space(x: ArrayLike, block: Sequence[int], *, order: Order = "DCR") -> jax.Array:
    """Turn the channels of each place into a block of places; no element is lost.

    For place ``t`` within a block ``b``, with both in row-major order::

        y[p * b + t, c] = x[p, t * channels + c]        DCR: (*block, channels)
        y[p * b + t, c] = x[p, c * prod(b) + t]         CRD: (channels, *block)

    A convolution followed by this is the sub-pixel convolution of super-resolution ("pixel
    shuffle").

    ```
    >>> import jax.numpy as jnp
    >>> depth_to_space(jnp.array([[0.0, 1.0], [2.0, 3.0]]), (2,)).ravel()
    Array([0., 1., 2., 3.], dtype=float32)

    ```

    Args:
        x: (*batch, *spatial, prod(block) * channels) of numbers, any number of batch axes.
        block: one int per spatial axis; its length is the spatial rank.
        order: which varies slowest in the channels of `x`: ``"DCR"`` the place within the block, or
            ``"CRD"`` the new channel (as PyTorch's ``pixel_shuffle``).

    Returns:
        (*batch, *(spatial * block), channels), of the dtype of `x`.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if ``prod(block)`` does not divide the channels, or `order` is unknown.

    References:
        Shi et al., *Real-time single image and video super-resolution using an efficient sub-pixel
        convolutional neural network*, 2016, arXiv:1609.05158. The operator DepthToSpace of ONNX.
    """
    x, block = checks.array("x", x), arguments.lengths("block", block)
    one_of("order", order, ORDERS)
    spatial = checks.spatial_axes(x, len(block), f"`block` {block}")
    places = math.prod(block)
    channels, rest = divmod(x.shape[-1], places)
    if rest:
        raise ValueError(
            f"`x` must have a multiple of {places} channels, one for each place of `block` "
            f"{block}; got shape {x.shape}."
        )
    batch = x.shape[: x.ndim - len(block) - 1]
    depth = (*block, channels) if order == "DCR" else (channels, *block)
    to_depth = _blocks_to_depth(len(batch), len(block), order)
    blocks = x.reshape(*batch, *spatial, *depth).transpose(np.argsort(to_depth))
    return blocks.reshape(*batch, *(n * b for n, b in zip(spatial, block)), channels)


def multiples(
    name: str, block: tuple[int, ...], x: jax.Array, spatial: tuple[int, ...]
) -> tuple[int, ...]:
    """The number of blocks on each spatial axis of `x`; `name` is the argument, for the error.

    Raises:
        ValueError: if the length of an axis is no multiple of the block's.
    """
    if any(n % b for n, b in zip(spatial, block)):
        raise ValueError(
            f"`{name}` must divide the spatial axes of `x`, {spatial}; got {block} for `x` "
            f"{x.shape}."
        )
    return tuple(n // b for n, b in zip(spatial, block))


def _blocks_to_depth(batch: int, rank: int, order: str) -> tuple[int, ...]:
    """The axes of (*batch, p1, b1, p2, b2, ..., c) as (*batch, *p, *b, c), or (*batch, *p, c, *b).

    `batch` is the number of batch axes, `rank` that of spatial axes.
    """
    channel = batch + 2 * rank
    places, within = range(batch, channel, 2), range(batch + 1, channel, 2)
    depth = (*within, channel) if order == "DCR" else (channel, *within)
    return (*range(batch), *places, *depth)
