"""What a unit sees behind each primitive: a table from names to rules.

A rule takes the step, for each operand what its units see (an empty dictionary for what depends on
no data), and the context; it returns what the units of each output see.
"""

import numpy as np

from ..fields import NO_LOW, Context, Field, Nominal, Rule, Sight, dropped, reduced, union, wholly
from ..program import CUMULATIONS, ELEMENTWISE, REDUCTIONS, WINDOW_REDUCTIONS, Step
from ._elementwise import at_rank, elementwise, product, select
from ._reading import dynamic_slice, dynamic_update_slice, gather, strided_slice
from ._shapes import (
    broadcast,
    concatenation,
    flipped,
    reshape,
    split,
    squeezed,
    transposed,
    unary,
)
from ._sliding import convolution, dot, padded, window_reduction


def reduction(step: Step, sights: list[Sight], context: Context) -> list[Sight]:
    """Elements of what is reduced are seen together; several operands, as of argmax, alike."""
    shape = step.inputs[0].shape
    axes = step.params["dimensions" if step.primitive == "reduce" else "axes"]
    arrays = [at_rank(sight, len(shape)) for sight in sights]  # `reduce` also takes scalars
    merged = union(arrays, shape, context)
    sight = {key: dropped(reduced(f, axes, shape), axes) for key, f in merged.items()}
    return [sight] * len(step.outputs)


def accumulation(step: Step, sights: list[Sight], context: Context) -> list[Sight]:
    """Each element sees those before it, or with `reverse` those behind it."""
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


def along_axis(name: str) -> Rule:
    """A rule where each element sees all along one axis, or several, such as sorting."""

    def rule(step: Step, sights: list[Sight], context: Context) -> list[Sight]:
        shape, option = step.inputs[0].shape, step.params.get(name)
        axes = option if isinstance(option, tuple) else (-1 if option is None else option,)
        if name == "fft_lengths":
            axes = range(len(shape) - len(step.params[name]), len(shape))
        axes = [axis % len(shape) for axis in axes]
        sight = union(sights, shape, context)
        sight = {key: reduced(field, axes, shape) for key, field in sight.items()}
        return [sight] * len(step.outputs)

    return rule


def barrier(step: Step, sights: list[Sight], context: Context) -> list[Sight]:
    """Each operand as it is."""
    return sights


def unknown(step: Step, sights: list[Sight], context: Context) -> list[Sight]:
    """What no rule tells of: every element is taken to see all that the operands see."""
    context.doubt(step)
    return seeing_all(step, sights, exact=False)


def seeing_all(step: Step, sights: list[Sight], exact: bool) -> list[Sight]:
    """For each output: every element sees whatever any operand sees."""
    results = []
    for output in step.outputs:
        rank, sight = len(output.shape), {}
        for operand, seen in zip(step.inputs, sights):
            for key, field in seen.items():
                field = wholly(field, operand.shape, rank, exact)
                sight.setdefault(key, []).append(field)
        results.append({key: _all_of(fields, output.shape, exact) for key, fields in sight.items()})
    return results


def _all_of(fields: list[Field], shape: tuple[int, ...], exact: bool) -> Field:
    field = fields[0]
    for other in fields[1:]:
        nominal = field.nominal and other.nominal and field.nominal.joined(other.nominal, shape)[0]
        low, high = np.minimum(field.low, other.low), np.maximum(field.high, other.high)
        field = Field(low, high, nominal or None, exact and field.exact and other.exact)
    return field


RULES: dict[str, Rule] = {
    **dict.fromkeys(ELEMENTWISE, elementwise),
    "mul": product,
    "select_n": select,
    "broadcast_in_dim": unary(broadcast),
    "squeeze": unary(squeezed),
    "reshape": unary(reshape),
    "transpose": unary(transposed),
    "rev": unary(flipped),
    "slice": strided_slice,
    "dynamic_slice": dynamic_slice,
    "dynamic_update_slice": dynamic_update_slice,
    "gather": gather,
    "pad": padded,
    "concatenate": concatenation,
    "split": split,
    "dot_general": dot,
    "conv_general_dilated": convolution,
    **dict.fromkeys(("optimization_barrier", "device_put", "pvary", "mesh_cast"), barrier),
    **dict.fromkeys(REDUCTIONS, reduction),
    **dict.fromkeys(CUMULATIONS, accumulation),
    **dict.fromkeys((*WINDOW_REDUCTIONS, "select_and_gather_add"), window_reduction),
    "sort": along_axis("dimension"),
    "top_k": along_axis("axis"),
    "fft": along_axis("fft_lengths"),
}
