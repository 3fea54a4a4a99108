"""What units see behind a reshape: axes are split, and merged."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ._field import Field, Sight, capped
from ._nominal import Nominal, ratio


def reshaped(field: Field, before: Sequence[int], after: Sequence[int], others: Sight) -> Field:
    """The same elements in another shape; `others` are the other fields of the same array."""
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
        result, steps = nominal, {}
        for mine, its in groups:
            if not mine or not its:
                result = result.absorbed(mine, before)
                continue
            if len(mine) == len(its) == 1:
                steps[its[0]] = result.steps[mine[0]], result.repeats[mine[0]]
                continue
            moved = any(
                other.nominal is not None and other.nominal.steps[axis]
                for other in others.values()
                if other is not field
                for axis in mine
            )
            result, step, repeats = result.merged(mine, before, not moved)
            result, parts = _split(result, step, repeats, [after[axis] for axis in its])
            steps |= zip(its, parts)
        result = result.placed(len(after), {})
        for axis, (step, repeats) in steps.items():
            result = result.with_step(axis, step, repeats)
        return result

    return capped(replace(field, **ends).nominally(change))


def _split(nominal: Nominal, step, repeats: int, lengths: Sequence[int]) -> tuple:
    """The field and the steps and repeats of several axes that take the place of one."""
    parts = []
    for n in reversed(lengths):
        if n > 1 and repeats % n == 0:  # units that see the same become an axis of their own
            nominal = replace(nominal, start=nominal.start + ratio((n - 1) * step, 2))
            parts.append((0, 1))
            repeats //= n
        else:
            parts.append((step, repeats) if n > 1 else (0, 1))
            repeats = 1 if n > 1 else repeats
        step = step * n
    return nominal, parts[::-1]


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
