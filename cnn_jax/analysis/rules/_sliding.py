"""What a unit sees behind convolutions, window reductions, padding and matrix products."""

from collections.abc import Sequence

import numpy as np

from cnn_jax.geometry import Window

from ..fields import (
    NO_LOW,
    Context,
    Field,
    Sight,
    capped,
    dropped,
    permuted,
    reduced,
    slid,
    spread,
    union,
)
from ..program import Step


def window_of(step: Step) -> Window:
    """The window of a convolution (on its spatial axes) or of a reduction (on all axes)."""
    options = step.params
    if step.primitive == "conv_general_dilated":
        kernel = options["dimension_numbers"].rhs_spec
        return Window(
            tuple(step.inputs[1].shape[axis] for axis in kernel[2:]),
            tuple(options["window_strides"]),
            tuple(map(tuple, options["padding"])),
            tuple(options["rhs_dilation"]),
            tuple(options["lhs_dilation"]),
        )
    ones = (1,) * len(options["window_dimensions"])
    return Window(
        tuple(options["window_dimensions"]),
        tuple(options["window_strides"]),
        tuple(map(tuple, options["padding"])),
        tuple(options.get("window_dilation") or ones),
        tuple(options.get("base_dilation") or ones),
    )


def convolution(step: Step, sights: list[Sight], context: Context) -> list[Sight]:
    """A unit sees its window on each spatial axis, and the channels of its group."""
    numbers, window = step.params["dimension_numbers"], window_of(step)
    groups, batches = step.params["feature_group_count"], step.params["batch_group_count"]
    x, kernel = (operand.shape for operand in step.inputs)
    shape = tuple(x[axis] for axis in numbers.lhs_spec)
    channels = kernel[numbers.rhs_spec[0]]
    mixed = [1] if batches == 1 else [0, 1]
    back = np.argsort(numbers.out_spec).tolist()
    by_x: Sight = {}
    for key, field in sights[0].items():
        field = permuted(field, numbers.lhs_spec)
        for i in range(window.rank):
            context.slides(key, field, 2 + i)
            field = slid(field, 2 + i, shape[2 + i], window.cut(slice(i, i + 1)))
        if groups == shape[1] == channels:
            by_x[key] = permuted(field, back)
            continue
        field = field.changed(lambda ends, nothing: _grouped(ends, nothing, 1, groups, channels))
        field = field.changed(lambda ends, nothing: _batched(ends, batches, channels))
        field = field.nominally(lambda nominal: nominal.absorbed(mixed, shape))
        by_x[key] = permuted(field, back)
    by_kernel: Sight = {}
    size = tuple(kernel[axis] for axis in numbers.rhs_spec)
    for key, field in sights[1].items():
        field = reduced(permuted(field, numbers.rhs_spec), range(1, len(size)), size)
        field = permuted(field, (1, 0, *range(2, len(size))))
        by_kernel[key] = permuted(field, back)
    return [union([by_x, by_kernel], step.outputs[0].shape, context)]


