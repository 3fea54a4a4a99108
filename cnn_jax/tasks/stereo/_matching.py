"""`block_match`: disparities without a network, in shifts, pools and minima; `filled`."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from cnn_jax import arguments
from cnn_jax import functional as F

from ._maps import maps_of

FAR = 1e9  # the cost of a match with what the right view does not show


def block_match(
    left: ArrayLike,
    right: ArrayLike,
    *,
    disparities: int = 32,
    window: int = 9,
    check: float | None = None,
) -> jax.Array:
    """Match each pixel by the sum of absolute differences in a window around it.

    For each disparity `d`, `|left[y, x] - right[y, x - d]|` is averaged over the colors and over
    the window, by an average pool; the disparity with the smallest mean is taken, of equal ones the
    smallest disparity.

    Args:
        left: (n, height, width, channels).
        right: of the same shape.
        disparities: 0, 1, ... `disparities - 1` are tried.
        window: the side of the window, odd.
        check: None; or by how many pixels at most a disparity may differ from that of the right
            view, matched in the same way, at the pixel it points to. Where it differs more, the
            result is NaN.

    Returns:
        (n, height, width) float32.

    Raises:
        TypeError, ValueError: an argument is wrong.

    Example:
        >>> right = jax.random.uniform(jax.random.key(0), (1, 8, 16, 3))
        >>> left = jnp.roll(right, 3, axis=2)
        >>> block_match(left, right, disparities=5, window=3)[0, 4, 6:].tolist()
        [3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]
    """
    disparities = arguments.integer("disparities", disparities, at_least=1)
    window = arguments.integer("window", window, at_least=1)
    if window % 2 == 0:
        raise ValueError(f"`window` must be odd; got {window}.")
    left, right = (jnp.asarray(view, jnp.float32) for view in (left, right))
    if left.ndim != 4 or left.shape != right.shape:
        raise ValueError(
            "`left` and `right` must be views (n, height, width, channels) of one shape; got "
            f"{left.shape} and {right.shape}."
        )
    width = left.shape[2]
    padded = jnp.pad(right, ((0, 0), (0, 0), (disparities - 1, 0), (0, 0)), mode="edge")
    first = [disparities - 1 - d for d in range(disparities)]
    costs = [jnp.abs(left - padded[:, :, f : f + width]).mean(-1) for f in first]
    costs = F.avg_pool(
        jnp.stack(costs, -1), (window, window), stride=1, padding="SAME", count_include_pad=False
    )
    outside = np.arange(width)[:, None] < np.arange(disparities)
    costs = jnp.where(outside[None, None], FAR, costs)
    found = jnp.argmin(costs, -1)
    if check is None:
        return found.astype(jnp.float32)
    check = arguments.number("check", check, at_least=0)
    from_right = jnp.pad(costs, ((0, 0), (0, 0), (0, disparities - 1), (0, 0)), constant_values=FAR)
    from_right = jnp.stack([from_right[:, :, d : d + width, d] for d in range(disparities)], -1)
    back = jnp.argmin(from_right, -1)
    to = jnp.maximum(jnp.arange(width)[None, None] - found, 0)
    differs = jnp.abs(jnp.take_along_axis(back, to, 2) - found).astype(jnp.float32)
    return jnp.where(differs > check, jnp.nan, found.astype(jnp.float32))


def filled(disparity: ArrayLike) -> jax.Array:
    """Fill what is NaN with the smaller of the nearest disparities left and right in its row.

    What is seen by one view alone is behind something, so the farther neighbor is the likelier one.
    A row without any number becomes 0.

    Args:
        disparity: (n, height, width).

    Returns:
        (n, height, width) float32 without NaN.

    Example:
        >>> nan = jnp.nan
        >>> filled(jnp.array([[[nan, 4.0, nan, 2.0, nan]]])).tolist()
        [[[4.0, 4.0, 2.0, 2.0, 2.0]]]
    """
    maps = maps_of("disparity", disparity)
    sides = [_carried(maps), jnp.flip(_carried(jnp.flip(maps, 2)), 2)]
    nearest = jnp.fmin(*sides)  # the other one, if one is NaN
    return jnp.where(jnp.isnan(nearest), 0, nearest)


def _carried(maps: jax.Array) -> jax.Array:
    """Each number, carried on to the right over what is NaN."""
    known = jnp.where(jnp.isnan(maps), -1, jnp.arange(maps.shape[2])[None, None])
    latest = jax.lax.cummax(known, axis=2)
    carried = jnp.take_along_axis(maps, jnp.maximum(latest, 0), 2)
    return jnp.where(latest < 0, jnp.nan, carried)
