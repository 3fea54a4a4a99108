"""Offsets of corners, for the homographies that they stand for: one after another, what is left."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from cnn_jax import arguments

from ._matrices import CORNERS, corner_offsets, from_corners, like, move


def convex(offsets: ArrayLike, size: int) -> jax.Array:
    """Return where the moved corners make a convex quadrilateral that is not turned over.

    Args:
        offsets: (..., 4, 2) floats, in pixels.
        size: height and width of the view.

    Returns:
        (...) bool; False where an offset is not finite.

    Example:
        >>> convex(jnp.array([[[0.0, 0]] * 4, [[9.0, 9], [0, 0], [0, 0], [0, 0]]]), 16).tolist()
        [True, False]
    """
    offsets = corner_offsets("offsets", offsets)
    at = like(CORNERS * arguments.integer("size", size, at_least=1), offsets) + offsets
    side = jnp.roll(at, -1, -2) - at
    after = jnp.roll(side, -1, -2)
    return (side[..., 1] * after[..., 0] - side[..., 0] * after[..., 1] > 0).all(-1)


def compose(outer: ArrayLike, inner: ArrayLike, size: int) -> jax.Array:
    """Return the offsets of the homography that moves by `inner`, and then by `outer`.

    Args:
        outer: (..., 4, 2) floats, in pixels.
        inner: of the same shape.
        size: height and width of the view.

    Returns:
        (..., 4, 2).

    Example:
        >>> round(float(compose(jnp.ones((4, 2)), jnp.full((4, 2), 2.0), 16)[0, 0]), 3)
        3.0
    """
    outer, inner = corner_offsets("outer", outer), corner_offsets("inner", inner)
    size = arguments.integer("size", size, at_least=1)
    at = like(CORNERS * size, inner)
    return move(from_corners(outer, size), at + inner) - at


def remaining(whole: ArrayLike, outer: ArrayLike, size: int) -> jax.Array:
    """Return the `inner` of `compose(outer, inner, size) = whole`.

    After the first view was warped by `outer`, that is what there is between it and the second.

    Args:
        whole: (..., 4, 2) floats, in pixels.
        outer: of the same shape, with an inverse: see `convex`.
        size: height and width of the view.

    Returns:
        (..., 4, 2).

    Example:
        >>> round(float(remaining(jnp.full((4, 2), 3.0), jnp.ones((4, 2)), 16)[0, 0]), 3)
        2.0
    """
    whole, outer = corner_offsets("whole", whole), corner_offsets("outer", outer)
    size = arguments.integer("size", size, at_least=1)
    at = like(CORNERS * size, whole)
    return move(_inverse(from_corners(outer, size)), at + whole) - at


def _inverse(h: jax.Array) -> jax.Array:
    """The adjugate, which is the inverse but for a factor; its rows are cross products."""
    a, b, c = h[..., 0], h[..., 1], h[..., 2]  # columns
    return jnp.stack([jnp.cross(b, c), jnp.cross(c, a), jnp.cross(a, b)], -2)
