"""Stereo: the disparity of each pixel of the left of two views, and depth and points of it.

The network's outputs are disparities `(n, height, width)`, in pixels: the point that the left view
shows in the column `x` is in the right one, in the same row, in the column `x - disparity`. A batch
has `disparity`, the truth. Pixels where it is NaN or infinite, below 0, or `max_disparity` or more
count neither for the loss nor for a measure; a pair without any other pixel has 0 of each.

`block_match` is the classical method, in convolutions and pools: no network.

References:
    Kendall et al., *End-to-end learning of geometry and context for deep stereo regression*, 2017,
    arXiv:1703.04309. Scharstein and Szeliski, *A taxonomy and evaluation of dense two-frame stereo
    correspondence algorithms*, 2002, for block matching, its check and the measures.
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from cnn_jax import arguments
from cnn_jax import functional as F

BAD = 3.0  # pixels; more is a bad match
FAR = 1e9  # the cost of a match with what the right view does not show


def loss(
    *, max_disparity: float = 32
) -> Callable[[jax.Array, Mapping[str, jax.Array]], tuple[jax.Array, dict[str, jax.Array]]]:
    """Return the smooth L1 loss, as training takes it, with the two measures beside it.

    The mean over pixels of `e**2 / 2` where the error `e` is below 1 pixel, `|e| - 1/2` elsewhere.

    Args:
        max_disparity: pixels of this disparity or more do not count.

    Returns:
        `(outputs, batch) -> (losses (n,), {"epe", "bad3": (n,)})`.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, shapes do not fit.

    Example:
        >>> truth = jnp.array([[[4.0, jnp.nan, jnp.inf, 40.0]]])
        >>> losses, measures = loss()(jnp.zeros((1, 1, 4)), {"disparity": truth})
        >>> losses.tolist(), measures["epe"].tolist(), measures["bad3"].tolist()
        ([3.5], [4.0], [1.0])
    """
    arguments.number("max_disparity", max_disparity, above=0)

    def smooth_l1(outputs, batch):
        truth = batch["disparity"]
        error, counts = _errors(outputs, truth, max_disparity)
        losses = _mean(jnp.where(error < 1, error**2 / 2, error - 0.5), counts)
        return losses, {
            "epe": end_point_error(outputs, truth, max_disparity=max_disparity),
            "bad3": bad(outputs, truth, max_disparity=max_disparity),
        }

    return smooth_l1


def end_point_error(
    outputs: ArrayLike, disparity: ArrayLike, *, max_disparity: float = 32
) -> jax.Array:
    """Return the mean absolute error of each pair, in pixels.

    Args:
        outputs: (n, height, width).
        disparity: of the same shape, the truth.
        max_disparity: pixels of this disparity or more do not count.

    Returns:
        (n,), float32.

    Raises:
        ValueError: the shapes differ.

    Example:
        >>> end_point_error(jnp.zeros((1, 1, 2)), jnp.array([[[1.0, 2.0]]])).tolist()
        [1.5]
    """
    return _mean(*_errors(outputs, disparity, max_disparity))


def bad(
    outputs: ArrayLike,
    disparity: ArrayLike,
    *,
    more_than: float = BAD,
    max_disparity: float = 32,
) -> jax.Array:
    """Return the share of each pair's pixels with an error of more than so many pixels.

    Args:
        outputs: (n, height, width).
        disparity: of the same shape, the truth.
        more_than: pixels; 3 in "bad-3".
        max_disparity: pixels of this disparity or more do not count.

    Returns:
        (n,), float32.

    Raises:
        TypeError, ValueError: the shapes differ, or `more_than` is no number of at least 0.

    Example:
        >>> bad(jnp.zeros((1, 1, 2)), jnp.array([[[3.0, 3.5]]])).tolist()
        [0.5]
    """
    arguments.number("more_than", more_than, at_least=0)
    error, counts = _errors(outputs, disparity, max_disparity)
    return _mean((error > more_than).astype(jnp.float32), counts)


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
        >>> visible(jnp.array([[[0.0, 2.0, 0.0, 1.0]]])).tolist()
        [[[True, False, False, True]]]
    """
    truth = _maps("disparity", disparity)
    known = jnp.isfinite(truth)
    truth = jnp.where(known, truth, -1)
    n, height, width = truth.shape
    columns = jnp.arange(width, dtype=jnp.float32)
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
        The depth, float32; infinite where `disparity + offset` is 0 or less.

    Raises:
        TypeError, ValueError: `focal` or `baseline` is not positive, or no number.

    Example:
        >>> depth(jnp.array([10.0, 0.0]), focal=500, baseline=0.2).tolist()
        [10.0, inf]
    """
    focal = arguments.number("focal", focal, above=0)
    baseline = arguments.number("baseline", baseline, above=0)
    total = jnp.asarray(disparity, jnp.float32) + arguments.number("offset", offset)
    return jnp.where(total > 0, focal * baseline / jnp.where(total > 0, total, 1), jnp.inf)


def points(depth: ArrayLike, *, focal: float, center: tuple[float, float]) -> jax.Array:
    """Return where the points are that pixels show: right, down and forward of the left camera.

    `(z (x - center_x) / focal, z (y - center_y) / focal, z)` for the depth `z` at `(y, x)`.

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
    y, x = (g.astype(jnp.float32) for g in jnp.indices(z.shape[-2:]))
    return jnp.stack([z * ((x - column) / focal), z * ((y - row) / focal), z], -1)


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
        check: None; or how many pixels the disparity that the right view has, matched in the same
            way, may differ from it where it leads to. Where it differs more, the result is NaN.

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
    shift = jnp.arange(disparities)
    columns = jnp.arange(width)[:, None]
    costs = jnp.where((columns < shift)[None, None], FAR, costs)
    found = jnp.argmin(costs, -1)
    if check is None:
        return found.astype(jnp.float32)
    check = arguments.number("check", check, at_least=0)
    from_right = jnp.pad(costs, ((0, 0), (0, 0), (0, disparities - 1), (0, 0)), constant_values=FAR)
    from_right = jnp.stack([from_right[:, :, d : d + width, d] for d in range(disparities)], -1)
    back = jnp.argmin(from_right, -1)
    to = jnp.maximum(jnp.arange(width)[None, None] - found, 0)
    differs = jnp.abs(jnp.take_along_axis(back, to, 2) - found)
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
    maps = _maps("disparity", disparity)
    sides = [_carried(maps), jnp.flip(_carried(jnp.flip(maps, 2)), 2)]
    nearest = jnp.fmin(*sides)  # the other one, if one is NaN
    return jnp.where(jnp.isnan(nearest), 0, nearest)


