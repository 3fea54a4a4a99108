"""What a unit sees behind operations on elements in the same place."""

import numpy as np

from ..fields import Context, Field, Sight, capped, masked, spread, union
from ..program import Operand, Step

# A larger array of zeros and ones is not looked at: what it hides is counted as seen.
MOST_KNOWN = 2**24


def elementwise(step: Step, sights: list[Sight], context: Context) -> list[Sight]:
    """Each element depends on those in its place."""
    shape = step.outputs[0].shape
    return [union([at_rank(sight, len(shape)) for sight in sights], shape, context)]


def at_rank(sight: Sight, rank: int) -> Sight:
    """A scalar's sight, for each element of an array of `rank`."""
    return {
        key: spread(field, rank, (), ()) if field.low.ndim < rank else field
        for key, field in sight.items()
    }


def product(step: Step, sights: list[Sight], context: Context) -> list[Sight]:
    """Elementwise, but that a known zero hides what it is multiplied with."""
    (sight,) = elementwise(step, sights, context)
    for operand in step.inputs:
        factor = _compressed(context, operand, len(step.outputs[0].shape))
        if factor is not None and not factor.all():
            sight = {key: _hidden(field, factor != 0) for key, field in sight.items()}
    return [sight]


def select(step: Step, sights: list[Sight], context: Context) -> list[Sight]:
    """Elements of one case or another; where the predicate is known, of that one alone."""
    shape, (its, *cases) = step.outputs[0].shape, sights
    which = _compressed(context, step.inputs[0], len(shape))
    if which is not None:
        cases = [
            {key: _hidden(field, which == i) for key, field in case.items()}
            for i, case in enumerate(cases)
        ]
    cases = [case for i, case in enumerate(cases) if which is None or (which == i).any()]
    return [union([at_rank(sight, len(shape)) for sight in (its, *cases)], shape, context)]


def _hidden(field: Field, seen: np.ndarray) -> Field:
    return capped(field.changed(lambda ends, nothing: masked(ends, nothing, seen)))


def _compressed(context: Context, operand: Operand, rank: int) -> np.ndarray | None:
    """A known array of `rank` axes, of length 1 on those along which it is constant."""
    if int(np.prod(operand.shape)) > MOST_KNOWN:
        return None
    array = context.known(operand)
    if array is None:
        return None
    array = array.reshape((1,) * (rank - array.ndim) + array.shape)
    for axis in range(rank):
        first = array.take([0], axis)
        array = first if (array == first).all() else array
    return array
