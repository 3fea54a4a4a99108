"""What the primitives that mix elements do to dependences: reductions, windows, loops."""

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from jax import lax

from ..dependence import Dependences, Indicator, Rule
from ..program import CUMULATIONS, REDUCTIONS, WINDOW_REDUCTIONS, Operand, Step, Value


def _reduce(walk: Dependences, step: Step) -> list[Indicator]:
    axes = step.params["axes"] if "axes" in step.params else step.params["dimensions"]
    found = [walk.united(operand, axes) for operand in step.inputs[: len(step.outputs)]]
    return [np.logical_or.reduce(found)] * len(step.outputs)


def _reduce_window(walk: Dependences, step: Step) -> list[Indicator]:
    options, number = step.params, len(step.outputs)
    read = np.logical_or.reduce([walk.filled(operand) for operand in step.inputs[:number]])
    seen = lax.reduce_window(
        jnp.asarray(read.astype(np.float32)),
        np.float32(0),
        lax.max,
        (1, *options["window_dimensions"]),
        (1, *options["window_strides"]),
        ((0, 0), *options["padding"]),
        (1, *options["base_dilation"]),
        (1, *options["window_dilation"]),
    )
    return [np.asarray(seen) > 0] * number


def _cumulative(walk: Dependences, step: Step) -> list[Indicator]:
    axis, found = step.params["axis"] + 1, walk.filled(step.inputs[0])
    if step.params["reverse"]:
        return [np.flip(np.logical_or.accumulate(np.flip(found, axis), axis), axis)]
    return [np.logical_or.accumulate(found, axis)]


def _along(axes: Callable[[Step], Sequence[int]]) -> Rule:
    """The rule of a step that mixes all elements along some axes, of all its operands."""

    def rule(walk: Dependences, step: Step) -> list[Indicator]:
        found = np.logical_or.reduce(
            [walk.united(operand, axes(step), keep=True) for operand in step.inputs]
        )
        return [np.broadcast_to(found, (walk.width, *v.shape)) for v in step.outputs]

    return rule


def _last_axes(step: Step) -> Sequence[int]:
    rank = len(step.inputs[0].shape)
    return range(rank - len(step.params["fft_lengths"]), rank)


def _cond(walk: Dependences, step: Step) -> list[Indicator]:
    index, *rest = step.inputs
    branches = [
        walk.inside(body, [walk(o) for o in rest], _supports(walk, rest)) for body in step.inner
    ]
    return [
        _union([_to_all(walk(index), value), *cases])
        for value, *cases in zip(step.outputs, *branches)
    ]


def _supports(walk: Dependences, operands: Sequence[Operand]) -> list[np.ndarray | None]:
    return [walk.support(operand) if walk(operand) is None else None for operand in operands]


def _scan(walk: Dependences, step: Step) -> list[Indicator]:
    options, (body,) = step.params, step.inner
    first = options["num_consts"]
    last = first + options["num_carry"]
    fixed, carry = list(map(walk, step.inputs[:first])), list(map(walk, step.inputs[first:last]))
    supports = _supports(walk, step.inputs[:first])
    made: list[list[Indicator]] = [[] for _ in range(options["length"])]
    order = range(options["length"])
    for i in reversed(order) if options["reverse"] else order:
        here = [None if walk(o) is None else walk.filled(o)[:, i] for o in step.inputs[last:]]
        out = walk.inside(body, [*fixed, *carry, *here], supports)
        carry, made[i] = out[: len(carry)], out[len(carry) :]
    return [*carry, *map(_stacked, zip(*made))]


def _stacked(layers: Sequence[Indicator]) -> Indicator:
    some = _union(layers)
    if some is None:
        return None
    return np.stack([np.zeros_like(some) if s is None else s for s in layers], axis=1)


def _while(walk: Dependences, step: Step) -> list[Indicator]:
    """Go around until nothing is added; what the condition sees decides every result."""
    condition, body = step.inner
    first = step.params["cond_nconsts"]
    last = first + step.params["body_nconsts"]
    asked, fixed = list(map(walk, step.inputs[:first])), list(map(walk, step.inputs[first:last]))
    carry = list(map(walk, step.inputs[last:]))
    walk.remark(f"the `while` at {step.source} is taken to go around any number of times")
    while True:
        (going_on,) = walk.inside(condition, [*asked, *carry])
        after = walk.inside(body, [*fixed, *carry])
        larger = [
            _union([old, new, _to_all(going_on, value)])
            for old, new, value in zip(carry, after, step.outputs)
        ]
        if all(map(_same, carry, larger)):
            return larger
        carry = larger


def _union(indicators: Sequence[Indicator]) -> Indicator:
    found = [indicator for indicator in indicators if indicator is not None]
    return np.logical_or.reduce(found) if found else None


def _to_all(indicator: Indicator, value: Value) -> Indicator:
    """A scalar's indicator for each element of `value`."""
    if indicator is None:
        return None
    shape = (len(indicator), *value.shape)
    return np.broadcast_to(indicator.reshape(-1, *(1,) * len(value.shape)), shape)


def _same(one: Indicator, other: Indicator) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))


RULES: dict[str, Rule] = {
    **dict.fromkeys(REDUCTIONS, _reduce),
    **dict.fromkeys(WINDOW_REDUCTIONS, _reduce_window),
    **dict.fromkeys(CUMULATIONS, _cumulative),
    "sort": _along(lambda step: (step.params["dimension"],)),
    "top_k": _along(lambda step: (len(step.inputs[0].shape) - 1,)),
    "fft": _along(_last_axes),
    "cond": _cond,
    "scan": _scan,
    "while": _while,
}
