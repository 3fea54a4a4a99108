"""Receptive fields as the literature gives them: a size, a stride and a padding per axis.

The element at index ``u`` of a feature map sees the input's elements

    start + sum over axes a of steps[a] * u[a]   and the ``size - 1`` that follow,

whether they lie in the input or in the padding around it. ``-start`` is the effective padding, the
one step that is not 0 the effective stride. A window of k taps, d steps apart, stride s, padding p,
on an axis with step S makes of it (Araujo, Norris and Sim 2019, equations 2 and 3)

    start - p * S,    S * s,    size + (k - 1) * d * S.

Where zeros lie between the input's elements, and where elements are repeated, units in different
phases see differently placed elements. Then the step is a fraction, the start is right on average,
and the size is the largest.

References:
    Araujo, Norris and Sim, *Computing receptive fields of convolutional neural networks*, Distill,
    2019.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

import numpy as np

Number = int | Fraction


@dataclass(frozen=True)
class Nominal:
    """An affine receptive field on one axis of the input.

    Attributes:
        start: the first element that the unit at index 0 sees; negative in the padding.
        size: how many elements a unit sees.
        steps: for each axis of the feature map, by how many elements of the input the field of its
            next unit is further.
        repeats: for each axis, how many units in a row see the same, where the step is a fraction
            because of that.
        whole: whether some path shows every unit the same, such as the whole of the axis. Where
            other paths move, start, size and steps are theirs.
    """

    start: Number
    size: Number
    steps: tuple[Number, ...]
    repeats: tuple[int, ...]
    whole: bool = False

    @property
    def axis(self) -> int | None:
        """The axis along which the field moves (the fastest if several); None if it stands."""
        axis = max(range(len(self.steps)), key=lambda a: abs(self.steps[a]), default=None)
        return axis if axis is not None and self.steps[axis] else None

    @property
    def stride(self) -> Number | None:
        """The effective stride; None where the field does not move."""
        return None if self.axis is None else self.steps[self.axis]

    @property
    def center(self) -> Number:
        """The middle of the first unit's field."""
        return self.start + ratio(self.size - 1, 2)

    def placed(self, rank: int, axes: Mapping[int, int]) -> "Nominal":
        """The same with `axes` as other axes of a feature map of `rank`; the rest do not move."""
        steps: list[Number] = [0] * rank
        repeats = [1] * rank
        for before, after in axes.items():
            steps[after], repeats[after] = self.steps[before], self.repeats[before]
        return replace(self, steps=tuple(steps), repeats=tuple(repeats))

    def with_step(self, axis: int, step: Number, repeats: int = 1) -> "Nominal":
        """The same with another step on one axis."""
        return replace(
            self,
            steps=(*self.steps[:axis], step, *self.steps[axis + 1 :]),
            repeats=(*self.repeats[:axis], repeats, *self.repeats[axis + 1 :]),
        )

    def absorbed(self, axes: Iterable[int], shape: Sequence[int]) -> "Nominal":
        """What a unit sees that sees all units along `axes` of a feature map of this shape."""
        field = self
        for axis in axes:
            step, n, m = field.steps[axis], shape[axis], field.repeats[axis]
            if not step:
                continue
            span = (-(-n // m) - 1) * m * step
            start = field.start + ratio((m - 1) * step, 2) + min(0, span)
            field = replace(field, start=start, size=field.size + abs(span))
            field = field.with_step(axis, 0)
            field = replace(field, whole=field.whole or (n > 1 and field.axis is None))
        return field

    def slid(
        self, axis: int, size: int, stride: int, low: int, dilation: int, base: int
    ) -> "Nominal":
        """What a window along one axis makes of it; `base` is the input's dilation."""
        step = self.steps[axis]
        if not step or (size, stride, low, base) == (1, 1, 0, 1):
            return self
        span = abs(step) * _span(size, dilation, base)
        middle = ratio(2 * -low + (size - 1) * dilation, 2 * base) * step
        start = self.center + middle - ratio(self.size + span - 1, 2)
        field = replace(self, start=simplest(start), size=self.size + span)
        return field.with_step(axis, ratio(step * stride, base))

    def merged(self, axes: Sequence[int], shape: Sequence[int], repeat: bool) -> tuple:
        """The field and its (step, repeats) on one axis that takes the place of `axes`.

        Args:
            axes: adjacent axes.
            shape: of the feature map.
            repeat: whether units that see the same, one behind the other, count as repeats;
                otherwise the field absorbs the axes.
        """
        behind, step, repeats, trailing = 1, 0, 1, 1
        for axis in reversed(axes):
            n, s = shape[axis], self.steps[axis]
            if n == 1:
                continue
            if not step and s:
                step, repeats, trailing = ratio(s, behind), behind * self.repeats[axis], behind
            elif s != step * behind:
                return self.absorbed(axes, shape), 0, 1
            behind *= n
        if trailing == 1:
            return self, step, repeats
        if not repeat:
            return self.absorbed(axes, shape), 0, 1
        start = simplest(self.start - ratio((trailing - 1) * step, 2))
        return replace(self, start=start), step, repeats

    def fitted(self, axis: int, first: np.ndarray, last: np.ndarray, n: int) -> "Nominal | None":
        """What reading units ``first[p]`` to ``last[p]`` of `axis` makes of it, for each p.

        Evenly spaced reads are exact. Others, as of resizing, are fitted: the step is the ratio of
        the lengths, `n` to that of `first`, and the start is right on average. None if that leaves
        a read more than one unit from its place.
        """
        p = len(first)
        spans, gaps = last - first, np.diff(first)
        if (spans == spans[0]).all() and (gaps == gaps[:1]).all():
            gap = int(gaps[0]) if p > 1 else 1
            if gap >= 0:
                return self._reading(axis, int(spans[0]), Fraction(int(first[0])), gap)
        if (np.diff(first + last) < 0).any():
            return None
        step = Fraction(n, p)
        # Ends repeat or are cut: the middle tells where reads lie, by whole periods.
        edge = p // 4 if p // 4 * 2 + step.denominator <= p else 0
        used = max((p - 2 * edge) // step.denominator, 1) * step.denominator
        places = np.arange(edge, min(edge + used, p))
        middles = [Fraction(int(m), 2) for m in (first + last)[places]]
        offset = sum((m - step * int(u) for m, u in zip(middles, places)), Fraction(0))
        offset /= len(places)
        error = (first + last) / 2 - np.arange(p) * float(step) - float(offset)
        if np.abs(error).max() > 1 + spans.max():
            return None
        span = int(spans.max())
        return self._reading(axis, span, offset - Fraction(span, 2), step)

    def _reading(self, axis: int, span: int, first: Fraction, step: Number) -> "Nominal":
        """Unit p reads from ``first + p * step`` of `axis` on, `span` more units."""
        its = self.steps[axis]
        start = self.start + first * its + min(0, span * its)
        field = replace(self, start=simplest(start), size=self.size + span * abs(its))
        return field.with_step(axis, simplest(Fraction(its) * step))

    def joined(self, other: "Nominal", shape: Sequence[int]) -> tuple["Nominal | None", str]:
        """The union of two paths, and what is to be said about it.

        The union is None if the paths move differently.
        """
        if self.axis is None or other.axis is None:
            moving = other if self.axis is None else self
            if moving.axis is not None:
                return replace(moving, whole=True), ""
            start = min(self.start, other.start)
            size = max(self.start + self.size, other.start + other.size) - start
            return replace(self, start=start, size=size, whole=self.whole or other.whole), ""
        moves = [i for i, n in enumerate(shape) if n > 1 and self.steps[i] != other.steps[i]]
        if moves:
            a, b = (plain(field.steps[moves[0]]) for field in (self, other))
            return None, f"paths do not align: strides {a} and {b}"
        start = min(self.start, other.start)
        size = max(self.start + self.size, other.start + other.size) - start
        field = replace(self, start=start, size=size, whole=self.whole or other.whole)
        apart = abs(self.center - other.center)
        if apart and not field.whole:
            return field, f"paths' centers are {plain(apart)} apart"
        return field, ""


def ratio(a: Number, b: int) -> Number:
    """a / b, an int if it is one."""
    return simplest(Fraction(a) / b)


def simplest(number: Number) -> Number:
    """The same number, an int if it is one."""
    return int(number) if number == int(number) else number


def plain(number: Number) -> str:
    """A number as a person writes it: 32, 0.5, or 4/3."""
    if isinstance(number, int):
        return str(number)
    decimals = f"{float(number):g}"
    return decimals if Fraction(decimals) == number else str(number)


@lru_cache(maxsize=4096)
def _span(size: int, dilation: int, base: int) -> int:
    """How many elements the last that a window sees lies behind its first, at most.

    The elements lie `base` steps from one to the next.
    """
    if base == 1:
        return (size - 1) * dilation
    spans = []
    for phase in range(base):
        met = [t for t in range(min(size, base)) if (phase + t * dilation) % base == 0]
        if met:
            period = base // math.gcd(base, dilation)
            last = met[0] + (size - 1 - met[0]) // period * period
            spans.append((last - met[0]) * dilation // base)
    return max(spans, default=0)
