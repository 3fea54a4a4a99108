"""Receptive fields as the literature gives them: a size, a stride and a padding per axis.

The element at index ``u`` of a feature map sees the input's elements

    start + sum over axes a of steps[a] * u[a]   and the ``size - 1`` that follow,

whether they lie in the input or in the padding around it. ``-start`` is the effective padding, the
one step that is not 0 is the effective stride. A window of k taps with dilation d, stride s and
padding p, along an axis with step S, changes start, step and size to (Araujo, Norris and Sim 2019,
equations 2 and 3)

    start - p * S,    S * s,    size + (k - 1) * d * S.

After zeros are put between elements, or elements are repeated, units in different phases see
differently placed elements. Then the step is a fraction, and start and size are those of an
average unit; `phases` finds those of each unit.

After spatial axes are merged, as the rows of an image into one row of tokens, the step from one
unit to the next is not always the same. Such an axis is *folded*: its index is written in digits,
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
        steps: for each axis of the feature map, the distance in elements of the input from the
            field of a unit to that of the next.
        repeats: for each axis, how many adjacent units see the same, which makes the step a
            fraction; 1 otherwise.
        whole: whether along some path all units see the same, such as the whole axis. If the field
            moves along other paths, start, size and steps are those of the other paths.
        folds: the folded axes and the digits of each; their entries in `steps` are 0.
    """

    start: Number
    size: Number
    steps: tuple[Number, ...]
    repeats: tuple[int, ...]
    whole: bool = False
    folds: tuple[tuple[int, Digits], ...] = ()

    @property
    def axis(self) -> int | None:
        """The axis along which the field moves, that of the largest step if there are several.

        None if the field does not move, or moves along folded axes only.
        """
        axis = max(range(len(self.steps)), key=lambda a: abs(self.steps[a]), default=None)
        return axis if axis is not None and self.steps[axis] else None

    @property
    def stride(self) -> Number | None:
        """The effective stride; None if the field does not move."""
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
        """The center of the first unit's field."""
        return self.start + ratio(self.size - 1, 2)

    def placed(self, rank: int, axes: Mapping[int, int]) -> "Nominal":
        """The field with its axes moved: `axes` maps old ones to new ones, of `rank` in all."""
        steps: list[Number] = [0] * rank
        repeats = [1] * rank
        for before, after in axes.items():
            steps[after], repeats[after] = self.steps[before], self.repeats[before]
        folds = tuple((axes[axis], digits) for axis, digits in self.folds if axis in axes)
        return replace(self, steps=tuple(steps), repeats=tuple(repeats), folds=folds)

    def with_step(self, axis: int, step: Number, repeats: int = 1) -> "Nominal":
        """The field with another step on one axis."""
        return replace(
            self,
            steps=(*self.steps[:axis], step, *self.steps[axis + 1 :]),
            repeats=(*self.repeats[:axis], repeats, *self.repeats[axis + 1 :]),
            folds=tuple(fold for fold in self.folds if fold[0] != axis),
        )

    def folded(self, axis: int, digits: Digits) -> "Nominal":
        """The field with one axis folded into these digits."""
        field = self.with_step(axis, 0)
        return replace(field, folds=(*field.folds, (axis, digits)))

    def unfolded(self, axis: int) -> "Nominal":
        """The same field; if the axis is folded, that of a unit that reads all of the axis."""
        return self.absorbed([axis], ()) if axis in dict(self.folds) else self

    def digits(self, axis: int, n: int) -> Digits:
        """The digits of an axis of length `n`; one if it is not folded."""
        return dict(self.folds).get(axis, ((n, self.steps[axis], self.repeats[axis]),))

    def start_of(self, unit: Sequence[int]) -> Number:
        """The first element that a unit sees."""
        start = self.start
        for axis, place in enumerate(unit):
            for n, step, m in reversed(self.digits(axis, place + 1)):
                place, mine = divmod(place, n)
                # Repeats see the same; `self.start` is the average of the starts of a run of them.
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
        """The field after a window slides along one axis; `base` is its base dilation."""
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
        """The field of new units: unit p reads units ``first[p]`` to ``last[p]`` of `axis`.

        Evenly spaced reads are exact. Others, as of resizing, are fitted: the step is the ratio of
        the axis's length `n` to the number of new units, and the start is right on average. None if
        the fit puts some unit too far from what it reads.
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
        # Reads near the ends may be clipped: fit those in the middle, over whole periods.
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
        """The field of new units: unit p reads unit ``first + p * step`` and `span` more."""
        field = self.unfolded(axis)
        its = field.steps[axis]
        start = field.start + first * its + min(0, span * its)
        field = replace(field, start=simplest(start), size=field.size + span * abs(its))
        return field.with_step(axis, simplest(Fraction(its) * step))

    def joined(self, other: "Nominal", shape: Sequence[int]) -> tuple["Nominal | None", str]:
        """The union of the fields of two paths, and a remark on it, which may be empty.

        The union is None if the fields move differently.
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
    """A number as text: 32, 0.5, or 4/3."""
    if isinstance(number, int):
        return str(number)
    decimals = f"{float(number):g}"
    return decimals if Fraction(decimals) == number else str(number)


@lru_cache(maxsize=4096)
def _span(size: int, dilation: int, base: int) -> int:
    """The largest distance from the first to the last element that a window meets, in elements.

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
