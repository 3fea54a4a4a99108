"""Pools that are (nearly) invariant to shifts: blur pooling, and the choice of one phase."""

import math

import numpy as np

from ._convolution import depthwise_conv
from ._reads import wide


def blur_pool(x, window, *, stride=2, padding_mode="reflect"):
    """A depthwise convolution by binomial coefficients, with as many positions as x has places.

    Every `stride`-th, that is: (k - 1) // 2 elements of padding are low, the other half high.
    """
    rows = {2: [1, 1], 3: [1, 2, 1], 4: [1, 3, 3, 1], 5: [1, 4, 6, 4, 1], 6: [1, 5, 10, 10, 5, 1]}
    rows[7] = [1, 6, 15, 20, 15, 6, 1]
    if not all(k in rows for k in window):
        raise ValueError(f"binomial windows have 2 to 7 taps, not {window}")
    x = np.asarray(x, np.float64)
    kernel = np.ones((*window, 1, x.shape[-1]))
    for t in np.ndindex(tuple(window)):
        kernel[t] *= math.prod(rows[k][tap] / 2 ** (k - 1) for k, tap in zip(window, t))
    padding = tuple(((k - 1) // 2, k - 1 - (k - 1) // 2) for k in window)
    return depthwise_conv(x, kernel, stride=stride, padding=padding, padding_mode=padding_mode)


def _phase(offsets):
    """Index of the elements of one phase: every stride-th from an offset, on each axis."""
    return (..., *(slice(offset, None, s) for offset, s in offsets), slice(None))


def polyphase_pool(x, stride, *, p=2.0):
    """Of the prod(stride) phases of each image the one with the largest l_p norm, and its number.

    The phases are numbered row-major; the first of several largest is taken.
    """
    x = wide(x)
    batch = x.ndim - 1 - len(stride)
    spatial = x.shape[batch:-1]
    if batch < 0 or any(n % s for n, s in zip(spatial, stride)):
        raise ValueError(f"phases of strides {stride} of {x.shape}")
    sizes = tuple(n // s for n, s in zip(spatial, stride))
    y = np.zeros((*x.shape[:batch], *sizes, x.shape[-1]), x.dtype)
    phases = np.zeros(x.shape[:batch], np.int64)
    for n in np.ndindex(x.shape[:batch]):
        candidates, norms = [], []
        for offsets in np.ndindex(tuple(stride)):
            candidates.append(x[n][_phase(zip(offsets, stride))])
            size = np.abs(candidates[-1].astype(np.float64)).ravel()
            norms.append(size.max(initial=0) if p == math.inf else (size**p).sum() ** (1 / p))
        phases[n] = np.argmax(norms)
        y[n] = candidates[phases[n]]
    return y, phases


def polyphase_unpool(y, phase, stride):
    """Zeros, but for y at that phase of each image."""
    y = wide(y)
    batch = y.ndim - 1 - len(stride)
    if batch < 0 or np.shape(phase) != y.shape[:batch]:
        raise ValueError(f"phases {np.shape(phase)}, strides {stride} of {y.shape}")
    sizes = tuple(n * s for n, s in zip(y.shape[batch:-1], stride))
    x = np.zeros((*y.shape[:batch], *sizes, y.shape[-1]), y.dtype)
    for n in np.ndindex(y.shape[:batch]):
        offsets = list(np.ndindex(tuple(stride)))[int(np.asarray(phase)[n])]
        x[n][_phase(zip(offsets, stride))] = y[n]
    return x
