"""Pools that are told how many windows there should be, not how large they are."""

import math

import numpy as np

from ._reads import at, wide


def _windows(x, output_size):
    """The output's spatial shape, and its (position, slices of x's spatial axes)."""
    spatial = x.shape[x.ndim - 1 - len(output_size) : -1]
    if len(spatial) != len(output_size):
        raise ValueError(f"{output_size} positions on {x.shape}")
    sizes = [n if out is None else out for n, out in zip(spatial, output_size)]
    if 0 in spatial or min(sizes, default=1) < 1:
        raise ValueError(f"{output_size} positions on {x.shape}")
    places = []
    for p in np.ndindex(tuple(sizes)):
        starts = [math.floor(i * n / out) for i, n, out in zip(p, spatial, sizes)]
        ends = [math.ceil((i + 1) * n / out) for i, n, out in zip(p, spatial, sizes)]
        places.append((p, [range(*pair) for pair in zip(starts, ends)]))
    return tuple(sizes), places


def _elements(x, ranges):
    """Every element of one window, an array (elements, *batch, channels)."""
    window = np.ndindex(tuple(map(len, ranges)))
    return np.stack([x[at([r[t] for r, t in zip(ranges, tap)])] for tap in window])


@np.errstate(invalid="ignore")
def adaptive_avg_pool(x, output_size):
    """The mean of window i of an axis, [floor(i n / out), ceil((i + 1) n / out))."""
    x = wide(x)
    sizes, places = _windows(x, output_size)
    y = np.zeros((*x.shape[: x.ndim - 1 - len(sizes)], *sizes, x.shape[-1]))
    for p, ranges in places:
        y[at(p)] = _elements(x, ranges).sum(0) / math.prod(map(len, ranges))
    return y


def adaptive_max_pool(x, output_size):
    """The maximum of window i of an axis, [floor(i n / out), ceil((i + 1) n / out))."""
    x = wide(x)
    sizes, places = _windows(x, output_size)
    y = np.zeros((*x.shape[: x.ndim - 1 - len(sizes)], *sizes, x.shape[-1]), x.dtype)
    for p, ranges in places:
        y[at(p)] = _elements(x, ranges).max(0)
    return y


def _fractional_starts(n, k, out, u):
    """Where `out` windows of k elements start on an axis of n, for one u in [0, 1); in float32."""
    if not 1 <= out <= n - k + 1:
        raise ValueError(f"{out} windows of {k} on {n} elements")
    u = np.float32(u)
    starts = []
    for i in range(out - 1):
        alpha = np.float32(n - k) / np.float32(out - 1)
        starts.append(int((np.float32(i) + u) * alpha) - int(u * alpha))
    return [*starts, n - k]


def fractional_max_pool(u, x, window, *, output_size):
    """The maximum of windows at pseudo-random steps, from uniform u, (*batch, channels, rank).

    With alpha = (n - k) / (out - 1), window i starts at floor((i + u) alpha) - floor(u alpha), and
    the last at n - k.
    """
    x, rank = wide(x), len(window)
    batch, spatial = x.shape[: x.ndim - 1 - rank], x.shape[x.ndim - 1 - rank : -1]
    if len(spatial) != rank or np.shape(u) != (*batch, x.shape[-1], rank):
        raise ValueError(f"u of {np.shape(u)}, x of {x.shape}, a window {window}")
    for n, k, out in zip(spatial, window, output_size, strict=True):
        _fractional_starts(n, k, out, 0)
    y = np.zeros((*batch, *output_size, x.shape[-1]), x.dtype)
    for n in np.ndindex(batch):
        for c in range(x.shape[-1]):
            axes = zip(spatial, window, output_size, np.asarray(u)[(*n, c)])
            starts = [_fractional_starts(*axis) for axis in axes]
            for p in np.ndindex(tuple(output_size)):
                ranges = [range(s[q], s[q] + k) for s, q, k in zip(starts, p, window)]
                y[(*n, *p, c)] = _elements(x[n], ranges)[..., c].max()
    return y