def _grouped(ends: np.ndarray, nothing: int, axis: int, groups: int, channels: int) -> np.ndarray:
    """Ends of each input channel into those of each of the output `channels`."""
    if ends.shape[axis] == 1:
        return ends
    shape = ends.shape
    ends = ends.reshape(*shape[:axis], groups, -1, *shape[axis + 1 :])
    ends = ends.min(axis + 1) if nothing == NO_LOW else ends.max(axis + 1)
    return ends.repeat(channels // groups, axis) if groups > 1 else ends


def _batched(ends: np.ndarray, batches: int, channels: int) -> np.ndarray:
    """Output channels of group g see the g-th part of the batch alone."""
    if batches == 1 or ends.shape[0] == 1:
        return ends
    n = ends.shape[0] // batches
    parts = [ends[g * n : (g + 1) * n] for g in range(batches)]
    return np.concatenate([part.repeat(channels // batches, 1) for part in parts], 1)


def window_reduction(step: Step, sights: list[Sight], context: Context) -> list[Sight]:
    """A unit sees its window on each axis."""
    window = window_of(step)
    arrays = [i for i, operand in enumerate(step.inputs) if len(operand.shape) == window.rank]
    shape = step.inputs[arrays[0]].shape
    sight = union([sights[i] for i in arrays], shape, context)
    result: Sight = {}
    for key, field in sight.items():
        for axis, n in enumerate(shape):
            if window.size[axis] > 1:
                context.slides(key, field, axis)
            field = slid(field, axis, n, window.cut(slice(axis, axis + 1)))
        result[key] = field
    return [result] * len(step.outputs)


def padded(step: Step, sights: list[Sight], context: Context) -> list[Sight]:
    """Padding sees nothing, elements see what they saw: a window of one tap on each axis."""
    shape, result = step.inputs[0].shape, {}
    for key, field in sights[0].items():
        for axis, (low, high, between) in enumerate(step.params["padding_config"]):
            window = Window((1,), (1,), ((low, high),), (1,), (between + 1,))
            field = slid(field, axis, shape[axis], window)
        result[key] = field
    rank = len(shape)
    filling = {key: spread(field, rank, (), ()) for key, field in sights[1].items()}
    return [union([result, filling], step.outputs[0].shape, context)]


def dot(step: Step, sights: list[Sight], context: Context) -> list[Sight]:
    """An element sees a row of the one operand and a column of the other.

    Where it sees several elements, and the next one others, windows had been laid out for it.
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
        sees = _pattern(step, 1 - side, context) if sights[side] else None
        for key, field in sights[side].items():
            axes, places = contracted[side], [*range(len(batch[0]))]
            places += range(starts[side], starts[side] + len(free[side]))
            if sees is not None and field.low.shape[axes[0]] > 1:
                order = [*free[0], axes[0]] if side == 0 else [axes[0], *free[1]]
                result[key] = capped(permuted(_through(field, axes[0], sees), order))
                for axis in range(rank) if _wide(result[key]) else ():
                    context.slides(key, result[key], axis)
                continue
            wide = _wide(field)
            field = dropped(reduced(field, axes, shape), axes)
            kept = [a for a in range(len(shape)) if a not in axes]
            field = permuted(field, [kept.index(a) for a in (*batch[side], *free[side])])
            lengths = [shape[a] for a in (*batch[side], *free[side])]
            result[key] = spread(field, rank, places, lengths)
            if sights[1 - side]:
                continue
            # Axes of groups of channels are among those of the batch: there, what is gathered by
            # the product itself is no window.
            for axis in places:
                if wide if axis < len(batch[0]) else _wide(field):
                    context.slides(key, result[key], axis)
        results.append(result)
    return [
        union(_attending(*results, shape=step.outputs[0].shape), step.outputs[0].shape, context)
    ]


def _attending(one: Sight, other: Sight, shape: Sequence[int]) -> tuple[Sight, Sight]:
    """What is seen along the two operands of a product of data with data.

    Where the first moves along rows and the second along columns, as queries and keys do, the
    second is nominally taken to see all: so does what becomes of it, as the columns are summed.
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


def _pattern(step: Step, side: int, context: Context) -> np.ndarray | None:
    """Which entries of a known matrix (contracted, free) are not zero; None if all, or unknown."""
    contracted, batch = step.params["dimension_numbers"]
    operand = step.inputs[side]
    if len(contracted[side]) != 1 or batch[side] or len(operand.shape) != 2:
        return None
    matrix = context.known(operand)
    if matrix is None or (matrix != 0).all():
        return None
    return (matrix if contracted[side][0] == 0 else matrix.T) != 0


def _through(field: Field, axis: int, sees: np.ndarray) -> Field:
    """What each column of a sparse matrix sees of `axis`, that takes the place of the axis."""

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
