"""Values of a feature map between its elements, by linear interpolation: `sample`."""

import math
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np

MARGIN = 2  # zeros at each end: around a point more than 1 outside there are only zeros


@jax.jit  # one program: op by op the first call takes 5 s instead of 1
def sample(x: jax.Array, points: jax.Array) -> jax.Array:
    """Interpolate each image at a point for each position, group of channels and tap.

    Args:
        x: (n, *spatial, c).
        points: (n, number of positions, offset_groups, taps, rank), in elements of `x`.

    Returns:
        (n, number of positions, taps, offset_groups, c // offset_groups).
    """
    over_taps = jax.vmap(_at_point, in_axes=(None, 0))
    over_groups = jax.vmap(over_taps, in_axes=(-2, 0), out_axes=1)
    over_positions = jax.vmap(over_groups, in_axes=(None, 0))
    over_images = jax.vmap(over_positions)

    offset_groups, channels = points.shape[2], x.shape[-1]
    x = jnp.pad(x, [(0, 0), *[(MARGIN, MARGIN)] * points.shape[-1], (0, 0)])
    x = x.reshape(*x.shape[:-1], offset_groups, channels // offset_groups)
    return over_images(x, points)


def _at_point(feature_map: jax.Array, point: jax.Array) -> jax.Array:
    """Interpolate feature_map (*spatial, c) at point (rank,), linearly along each axis: (c,).

    The result is a sum over the ``2**rank`` elements around the point. The weight of each is the
    product over the axes of one minus its distance from the point. The feature map has `MARGIN`
    zeros at each end, and points count from its first element after them.
    """
    rank = len(point)
    last = np.asarray(feature_map.shape[:rank]) - 2 * MARGIN
    point = jnp.clip(point, -MARGIN, last.astype(point.dtype))  # farther out there are zeros too
    below = jnp.floor(point)
    fraction = (point - below).astype(feature_map.dtype)
    first = below.astype(np.int32) + MARGIN
    value = jnp.zeros(feature_map.shape[rank:], feature_map.dtype)
    for corner in product((0, 1), repeat=rank):
        weight = math.prod(fraction[i] if up else 1 - fraction[i] for i, up in enumerate(corner))
        place = tuple(first[i] + up for i, up in enumerate(corner))
        element = feature_map.at[place].get(mode="clip")
        # An element of weight 0 must not count, but 0 times inf or NaN is NaN.
        unseen = (weight == 0) & ~jnp.isfinite(element)
        value = value + weight * jnp.where(unseen, 0, element)
    return value