def _carried(maps: jax.Array) -> jax.Array:
    """Each number, carried on to the right over what is NaN."""
    known = jnp.where(jnp.isnan(maps), -1, jnp.arange(maps.shape[2]))
    latest = jax.lax.cummax(known, axis=2)
    carried = jnp.take_along_axis(maps, jnp.maximum(latest, 0), 2)
    return jnp.where(latest < 0, jnp.nan, carried)


def _errors(
    outputs: ArrayLike, disparity: ArrayLike, max_disparity: float
) -> tuple[jax.Array, jax.Array]:
    """Absolute errors, 0 where they do not count, and where they count."""
    found, truth = _maps("outputs", outputs), _maps("disparity", disparity)
    if found.shape != truth.shape:
        raise ValueError(
            f"`outputs` and `disparity` must have one shape; got {found.shape} and {truth.shape}."
        )
    counts = (truth >= 0) & (truth < max_disparity)  # False for NaN and infinity
    return jnp.where(counts, jnp.abs(found - jnp.where(counts, truth, 0)), 0), counts


def _mean(values: jax.Array, counts: jax.Array) -> jax.Array:
    total = jnp.where(counts, values, 0).sum((1, 2))
    return total / jnp.maximum(counts.sum((1, 2)), 1).astype(jnp.float32)


def _maps(name: str, values: ArrayLike) -> jax.Array:
    array = jnp.asarray(values)
    if array.ndim != 3 or not jnp.issubdtype(array.dtype, jnp.floating):
        raise ValueError(
            f"`{name}` must be floats (n, height, width), in pixels; got "
            f"{array.dtype} {array.shape}."
        )
    return array.astype(jnp.float32)
