"""Pools that fold over each window."""

import math

import numpy as np

from ._reads import at, axes_of, reads_of, wide


def pool_plan(x, window, *, stride=None, padding="VALID", dilation=1, ceil_mode=False):
    """The output's shape, the reads, and the taps of each position that an average counts.

    The stride is the window unless given. With `ceil_mode`, as in PyTorch, a remainder gets a
    window of its own if that starts in the input or in the padding before it; it hangs over the
    end, and what lies there is neither input nor padding.
    """
    batch = x.ndim - 1 - len(window)
    if batch < 0:
        raise ValueError(f"a window {window} on {x.shape}")
    options = {"padding": padding, "dilation": dilation, "ceil_mode": ceil_mode}
    options["stride"] = tuple(window) if stride is None else stride
    spatial, reads = reads_of(x.shape[batch:-1], window, **options)
    inside = [axis.inside for axis in axes_of(x.shape[batch:-1], window, **options)]
    counted = np.ones((*spatial, 1))
    for p in np.ndindex(spatial):
        counted[p] = math.prod(axis[position] for axis, position in zip(inside, p))
    return (*x.shape[:batch], *spatial, x.shape[-1]), reads, counted


def smallest(dtype):
    """What the maximum of nothing is: -inf, or the least integer of the dtype."""
    return np.iinfo(dtype).min if np.dtype(dtype).kind in "iu" else -np.inf


def largest(dtype):
    """What the minimum of nothing is: inf, or the greatest integer of the dtype."""
    return np.iinfo(dtype).max if np.dtype(dtype).kind in "iu" else np.inf


def max_pool(x, window, **options):
    """The largest element under each window; padding never is."""
    x, start = wide(x), smallest(np.asarray(x).dtype)
    shape, reads, _ = pool_plan(x, window, **options)
    y = np.full(shape, start, x.dtype)
    for p, _, i in reads:
        y[at(p)] = np.maximum(y[at(p)], x[at(i)])
    return y


def min_pool(x, window, **options):
    """The smallest element under each window; padding never is."""
    x, start = wide(x), largest(np.asarray(x).dtype)
    shape, reads, _ = pool_plan(x, window, **options)
    y = np.full(shape, start, x.dtype)
    for p, _, i in reads:
        y[at(p)] = np.minimum(y[at(p)], x[at(i)])
    return y


@np.errstate(invalid="ignore")  # inf - inf is NaN, as it should be
def sum_pool(x, window, **options):
    """The sum of the elements under each window."""
    x = wide(x)
    shape, reads, _ = pool_plan(x, window, **options)
    y = np.zeros(shape, x.dtype)
    for p, _, i in reads:
        y[at(p)] += x[at(i)]
    return y


def avg_pool(x, window, *, count_include_pad=True, **options):
    """The sum divided by the taps in input and padding, or by those on elements (at least 1)."""
    x = wide(x)
    shape, reads, counted = pool_plan(x, window, **options)
    taps = np.zeros(shape)
    for p, _, _ in reads:
        taps[at(p)] += 1
    return sum_pool(x, window, **options) / (counted if count_include_pad else np.maximum(taps, 1))


@np.errstate(over="ignore")
def lp_pool(x, window, *, p=2.0, **options):
    """(sum of |x|^p)^(1/p) under each window; the largest |x| for p = inf."""
    x = np.abs(np.asarray(x, np.float64))
    shape, reads, _ = pool_plan(x, window, **options)
    top = np.zeros(shape)
    for q, _, i in reads:
        top[at(q)] = np.maximum(top[at(q)], x[at(i)])
    if p == math.inf:
        return top
    scale = np.where((top > 0) & (top < math.inf), top, 1)  # so that no power overflows
    y = np.zeros(shape)
    for q, _, i in reads:
        y[at(q)] += (x[at(i)] / scale[at(q)]) ** p
    return scale * y ** (1 / p)


def global_avg_pool(x, *, spatial_rank):
    """The mean over all positions."""
    x = wide(x)
    positions = x.shape[x.ndim - 1 - spatial_rank : -1]
    total = sum(x[at(i)] for i in np.ndindex(positions))
    return total / math.prod(positions)


def global_max_pool(x, *, spatial_rank):
    """The maximum over all positions."""
    x = wide(x)
    positions = x.shape[x.ndim - 1 - spatial_rank : -1]
    y = x[at((0,) * spatial_rank)]
    for i in np.ndindex(positions):
        y = np.maximum(y, x[at(i)])
    return y
