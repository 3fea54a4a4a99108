"""Receptive fields after a reshape, which splits and merges axes."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ._field import Field, Sight, capped
from ._nominal import Digit, Nominal, ratio, simplest


def reshaped(field: Field, before: Sequence[int], after: Sequence[int], others: Sight) -> Field:
    """The field of the same elements in another shape; `others` are all fields of the array."""
    groups = list(common_groups(before, after))
    ends = {name: getattr(field, name) for name in ("low", "high")}
    for name, array in ends.items():
        lengths, new = list(array.shape), [1] * len(after)
        for mine, its in groups:
            if any(array.shape[axis] > 1 for axis in mine):
                for axis in mine:
                    lengths[axis] = before[axis]
                for axis in its:
                    new[axis] = after[axis]
        ends[name] = np.broadcast_to(array, lengths).reshape(new)

    def change(nominal: Nominal) -> Nominal:
        result, digits = nominal, {}
        for mine, its in groups:
            if not mine or not its:
                result = result.absorbed(mine, before)
                continue
            if len(mine) == len(its) == 1:
                digits[its[0]] = result.digits(mine[0], before[mine[0]])
                continue
            merged = [d for axis in mine for d in result.digits(axis, before[axis]) if d[0] > 1]
            repeats = not any(
                other.nominal is not None and axis in other.nominal.moving
                for other in others.values()
                if other is not field
                for axis in mine
            )
            result, dealt = _dealt(result, merged, [after[axis] for axis in its], repeats)
            if dealt is None:
                result = result.absorbed(mine, before)
            else:
                digits |= zip(its, dealt)
        result = result.placed(len(after), {})
        for axis, its_digits in digits.items():
            result = _laid(result, axis, its_digits)
        return result

    return capped(replace(field, **ends).nominally(change))


def _dealt(
    nominal: Nominal, digits: Sequence[Digit], lengths: Sequence[int], repeat: bool
) -> tuple[Nominal, list[list[Digit]] | None]:
    """Distribute the digits of old axes over new axes.

    Args:
        nominal: the field.
        digits: the digits of the old axes together, outermost first.
        lengths: the lengths of the new axes.
        repeat: whether adjacent units that see the same count as repeats.

    Returns:
        The field, and the digits of each new axis: None if a digit cannot be cut as needed.
    """
    given, rest, dealt = nominal, list(digits), []
    for n in reversed(lengths):
        mine: list[Digit] = []
        while (got := math.prod(m for m, _, _ in mine)) < n:
            m, step, repeats = rest.pop()
            need = n // got
            if m > need:  # the digit is cut in two
                left = repeats // need if repeats % need == 0 else 1
                if n % got or m % need or (left == 1 and need % repeats):
                    return given, None
                rest.append((m // need, simplest(step * need), left))
                if repeats > 1 and repeats % need == 0:  # units that see the same get an axis
                    start = simplest(nominal.start + ratio((need - 1) * step, 2))
                    nominal, step, repeats = replace(nominal, start=start), 0, 1
                m = need
            mine.insert(0, (m, step, repeats))
        joined = _joined(nominal, mine, repeat)
        if joined is not None:
            nominal, mine = joined
        dealt.insert(0, mine)
    return nominal, dealt


def _joined(
    nominal: Nominal, digits: Sequence[Digit], repeat: bool
) -> tuple[Nominal, list[Digit]] | None:
    """The field, and one digit in place of several; None if their steps do not fit into one."""
    inner, step, repeats, trailing = 1, 0, 1, 1
    for n, s, its in reversed(digits):
        if not step and s:
            step, repeats, trailing = ratio(s, inner), inner * its, inner
        elif s != step * inner:
            return None
        inner *= n
    if trailing > 1:
        if not repeat:
            return None
        start = simplest(nominal.start - ratio((trailing - 1) * step, 2))
        nominal = replace(nominal, start=start)
    return nominal, [(inner, step, repeats)]


def _laid(nominal: Nominal, axis: int, digits: Sequence[Digit]) -> Nominal:
    """The field with these digits on an axis."""
    if not any(step for _, step, _ in digits):
        return nominal
    if len(digits) == 1:
        ((_, step, repeats),) = digits
        return nominal.with_step(axis, step, repeats)
    return nominal.folded(axis, tuple(digits))


def common_groups(
    before: Sequence[int], after: Sequence[int]
) -> Iterator[tuple[list[int], list[int]]]:
    """The finest groups of adjacent axes of two shapes that hold equally many elements."""
    i = j = 0
    while i < len(before) or j < len(after):
        mine, its = [], []
        more_left, more_right = i < len(before), j < len(after)
        if more_left and more_right and before[i] == after[j]:
            mine, its = [i], [j]
        elif more_left and before[i] == 1:
            mine = [i]
        elif more_right and after[j] == 1:
            its = [j]
        else:
            mine, its = [i], [j]
            p, q = before[i], after[j]
            while p != q:
                if p < q:
                    mine.append(mine[-1] + 1)
                    p *= before[mine[-1]]
                else:
                    its.append(its[-1] + 1)
                    q *= after[its[-1]]
        i, j = i + len(mine), j + len(its)
        yield mine, its
