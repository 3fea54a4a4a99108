"""Primitives that move elements to places which their parameters give, such as a reshape."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ..fields import (
    Field,
    Seeing,
    Sight,
    capped,
    chained,
    dropped,
    permuted,
    reshaped,
    sliced,
    spread,
    wholly,
)
from ..program import Options, Rule, Rules, Step


def unary(change: Callable[[Step, Field, Sight], Field]) -> Callable[..., list[Sight]]:
    """Make the rule of a primitive with one operand from what it does to each field."""

    def rule(step: Step, sights: list[Sight], seeing: Seeing) -> list[Sight]:
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


def concatenation(step: Step, sights: list[Sight], seeing: Seeing) -> list[Sight]:
    """Each element sees what it saw in its part.

    If the field moves along the axis, the nominal field is that of the largest part, as if the
    other parts were padding.
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
                    seeing.say(words if key in seeing.spatial else "")
        result[key] = capped(replace(field, nominal=nominal))
    return [result]


def _unfolded(field: Field | None, axis: int) -> Field | None:
    return None if field is None else field.nominally(lambda nominal: nominal.unfolded(axis))


def split(step: Step, sights: list[Sight], seeing: Seeing) -> list[Sight]:
    """Each part sees what its slice of the axis sees."""
    axis, start, results = step.params["axis"], 0, []
    for n in step.params["sizes"]:
        results.append({key: sliced(f, axis, start, 1, n) for key, f in sights[0].items()})
        start += n
    return results


def strided_slice(step: Step, sights: list[Sight], seeing: Seeing) -> list[Sight]:
    """Each element sees what it saw before the slice."""
    starts, shape = step.params["start_indices"], step.outputs[0].shape
    strides = step.params["strides"] or (1,) * len(shape)
    result: Sight = {}
    for key, field in sights[0].items():
        for axis, n in enumerate(shape):
            if n != step.inputs[0].shape[axis] or strides[axis] != 1:
                field = sliced(field, axis, starts[axis], strides[axis], n)
        result[key] = field
    return [result]


# The same moves by NumPy, of arrays with one more axis in front.


def _after(axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(axis + 1 for axis in axes)


def _sliced(options: Options, x: np.ndarray) -> np.ndarray:
    starts, limits = options["start_indices"], options["limit_indices"]
    steps = options["strides"] or (1,) * len(starts)
    return x[(slice(None), *map(slice, starts, limits, steps))]


def _broadcast(options: Options, x: np.ndarray) -> np.ndarray:
    shape, axes = options["shape"], options["broadcast_dimensions"]
    lengths = [1] * len(shape)
    for axis, n in zip(axes, x.shape[1:]):
        lengths[axis] = n
    return np.broadcast_to(x.reshape(len(x), *lengths), (len(x), *shape))


def _moving(fields: Callable[..., list[Sight]], move: Callable[..., np.ndarray]) -> Rule:
    return Rule("moves", fields, move=move, in_place=True)


RULES: Rules = {
    "broadcast_in_dim": _moving(unary(broadcast), _broadcast),
    "squeeze": _moving(unary(squeezed), lambda o, x: x.squeeze(_after(o["dimensions"]))),
    "reshape": _moving(unary(reshape), lambda o, x: x.reshape(len(x), *o["new_sizes"])),
    "transpose": _moving(unary(transposed), lambda o, x: x.transpose(0, *_after(o["permutation"]))),
    "rev": _moving(unary(flipped), lambda o, x: np.flip(x, _after(o["dimensions"]))),
    "slice": _moving(strided_slice, _sliced),
    "split": Rule("moves", split, in_place=True),
    "concatenate": Rule(
        "moves",
        concatenation,
        moves=None,
        move=lambda o, *parts: np.concatenate(parts, o["dimension"] + 1),
    ),
}
