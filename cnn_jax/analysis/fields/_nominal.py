"""Receptive fields as the literature gives them: a size, a stride and a padding per axis.

The element at index ``u`` of a feature map sees the input's elements

    start + sum over axes a of steps[a] * u[a]   and the ``size - 1`` that follow,

whether they lie in the input or in the padding around it. ``-start`` is the effective padding, the
one step that is not 0 the effective stride. A window of k taps, d steps apart, stride s, padding p,
on an axis with step S makes of it (Araujo, Norris and Sim 2019, equations 2 and 3)

    start - p * S,    S * s,    size + (k - 1) * d * S.

Where zeros lie between the input's elements, and where elements are repeated, units in different
phases see differently placed elements. Then the step is a fraction, and start and size are those
of an average unit; `phases` finds those of each.

Where axes of space are merged, as the rows of an image into one row of tokens, the step from one
unit to the next is not always the same. Such an axis is *folded*: its index is written with digits,
one for each axis that was merged, each with a length and a step. The last digit changes fastest.

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
Digit = tuple[int, Number, int]  # length, step, repeats
Digits = tuple[Digit, ...]


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
        folds: the digits of axes that are folded, whose entry in `steps` is 0.
    """

    start: Number
    size: Number
    steps: tuple[Number, ...]
    repeats: tuple[int, ...]
    whole: bool = False
    folds: tuple[tuple[int, Digits], ...] = ()

    @property
    def axis(self) -> int | None:
        """The axis along which the field moves (the fastest if several).

        None if it stands, or if it moves along folded axes only.
        """
        axis = max(range(len(self.steps)), key=lambda a: abs(self.steps[a]), default=None)
        return axis if axis is not None and self.steps[axis] else None

    @property
    def stride(self) -> Number | None:
        """The effective stride; None where the field does not move."""
        if self.axis is not None:
            return self.steps[self.axis]
        return max(
            (step for _, digits in self.folds for _, step, _ in digits), key=abs, default=None
        )

    @property
    def moving(self) -> frozenset[int]:
        """The axes along which the field moves."""
        straight = (axis for axis, step in enumerate(self.steps) if step)
        return frozenset((*straight, *dict(self.folds)))

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
        folds = tuple((axes[axis], digits) for axis, digits in self.folds if axis in axes)
        return replace(self, steps=tuple(steps), repeats=tuple(repeats), folds=folds)

    def with_step(self, axis: int, step: Number, repeats: int = 1) -> "Nominal":
        """The same with another step on one axis."""
        return replace(
            self,
            steps=(*self.steps[:axis], step, *self.steps[axis + 1 :]),
            repeats=(*self.repeats[:axis], repeats, *self.repeats[axis + 1 :]),
            folds=tuple(fold for fold in self.folds if fold[0] != axis),
        )

    def folded(self, axis: int, digits: Digits) -> "Nominal":
        """The same with digits on one axis."""
        field = self.with_step(axis, 0)
        return replace(field, folds=(*field.folds, (axis, digits)))

    def unfolded(self, axis: int) -> "Nominal":
        """The same, or if the axis is folded, the field of a unit that reads all of it."""
        return self.absorbed([axis], ()) if axis in dict(self.folds) else self

    def digits(self, axis: int, n: int) -> Digits:
        """Of an axis of length `n`, folded or not."""
        return dict(self.folds).get(axis, ((n, self.steps[axis], self.repeats[axis]),))

    def start_of(self, unit: Sequence[int]) -> Number:
        """The first element that a unit sees."""
        start = self.start
        for axis, place in enumerate(unit):
            for n, step, m in reversed(self.digits(axis, place + 1)):
                place, mine = divmod(place, n)
                # Repeats see the same, and `self.start` is where they begin on average.
                start += (mine // m * m) * step + ratio((m - 1) * step, 2)
        return simplest(start)

    def absorbed(self, axes: Iterable[int], shape: Sequence[int]) -> "Nominal":
        """The field of a unit that reads all units along `axes` of a feature map of this shape."""
        field, folds = self, dict(self.folds)
        for axis in axes:
            digits = folds.get(axis) or ((shape[axis], field.steps[axis], field.repeats[axis]),)
            field = field.with_step(axis, 0)
            if not any(step for _, step, _ in digits):
                continue
            for n, step, m in digits:
                span = (-(-n // m) - 1) * m * step
                start = field.start + ratio((m - 1) * step, 2) + min(0, span)
                field = replace(field, start=start, size=field.size + abs(span))
            long = math.prod(n for n, _, _ in digits) > 1
            field = replace(field, whole=field.whole or (long and not field.moving))
        return field

    def slid(
        self, axis: int, size: int, stride: int, low: int, dilation: int, base: int
    ) -> "Nominal":
        """The field after a window slid along one axis; `base` is the input's dilation."""
        if (size, stride, low, base) == (1, 1, 0, 1):
            return self
        if axis in dict(self.folds):
            return self.unfolded(axis)
        step = self.steps[axis]
        if not step:
            return self
        m = self.repeats[axis]
        if m > 1 and base == 1 and stride % m == 0:  # every window begins in the same phase
            first, last = -low // m, ((size - 1) * dilation - low) // m
            start = self.start + ratio((m - 1) * step, 2)
            start += min(first * m * step, last * m * step)
            field = replace(
                self, start=simplest(start), size=self.size + (last - first) * m * abs(step)
            )
            return field.with_step(axis, simplest(step * stride))
        span = abs(step) * _span(size, dilation, base)
        middle = ratio(2 * -low + (size - 1) * dilation, 2 * base) * step
        start = self.center + middle - ratio(self.size + span - 1, 2)
        field = replace(self, start=simplest(start), size=self.size + span)
        return field.with_step(axis, ratio(step * stride, base))

    def fitted(self, axis: int, first: np.ndarray, last: np.ndarray, n: int) -> "Nominal | None":
        """The field of new units, of which unit p reads ``first[p]`` to ``last[p]`` of `axis`.

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
        field = self.unfolded(axis)
        its = field.steps[axis]
        start = field.start + first * its + min(0, span * its)
        field = replace(field, start=simplest(start), size=field.size + span * abs(its))
        return field.with_step(axis, simplest(Fraction(its) * step))

    def joined(self, other: "Nominal", shape: Sequence[int]) -> tuple["Nominal | None", str]:
        """The union of two paths, and what is to be said about it.

        The union is None if the paths move differently.
        """
        if bool(self.moving) != bool(other.moving):
            return replace(self if self.moving else other, whole=True), ""
        start = min(self.start, other.start)
        size = max(self.start + self.size, other.start + other.size) - start
        field = replace(self, start=start, size=size, whole=self.whole or other.whole)
        if not self.moving:
            return field, ""
        for axis, n in enumerate(shape):
            if n > 1 and self.digits(axis, n) != other.digits(axis, n):
                return None, _unaligned(self, other, axis)
        apart = abs(self.center - other.center)
        if apart and not field.whole:
            return field, f"paths' centers are {plain(apart)} apart"
        return field, ""


def _unaligned(one: Nominal, other: Nominal, axis: int) -> str:
    a, b = one.steps[axis], other.steps[axis]
    if a == b or not (a and b):
        return "paths do not align: units next to each other see what lies elsewhere by the other"
    return f"paths do not align: strides {plain(a)} and {plain(b)}"


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
    """The distance from the first to the last element that a window of taps meets, at most.

    The elements lie `base` steps apart, the taps `dilation` steps.
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
