"""Deformable convolution: every tap of every position reads at a place of its own."""

import itertools
import math

import numpy as np

from ._reads import low_high, wide


def _read_between(image, place):
    """`image`, `(*spatial, channels)`, linearly interpolated at a real `place`; zero outside."""
    value = np.zeros(image.shape[-1])
    floors = [math.floor(coordinate) for coordinate in place]
    for corner in itertools.product((0, 1), repeat=len(place)):
        i = tuple(floor + step for floor, step in zip(floors, corner))
        weight = math.prod(1 - abs(coordinate - e) for coordinate, e in zip(place, i))
        if weight and all(0 <= e < n for e, n in zip(i, image.shape)):
            value += weight * image[i]
    return value


@np.errstate(invalid="ignore")
def deform_conv(
    x, kernel, offsets, mask=None, bias=None, *, stride=1, padding="VALID", dilation=1, groups=1,
    offset_groups=1,
):  # fmt: skip
    """y[p, o] = bias[o] + sum over t and c of x[place, c] * mask[p, j, t] * kernel[t, c, o].

    `place` is `p * stride - low + t * dilation + offsets[p, j, t]`, `j` the offset group of `c`.
    `offsets` is `(*batch, *positions, offset_groups, taps, rank)`, `mask` the same without `rank`.
    Negative padding takes elements away: what is cropped is outside.
    """
    x, kernel, offsets = np.asarray(x, np.float64), wide(kernel), np.asarray(offsets, np.float64)
    *window, width, out_channels = kernel.shape
    rank = len(window)
    batch, channels = x.ndim - 1 - rank, x.shape[-1]
    if batch < 0 or channels != width * groups or out_channels % groups or channels % offset_groups:
        raise ValueError(f"{groups}, {offset_groups} groups of {x.shape} by {kernel.shape}")
    stride, dilation = ((o,) * rank if isinstance(o, int) else o for o in (stride, dilation))
    positions, lows = [], []
    for axis, (n, k, s, d) in enumerate(zip(x.shape[batch:-1], window, stride, dilation)):
        extent = (k - 1) * d + 1
        low, high = low_high(padding, axis, n, extent, s)
        if extent > low + n + high:
            raise ValueError(f"a window of {extent} on {low} + {n} + {high} elements")
        positions.append((low + n + high - extent) // s + 1)
        crop = (slice(None),) * (batch + axis) + (slice(max(-low, 0), n - max(-high, 0)),)
        x = x[crop]
        lows.append(max(low, 0))
    places = (*x.shape[:batch], *positions, offset_groups, math.prod(window))
    if offsets.shape != (*places, rank) or (mask is not None and np.shape(mask) != places):
        raise ValueError(f"offsets {offsets.shape}, mask {np.shape(mask)}, positions {places}")
    mask = np.ones(places) if mask is None else np.asarray(mask, np.float64)
    y = np.zeros((*x.shape[:batch], *positions, out_channels))
    each, together = out_channels // groups, channels // offset_groups
    for n in np.ndindex(x.shape[:batch]):
        for p in np.ndindex(tuple(positions)):
            for number, t in enumerate(np.ndindex(tuple(window))):
                value = np.zeros(channels)
                for j in range(offset_groups):
                    c = slice(j * together, (j + 1) * together)
                    move = offsets[(*n, *p, j, number)]
                    place = [
                        q * s - low + tap * d + o
                        for q, s, low, tap, d, o in zip(p, stride, lows, t, dilation, move)
                    ]
                    value[c] = _read_between(x[(*n, ..., c)], place) * mask[(*n, *p, j, number)]
                for j in range(groups):
                    c, o = slice(j * width, (j + 1) * width), slice(j * each, (j + 1) * each)
                    y[(*n, *p, o)] += value[c] @ kernel[t][:, o]
    return y if bias is None else y + wide(bias)
