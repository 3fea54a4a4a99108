"""Receptive fields of units in different phases, after upsampling.

After an upsampling by 2, even and odd units lie differently in the coarse map. Where such a path
meets a finer one, as in a U-Net, units see for example 22 and 26 elements in turn. The phases are
found from the exact intervals of units that do not reach an end of the axis.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ._field import Field
from ._nominal import Number

# Longer periods are not tried.
MOST = 256


@dataclass(frozen=True)
class Phases:
    """Fields that repeat, shifted, after each period of several units; padding counts.

    Attributes:
        starts: for each unit of the first period, the first element that it sees.
        sizes: likewise, how many elements it sees.
        stride: the average distance from one unit's field to the next.
    """

    starts: tuple[int, ...]
    sizes: tuple[int, ...]
    stride: Number

    def start_of(self, unit: int) -> int:
        """The first element that a unit sees."""
        turns, phase = divmod(unit, len(self.starts))
        return self.starts[phase] + int(turns * len(self.starts) * self.stride)

    def size_of(self, unit: int) -> int:
        """How many elements a unit sees."""
        return self.sizes[unit % len(self.sizes)]


def phases(field: Field, n: int, unit: Sequence[int] | None = None) -> Phases | None:
    """Find the phases of the units along ``field.nominal.axis``; None if they are not known.

    Args:
        field: that of an array, on one axis of an input.
        n: the length of that axis of the input.
        unit: an index of the array: only the units of the line through it count. None: all lines.
    """
    nominal = field.nominal
    if nominal is None or nominal.axis is None or not field.exact or nominal.folds:
        return None
    axis, stride = nominal.axis, Fraction(nominal.steps[nominal.axis])
    low, high = _line(field.low, axis, unit, np.min), _line(field.high, axis, unit, np.max)
    sees = low <= high
    free_low, free_high = sees & (low > 0), sees & (high < n - 1)
    for period in range(1, min(len(low) // 2, MOST) + 1):
        if (stride * period).denominator > 1:
            continue
        step = int(stride * period)
        starts = _offsets(low, free_low, period, step)
        ends = _offsets(high, free_high, period, step)
        if starts is not None and ends is not None:
            sizes = tuple(end - start + 1 for start, end in zip(starts, ends))
            return Phases(starts, sizes, stride)
    return None


def _line(ends: np.ndarray, axis: int, unit: Sequence[int] | None, least) -> np.ndarray:
    if unit is None:
        return least(ends, tuple(a for a in range(ends.ndim) if a != axis))
    place = (slice(None) if a == axis else min(unit[a], n - 1) for a, n in enumerate(ends.shape))
    return ends[tuple(place)]


def _offsets(ends: np.ndarray, free: np.ndarray, period: int, step: int) -> tuple[int, ...] | None:
    """The ends of the first units, taken from all periods; None if the periods disagree."""
    found = []
    for phase in range(period):
        its = ends[phase::period].astype(np.int64)
        places = (its - step * np.arange(len(its)))[free[phase::period]]
        if len(places) < 2 or (places != places[0]).any():
            return None
        found.append(int(places[0]))
    return tuple(found)
