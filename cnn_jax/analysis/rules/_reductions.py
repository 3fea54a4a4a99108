"""Primitives that combine elements along axes: reductions, cumulative sums, sorting, FFT."""

from collections.abc import Callable, Sequence

import numpy as np

from ..dependence import Depending
from ..fields import NO_LOW, Nominal, Seeing, Sight, dropped, reduced
from ..program import Rule, Rules, Step, reduced_axes
from ._elementwise import at_rank


def reduction(step: Step, sights: list[Sight], seeing: Seeing) -> list[Sight]:
    """Each result sees all elements along the axes, of every operand."""
    shape = step.inputs[0].shape
    axes = reduced_axes(step)
    arrays = [at_rank(sight, len(shape)) for sight in sights]  # `reduce` also takes scalars
    merged = seeing.union(arrays, shape)
    sight = {key: dropped(reduced(f, axes, shape), axes) for key, f in merged.items()}
    return [sight] * len(step.outputs)


def accumulation(step: Step, sights: list[Sight], seeing: Seeing) -> list[Sight]:
    """Each element sees those up to it, or with `reverse` those from it on."""
    axis, shape = step.params["axis"], step.inputs[0].shape
    backwards = step.params["reverse"]

    def change(ends: np.ndarray, nothing: int) -> np.ndarray:
        if ends.shape[axis] == 1:
            return ends
        order = np.flip(ends, axis) if backwards else ends
        least = np.minimum if nothing == NO_LOW else np.maximum
        order = least.accumulate(order, axis=axis)
        return np.flip(order, axis) if backwards else order

    def nominally(nominal: Nominal) -> Nominal:
        return nominal.absorbed([axis], shape)

    return [{key: f.changed(change).nominally(nominally) for key, f in sights[0].items()}]


def depends_on_reduced(step: Step, depending: Depending) -> list[np.ndarray]:
    """All elements along the axes, of every operand."""
    number, axes = len(step.outputs), reduced_axes(step)
    found = [depending.united(operand, axes) for operand in step.inputs[:number]]
    return [np.logical_or.reduce(found)] * number


def depends_on_earlier(step: Step, depending: Depending) -> list[np.ndarray]:
    """The elements up to each place, or with `reverse` from it on."""
    axis, found = step.params["axis"] + 1, depending.filled(step.inputs[0])
    if step.params["reverse"]:
        return [np.flip(np.logical_or.accumulate(np.flip(found, axis), axis), axis)]
    return [np.logical_or.accumulate(found, axis)]


def mixing(axes_of: Callable[[Step], Sequence[int]]) -> Rule:
    """The rule of a primitive that mixes all elements along some axes, of all its operands."""

    def fields(step: Step, sights: list[Sight], seeing: Seeing) -> list[Sight]:
        shape = step.inputs[0].shape
        sight = seeing.union(sights, shape)
        return [{key: reduced(f, axes_of(step), shape) for key, f in sight.items()}] * len(
            step.outputs
        )

    def depends(step: Step, depending: Depending) -> list[np.ndarray]:
        parts = [depending.united(o, axes_of(step), keep=True) for o in step.inputs]
        found = np.logical_or.reduce(parts)
        return [np.broadcast_to(found, (depending.width, *v.shape)) for v in step.outputs]

    return Rule(fields=fields, depends=depends)


def _ranked_axis(step: Step) -> int:
    """The axis of `top_k`; the last one before JAX gave it a parameter."""
    return step.params.get("axis", -1) % len(step.inputs[0].shape)


def _last(step: Step, number: int) -> range:
    rank = len(step.inputs[0].shape)
    return range(rank - number, rank)


_REDUCTION = Rule(fields=reduction, depends=depends_on_reduced)
_CUMULATION = Rule(fields=accumulation, depends=depends_on_earlier)
_REDUCTIONS = "sum prod max min and or xor"
_CUMULATIONS = "cumsum cumprod cummax cummin cumlogsumexp"

RULES: Rules = {
    **dict.fromkeys(("reduce", "argmax", "argmin"), _REDUCTION),
    **{f"reduce_{name}": _REDUCTION for name in _REDUCTIONS.split()},
    **dict.fromkeys(_CUMULATIONS.split(), _CUMULATION),
    "sort": mixing(lambda step: [step.params["dimension"] % len(step.inputs[0].shape)]),
    "top_k": mixing(lambda step: [_ranked_axis(step)]),
    "fft": mixing(lambda step: _last(step, len(step.params["fft_lengths"]))),
}
