"""Pooling one axis after the other: a maximum of maxima, a sum of sums.

A window of k taps on each of two axes is k rows of k taps: pool the rows first, then the results of
the rows. That takes 2k - 2 steps instead of k^2 - 1, and with a stride the second axis has fewer
elements to pool.

On one axis, maxima need not be taken tap by tap, since they may overlap. With m_1 = x and

    m_2j[i] = max(m_j[i], m_j[i + j])

the maximum of k elements is max(m_j[i], m_j[i + k - j]) with the largest power of two j <= k, so k
elements take log2(k) steps. (Van Herk's algorithm takes three steps for any k, two of them running
maxima of blocks, for which XLA needs log2(k) passes each.)

The first maximum of a window, in row-major order, lies in the first row that holds the maximum, and
is the first in that row. So the gradient, taken axis by axis, goes to exactly that element.

References:
    Gil and Werman, *Computing 2-D min, median, and max filters*, 1993; van Herk, *A fast algorithm
    for local minimum and maximum filters on rectangular and octagonal kernels*, 1992.
"""

from collections.abc import Callable

import jax
from jax import lax

from cnn_jax.geometry import Window

from . import shifted
from ._contract import Algorithm
from .parts.extremes import differentiable, highest, larger, lowest, smaller
from .parts.taps import padded


def max_pool(x: jax.Array, window: Window) -> jax.Array:
    """The largest element of each window; x (n, *spatial, c) -> (n, *positions, c)."""
    return _axis_by_axis(_max_pool, x, window)


def min_pool(x: jax.Array, window: Window) -> jax.Array:
    """The smallest element of each window; x (n, *spatial, c) -> (n, *positions, c)."""
    return _axis_by_axis(_min_pool, x, window)


def sum_pool(x: jax.Array, window: Window) -> jax.Array:
    """The sum of each window; x (n, *spatial, c) -> (n, *positions, c)."""
    return _axis_by_axis(shifted.sum_pool, x, window)


def _axis_by_axis(pool: Callable, x: jax.Array, window: Window) -> jax.Array:
    for axis in reversed(range(window.rank)):
        x = pool(x, window.on_axis(axis))
    return x


@differentiable
def _max_pool(x: jax.Array, window: Window) -> jax.Array:
    return _doubled(larger, padded(x, window, lowest(x.dtype)), window)


@differentiable
def _min_pool(x: jax.Array, window: Window) -> jax.Array:
    return _doubled(smaller, padded(x, window, highest(x.dtype)), window)


def _doubled(extreme: Callable, x: jax.Array, window: Window) -> jax.Array:
    """The extremes of windows on one axis; every step doubles how many elements they cover."""
    axis = next((a for a, k in enumerate(window.size) if k > 1), 0)
    taps, step, at = window.size[axis], window.dilation[axis], axis + 1

    def of_neighbors(x: jax.Array, apart: int) -> jax.Array:
        reach = x.shape[at] - apart * step
        return extreme(
            lax.slice_in_dim(x, 0, reach, axis=at), lax.slice_in_dim(x, apart * step, None, axis=at)
        )

    seen = 1
    while 2 * seen <= taps:
        x, seen = of_neighbors(x, seen), 2 * seen
    if seen < taps:
        x = of_neighbors(x, taps - seen)
    return lax.slice(x, (0,) * x.ndim, x.shape, (1, *window.stride, 1))


ALGORITHM = Algorithm(
    max_pool=max_pool,
    min_pool=min_pool,
    sum_pool=sum_pool,
)
