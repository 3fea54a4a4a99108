"""What a unit sees behind what lays elements out anew: reshapes, transposes, concatenations."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..fields import (
    Context,
    Field,
    Rule,
    Sight,
    capped,
    chained,
    dropped,
    permuted,
    reshaped,
    spread,
    wholly,
)
from ..program import Step
from ._reading import sliced


def unary(change: Callable[[Step, Field, Sight], Field]) -> Rule:
    """A rule of one operand, made of what happens to each of its fields."""

    def rule(step: Step, sights: list[Sight], context: Context) -> list[Sight]:
        sight = sights[0]
        return [{key: change(step, field, sight) for key, field in sight.items()}]

    return rule


def broadcast(step: Step, field: Field, _: Sight) -> Field:
    axes = step.params["broadcast_dimensions"]
    return spread(field, len(step.outputs[0].shape), axes, step.inputs[0].shape)


def squeezed(step: Step, field: Field, _: Sight) -> Field:
    return dropped(field, step.params["dimensions"])


def reshape(step: Step, field: Field, sight: Sight) -> Field:
    if step.params.get("dimensions") is not None:
        return wholly(field, step.inputs[0].shape, len(step.outputs[0].shape), exact=False)
    return reshaped(field, step.inputs[0].shape, step.outputs[0].shape, sight)


def transposed(step: Step, field: Field, _: Sight) -> Field:
    return permuted(field, step.params["permutation"])


def flipped(step: Step, field: Field, _: Sight) -> Field:
    for axis in step.params["dimensions"]:
        n = step.inputs[0].shape[axis]
        field = sliced(field, axis, n - 1, -1, n)
    return field


def concatenation(step: Step, sights: list[Sight], context: Context) -> list[Sight]:
    """Each element sees what it saw in its part.

    Nominally the largest part tells of all, where the axis is one along which the field moves: as
    if the other parts were padding.
    """
    axis, shape = step.params["dimension"], step.outputs[0].shape
    lengths = [operand.shape[axis] for operand in step.inputs]
    starts = np.cumsum([0, *lengths])
    result: Sight = {}
    for key in dict.fromkeys(key for sight in sights for key in sight):
        parts = [_unfolded(sight.get(key), axis) for sight in sights]
        there = [(i, part) for i, part in enumerate(parts) if part is not None]
        field = chained(parts, lengths, axis, len(shape))
        i, largest = max(there, key=lambda item: lengths[item[0]])
        nominal = largest.nominal
        if nominal is not None and nominal.steps[axis]:
            nominal = nominal.slid(axis, 1, 1, int(starts[i]), 1, 1)
        else:
            for _, part in there:
                if nominal is not None and part is not largest:
                    if part.nominal is None:
                        nominal = None
                        break
                    nominal, words = nominal.joined(part.nominal, shape)
                    context.say(words if key in context.spatial else "")
        result[key] = capped(replace(field, nominal=nominal))
    return [result]


def _unfolded(field: Field | None, axis: int) -> Field | None:
    return None if field is None else field.nominally(lambda nominal: nominal.unfolded(axis))


def split(step: Step, sights: list[Sight], context: Context) -> list[Sight]:
    """Parts of an axis, one behind the other."""
    axis, start, results = step.params["axis"], 0, []
    for n in step.params["sizes"]:
        results.append({key: sliced(f, axis, start, 1, n) for key, f in sights[0].items()})
        start += n
    return results
