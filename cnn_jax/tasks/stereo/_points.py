"""What disparities mean: which pixels both views show, how far away they are, where in space."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from cnn_jax import arguments

from ._maps import maps_of


def visible(disparity: ArrayLike) -> jax.Array:
    """Tell which pixels of the left view the right one shows too, by their disparities alone.

    Not those that would be outside of it, and not those that come to a column of the right view to
    which another pixel comes that is nearer by more than 1 pixel of disparity. What is nearer but
    has an unknown disparity hides nothing.

    Args:
        disparity: (n, height, width), NaN or infinite where it is unknown.

    Returns:
        (n, height, width) bool; False where the disparity is unknown.

    Example:
        >>> visible(jnp.array([[[0.0, 2.0, 0.0, 1.0, 2.0]]])).tolist()
        [[[True, False, False, True, True]]]
    """
    truth = maps_of("disparity", disparity)
    known = jnp.isfinite(truth)
    truth = jnp.where(known, truth, -1)
    n, height, width = truth.shape
    columns = jnp.arange(width, dtype=jnp.float32)[None, None]
    to = jnp.round(columns - truth).astype(jnp.int32)
    inside = known & (columns - truth >= 0) & (to < width)
    to = jnp.where(inside, to, width)  # one column more, for what is outside
    pairs, rows = jnp.indices((n, height, 1))[:2]
    nearest = jnp.full((n, height, width + 1), -1.0).at[pairs, rows, to].max(truth)
    return inside & (truth >= jnp.take_along_axis(nearest, to, 2) - 1)


def depth(disparity: ArrayLike, *, focal: float, baseline: float, offset: float = 0.0) -> jax.Array:
    """Return how far away points are: `focal * baseline / (disparity + offset)`.

    Args:
        disparity: of any shape, in pixels.
        focal: the focal length in pixels.
        baseline: the distance of the cameras, in the unit of the result.
        offset: how much farther right the principal point of the right view is than the left's.

    Returns:
        The depth, float32; infinite where `disparity + offset` is 0 or less, NaN where the
        disparity is unknown: NaN or infinite.

    Raises:
        TypeError, ValueError: `focal` or `baseline` is not positive, or no number.

    Example:
        >>> depth(jnp.array([10.0, 0.0]), focal=500, baseline=0.2).tolist()
        [10.0, inf]
    """
    focal = arguments.number("focal", focal, above=0)
    baseline = arguments.number("baseline", baseline, above=0)
    total = jnp.asarray(disparity, jnp.float32) + arguments.number("offset", offset)
    far = total <= 0
    z = jnp.where(far, jnp.inf, focal * baseline / jnp.where(far, 1, total))
    return jnp.where(jnp.isfinite(jnp.asarray(disparity, jnp.float32)), z, jnp.nan)


def points(depth: ArrayLike, *, focal: float, center: tuple[float, float]) -> jax.Array:
    """Return where the points are that pixels show: right, down and forward of the left camera.

    `(z (x - center_x) / focal, z (y - center_y) / focal, z)` for the depth `z` at `(y, x)`. The
    center of the first pixel is (0, 0) here, as in the calibration files of Middlebury.

    Args:
        depth: (..., height, width).
        focal: the focal length in pixels.
        center: the principal point (row, column), in pixels.

    Returns:
        (..., height, width, 3), in the unit of the depth.

    Raises:
        TypeError, ValueError: an argument is wrong.

    Example:
        >>> points(jnp.full((1, 3), 2.0), focal=1, center=(0, 1))[0].tolist()
        [[-2.0, 0.0, 2.0], [0.0, 0.0, 2.0], [2.0, 0.0, 2.0]]
    """
    focal = arguments.number("focal", focal, above=0)
    row, column = (arguments.number("center", place) for place in center)
    z = jnp.asarray(depth, jnp.float32)
    places = jnp.indices(z.shape[-2:]).astype(jnp.float32)
    y, x = (jnp.broadcast_to(place, z.shape) for place in places)
    return jnp.stack([z * ((x - column) / focal), z * ((y - row) / focal), z], -1)
