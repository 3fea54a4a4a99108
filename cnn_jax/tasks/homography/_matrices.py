"""Homographies as matrices: from the offsets of corners and back, moving points, warping images."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from cnn_jax import arguments
from cnn_jax import functional as F

CORNERS = np.array([[0, 0], [0, 1], [1, 1], [1, 0]])  # of a view of size 1


def from_corners(offsets: ArrayLike, size: int) -> jax.Array:
    """Return the homographies that move the corners of a view by these offsets.

    The direct linear transform: with `h33 = 1`, a corner `(y, x)` that goes to `(v, u)` gives two
    linear equations for the other 8 entries. In units of `size` they are well conditioned::

        h11 y + h12 x + h13 - h31 v y - h32 v x = v
        h21 y + h22 x + h23 - h31 u y - h32 u x = u

    Only a homography that takes the corner at 0 to infinity has `h33 = 0`.

    Args:
        offsets: (..., 4, 2) floats, in pixels.
        size: height and width of the view.

    Returns:
        (..., 3, 3), of the dtype of `offsets`.

    Raises:
        TypeError, ValueError: an argument is wrong.

    Example:
        >>> from_corners(jnp.full((4, 2), 3.0), 64).round(4).tolist()
        [[1.0, 0.0, 3.0], [0.0, 1.0, 3.0], [0.0, 0.0, 1.0]]
    """
    offsets, size = corner_offsets("offsets", offsets), arguments.integer("size", size, at_least=1)
    start = like(CORNERS, offsets)
    goal = start + offsets / size
    one = jnp.ones_like(start[..., :1])
    point, none = jnp.concatenate([start, one], -1), jnp.concatenate([0 * start, 0 * one], -1)
    down = jnp.concatenate([point, none, -goal[..., :1] * start], -1)
    right = jnp.concatenate([none, point, -goal[..., 1:] * start], -1)
    system = jnp.concatenate([down, right], -2)  # (..., 8, 8)
    sides = jnp.concatenate([goal[..., 0], goal[..., 1]], -1)[..., None]
    with jax.default_matmul_precision("highest"):
        entries = jnp.linalg.solve(system, sides)[..., 0]
    entries = jnp.concatenate([entries, one[..., 0, :]], -1)
    matrices = entries.reshape(*offsets.shape[:-2], 3, 3)
    return matrices * like(np.outer([size, size, 1], [1 / size, 1 / size, 1]), matrices)


def to_corners(homographies: ArrayLike, size: int) -> jax.Array:
    """Return how far homographies move the corners of a view: the inverse of `from_corners`.

    Args:
        homographies: (..., 3, 3) floats; a factor does not matter.
        size: height and width of the view.

    Returns:
        (..., 4, 2), in pixels; not finite for a corner that goes to infinity.

    Raises:
        TypeError, ValueError: an argument is wrong.

    Example:
        >>> to_corners(jnp.diag(jnp.array([2.0, 2.0, 1.0])), 10).tolist()
        [[0.0, 0.0], [0.0, 10.0], [10.0, 10.0], [10.0, 0.0]]
    """
    homographies = floats("homographies", homographies, (3, 3))
    size = arguments.integer("size", size, at_least=1)
    shape = (*homographies.shape[:-2], 4, 2)
    at = like(CORNERS * size, jnp.zeros(shape, homographies.dtype))
    return move(homographies, at) - at


def move(homographies: ArrayLike, points: ArrayLike) -> jax.Array:
    """Return points where homographies take them.

    Args:
        homographies: (*batch, 3, 3) floats.
        points: (*batch, *positions, 2), in pixels.

    Returns:
        The shape of `points`.

    Raises:
        TypeError, ValueError: an argument is wrong.

    Example:
        >>> move(jnp.diag(jnp.array([2.0, 2.0, 1.0])), jnp.array([[1.0, 3.0]])).tolist()
        [[2.0, 6.0]]
    """
    homographies = floats("homographies", homographies, (3, 3))
    points = floats("points", points, (2,))
    batch = homographies.shape[:-2]
    if points.shape[: len(batch)] != batch:
        raise ValueError(
            "`points` must be (*batch, *positions, 2) with the batch axes of `homographies`, "
            f"(*batch, 3, 3); got {points.shape} and {homographies.shape}."
        )
    y, x = points[..., 0], points[..., 1]
    h = homographies.reshape(*batch, *(1,) * (y.ndim - len(batch)), 3, 3)
    # Written out: a matrix product may run in fewer bits on an accelerator.
    v, u, w = (h[..., i, 0] * y + h[..., i, 1] * x + h[..., i, 2] for i in range(3))
    return jnp.stack([v / w, u / w], -1)


def warp(images: ArrayLike, homographies: ArrayLike) -> jax.Array:
    """Return the views that homographies say: `y[p] = x[H p]`, bilinear, black outside of `x`.

    Args:
        images: (*batch, height, width, channels) floats.
        homographies: (*batch, 3, 3) floats.

    Returns:
        The shape of `images`.

    Raises:
        TypeError, ValueError: an argument is wrong.

    Example:
        >>> image = jnp.arange(9.0).reshape(3, 3, 1)
        >>> warp(image, from_corners(jnp.tile(jnp.array([[0.0, 1.0]]), (4, 1)), 3))[..., 0].tolist()
        [[1.0, 2.0, 0.0], [4.0, 5.0, 0.0], [7.0, 8.0, 0.0]]
    """
    images, homographies = jnp.asarray(images), floats("homographies", homographies, (3, 3))
    batch = homographies.shape[:-2]
    if images.ndim != len(batch) + 3 or images.shape[: len(batch)] != batch:
        raise ValueError(
            "`images` must be (*batch, height, width, channels) with the batch axes of "
            f"`homographies`, (*batch, 3, 3); got {images.shape} and {homographies.shape}."
        )
    rows, columns = (jnp.arange(n, dtype=homographies.dtype) + 0.5 for n in images.shape[-3:-1])
    centers = jnp.stack(jnp.meshgrid(rows, columns, indexing="ij"), -1)
    centers = jnp.broadcast_to(centers, (*batch, *centers.shape))
    return F.sample(images, move(homographies, centers) - 0.5)


def corner_offsets(name: str, offsets: ArrayLike) -> jax.Array:
    """The array, if it holds floats (..., 4, 2)."""
    return floats(name, offsets, (4, 2))


def like(values: np.ndarray, array: jax.Array) -> jax.Array:
    """Constants for each entry of a batch, in its dtype."""
    return jnp.broadcast_to(jnp.asarray(values, array.dtype), array.shape)


def floats(name: str, array: ArrayLike, ending: tuple[int, ...]) -> jax.Array:
    """The array, if it holds floats and its shape ends so."""
    array = jnp.asarray(array)
    if array.shape[-len(ending) :] != ending or not jnp.issubdtype(array.dtype, jnp.floating):
        shape = ", ".join(map(str, ("...", *ending)))
        raise ValueError(f"`{name}` must be floats ({shape}); got {array.dtype} {array.shape}.")
    return array
