"""Matrix products."""

from collections.abc import Sequence

import numpy as np

from ..fields import NO_LOW, Field, Seeing, Sight, capped, dropped, permuted, reduced, spread
from ..program import Rule, Rules, Step


def dot(step: Step, sights: list[Sight], seeing: Seeing) -> list[Sight]:
    """An element sees a row of the one operand and a column of the other.

    If it sees several elements of an axis of the input, and the next element sees others, a window
    slides along that axis.
    """
    contracted, batch = step.params["dimension_numbers"]
    rank = len(step.outputs[0].shape)
    free = [
        [a for a in range(len(operand.shape)) if a not in (*contracted[side], *batch[side])]
        for side, operand in enumerate(step.inputs)
    ]
    starts = (len(batch[0]), len(batch[0]) + len(free[0]))
    results: list[Sight] = []
    for side in (0, 1):
        shape, result = step.inputs[side].shape, {}
        sees = _pattern(step, 1 - side, seeing) if sights[side] else None
        for key, field in sights[side].items():
            axes, places = contracted[side], [*range(len(batch[0]))]
            places += range(starts[side], starts[side] + len(free[side]))
            if sees is not None and field.low.shape[axes[0]] > 1:
                order = [*free[0], axes[0]] if side == 0 else [axes[0], *free[1]]
                result[key] = capped(permuted(_through(field, axes[0], sees), order))
                for axis in range(rank) if _wide(result[key]) else ():
                    seeing.slides(key, result[key], axis)
                continue
            wide = _wide(field)
            field = dropped(reduced(field, axes, shape), axes)
            kept = [a for a in range(len(shape)) if a not in axes]
            field = permuted(field, [kept.index(a) for a in (*batch[side], *free[side])])
            lengths = [shape[a] for a in (*batch[side], *free[side])]
            result[key] = spread(field, rank, places, lengths)
            if sights[1 - side]:
                continue
            # Along batch axes, which may be groups of channels, only a field that was wide before
            # the product comes from a window.
            for axis in places:
                if wide if axis < len(batch[0]) else _wide(field):
                    seeing.slides(key, result[key], axis)
        results.append(result)
    return [seeing.union(_attending(*results, shape=step.outputs[0].shape), step.outputs[0].shape)]


def _attending(one: Sight, other: Sight, shape: Sequence[int]) -> tuple[Sight, Sight]:
    """The sights through each operand of a product of data with data.

    In a product of queries with keys, one field moves along the rows and the other along the
    columns. A later step sums over the columns, so the second nominal field is here already taken
    to be that of the whole axis.
    """
    compared = dict(other)
    for key in one.keys() & other.keys():
        mine, its = one[key].nominal, other[key].nominal
        if mine is not None and its is not None and mine.moving and not mine.moving & its.moving:
            moving = sorted(its.moving)
            compared[key] = other[key].nominally(lambda n, axes=moving: n.absorbed(axes, shape))
    return one, compared


def _wide(field: Field) -> bool:
    return field.nominal is not None and field.nominal.size > 1


def _pattern(step: Step, side: int, seeing: Seeing) -> np.ndarray | None:
    """Which entries of a known matrix (contracted, free) are nonzero; None if all, or unknown."""
    contracted, batch = step.params["dimension_numbers"]
    operand = step.inputs[side]
    if len(contracted[side]) != 1 or batch[side] or len(operand.shape) != 2:
        return None
    matrix = seeing.known(operand)
    if matrix is None or (matrix != 0).all():
        return None
    return (matrix if contracted[side][0] == 0 else matrix.T) != 0


def _through(field: Field, axis: int, sees: np.ndarray) -> Field:
    """What each column of a sparse matrix sees of `axis`; columns take the place of that axis."""

    def change(ends: np.ndarray, nothing: int) -> np.ndarray:
        rows = np.moveaxis(ends, axis, -1)[..., None]
        met = np.where(sees, rows, nothing)
        met = met.min(-2) if nothing == NO_LOW else met.max(-2)
        return np.moveaxis(met, -1, axis).astype(np.int32)

    n = len(sees)
    used = sees.any(0)
    first = np.where(used, sees.argmax(0), 0)
    last = np.where(used, n - 1 - sees[::-1].argmax(0), 0)
    return field.changed(change).nominally(lambda nominal: nominal.fitted(axis, first, last, n))


RULES: Rules = {"dot_general": Rule("product", dot)}
