"""Which element of the input a tap of a window reads: the one list that the oracle is told by.

Files of this package import `reads_of` and walk what it returns: a convolution adds
`x[i] @ kernel[t]` to `y[p]`, a gradient or a transpose goes the other way, a pool folds.
"""

import math
from typing import NamedTuple

import numpy as np


def low_high(padding, axis, size, window, stride):
    """Padding of one axis, from the lengths of its dilated input and of its dilated window."""
    if isinstance(padding, str):
        name = padding.upper()
        if name in ("SAME", "SAME_LOWER"):
            total = max((math.ceil(size / stride) - 1) * stride + window - size, 0)
            half = total // 2
            return (half, total - half) if name == "SAME" else (total - half, half)
        return {
            "VALID": (0, 0),
            "FULL": (window - 1, window - 1),
            "CAUSAL": (window - 1, 0),
        }[name]
    entry = padding if isinstance(padding, int) else padding[axis]
    return (entry, entry) if isinstance(entry, int) else tuple(entry)


def source(i, size, mode):
    """The index that element `i` of the extended input is a copy of; None for a zero.

    `abcd` extended by two on both sides:
    zeros `00|abcd|00`, replicate `aa|abcd|dd`, circular `cd|abcd|ab`, reflect `cb|abcd|cb`.
    """
    if 0 <= i < size:
        return i
    if mode == "zeros":
        return None
    if mode == "replicate":
        return 0 if i < 0 else size - 1
    if mode == "circular":
        return i % size
    if mode == "reflect":
        i %= max(2 * size - 2, 1)
        return min(i, 2 * size - 2 - i)
    raise ValueError(f"unknown padding mode {mode!r}")


class Axis(NamedTuple):
    """One axis: for every output position, what each tap reads, and how many taps count."""

    reads: list  # of one list per position: an index or None for each tap
    inside: list  # taps in the input or its padding, not beyond; fewer than all with ceil_mode


def axis_of(axis, n, k, padding, mode, ceil_mode, stride, dilation, input_dilation):
    """The reads of one axis of `n` elements under `k` taps."""
    size = max((n - 1) * input_dilation + 1, 0)
    window = (k - 1) * dilation + 1
    low, high = low_high(padding, axis, size, window, stride)
    padded = low + size + high
    positions = (padded - window) // stride + 1
    # One window more for the remainder, if it starts in what is left of the input or before it.
    if ceil_mode and (padded - window) % stride and positions * stride < low + size + min(high, 0):
        positions += 1
    if positions < 1:
        raise ValueError(f"a window of {window} on {low} + {size} + {high} elements, axis {axis}")
    if mode != "zeros" and input_dilation > 1:
        raise ValueError("an input dilation and a padding mode exclude each other")

    def read(p, t):
        if p * stride + t * dilation >= padded:  # overhang
            return None
        i = source(p * stride + t * dilation - low, size, mode)
        return None if i is None or i % input_dilation else i // input_dilation

    return Axis(
        [[read(p, t) for t in range(k)] for p in range(positions)],
        [sum(p * stride + t * dilation < padded for t in range(k)) for p in range(positions)],
    )


def axes_of(
    spatial, window, *, padding="VALID", mode="zeros", stride=1, dilation=1, input_dilation=1,
    ceil_mode=False,
):  # fmt: skip
    """The reads of each axis, of options that are an int or one entry per axis."""
    options = [
        (option,) * len(window) if isinstance(option, int) else option
        for option in (stride, dilation, input_dilation)
    ]
    return [
        axis_of(axis, n, k, padding, mode.lower(), ceil_mode, *option)
        for axis, (n, k, *option) in enumerate(zip(spatial, window, *options, strict=True))
    ]


def reads_of(spatial, window, **options):
    """The output's spatial shape, and all (output position p, tap t, input element i)."""
    axes = [axis.reads for axis in axes_of(spatial, window, **options)]
    out = tuple(len(axis) for axis in axes)
    reads = []
    for p in np.ndindex(out):
        for t in np.ndindex(tuple(window)):
            i = tuple(axis[position][tap] for axis, position, tap in zip(axes, p, t))
            if None not in i:
                reads.append((p, t, i))
    return out, reads


def wide(array):
    """The array in float64, or in int64 when it holds integers."""
    array = np.asarray(array)
    return array.astype(np.int64 if array.dtype.kind in "iu" else np.float64)


def at(position, channels=slice(None)):
    """Index of one spatial position: `array[at(p)]` is a view of `(*batch, channels)`."""
    return (..., *position, channels)
