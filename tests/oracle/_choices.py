"""Pools that choose an element of each window: its index, its gradient, its chance."""

import math

import numpy as np

from ._pooling import max_pool, pool_plan
from ._reads import at, wide


def max_pool_grad(x, g, window, **options):
    """The gradient of `sum(max_pool(x, window) * g)` by x: each g goes to the first maximum."""
    x, g = wide(x), wide(g)
    shape, reads, _ = pool_plan(x, window, **options)
    assert g.shape == shape
    y = max_pool(x, window, **options)
    taken = np.zeros(shape, bool)
    dx = np.zeros(x.shape, g.dtype)
    for p, _, i in reads:  # in row-major order of the taps
        first = (x[at(i)] == y[at(p)]) & ~taken[at(p)]
        dx[at(i)] += np.where(first, g[at(p)], 0)
        taken[at(p)] |= first
    return dx


def max_pool_with_indices(x, window, **options):
    """The maximum, and where it first is: flat over the spatial axes of x; -1 where nothing is."""
    shape, reads, _ = pool_plan(np.asarray(x), window, **options)
    y, x = max_pool(x, window, **options), wide(x)
    spatial = x.shape[x.ndim - 1 - len(window) : -1]
    indices = np.full(shape, -1)
    for p, _, i in reads:  # in row-major order of the taps; a NaN is the maximum of its window
        here = (x[at(i)] == y[at(p)]) | np.isnan(x[at(i)])
        flat = int(np.ravel_multi_index(i, spatial)) if i else 0
        indices[at(p)] = np.where(here & (indices[at(p)] < 0), flat, indices[at(p)])
    return y, indices


def max_unpool(y, indices, spatial):
    """Zeros, but for each element of y at its index; of several the last, in row-major order."""
    y, indices = wide(y), np.asarray(indices)
    batch, places = y.ndim - 1 - len(spatial), math.prod(spatial)
    if batch < 0 or indices.shape != y.shape:
        raise ValueError(f"{y.shape} at indices {indices.shape} into {spatial}")
    x = np.zeros((*y.shape[:batch], *spatial, y.shape[-1]), y.dtype)
    for p in np.ndindex(y.shape[batch:-1]):
        for n in np.ndindex(y.shape[:batch]):
            for c in range(y.shape[-1]):
                flat = int(indices[(*n, *p, c)])
                if 0 <= flat < places:
                    x[(*n, *np.unravel_index(flat, spatial), c)] = y[(*n, *p, c)]
    return x


@np.errstate(invalid="ignore")
def stochastic_pool(key, x, window, **options):
    """The expectation, sum of relu(x)^2 / sum of relu(x): without a key, as at test time."""
    assert key is None, "the expectation alone; `stochastic_pool_chances` for samples"
    x = np.maximum(np.asarray(x, np.float64), 0)
    shape, reads, _ = pool_plan(x, window, **options)
    squares, total = np.zeros(shape), np.zeros(shape)
    for p, _, i in reads:
        squares[at(p)] += x[at(i)] ** 2
        total[at(p)] += x[at(i)]
    return squares / np.where(total == 0, 1, total)


def stochastic_pool_chances(x, window, **options):
    """What each tap holds, and the probability that it is chosen: (*batch, *p, taps, channels).

    Probabilities are relu(x) / sum of relu(x); all are zero where no element is positive, and the
    output there is zero.
    """
    x = np.asarray(x, np.float64)
    shape, reads, _ = pool_plan(x, window, **options)
    taps = list(np.ndindex(tuple(window)))
    values = np.zeros((*shape[:-1], len(taps), shape[-1]))
    for p, t, i in reads:
        values[at((*p, taps.index(t)))] = x[at(i)]
    positive = np.maximum(values, 0)
    total = positive.sum(-2, keepdims=True)
    return values, positive / np.where(total == 0, 1, total)
