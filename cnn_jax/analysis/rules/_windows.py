"""Primitives that slide a window: convolutions, window reductions, padding."""

import jax.numpy as jnp
import numpy as np
from jax import lax

from cnn_jax.geometry import Window

from ..dependence import Depending
from ..fields import NO_LOW, Seeing, Sight, permuted, reduced, slid, spread
from ..program import Rule, Rules, Step


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


def convolution(step: Step, sights: list[Sight], seeing: Seeing) -> list[Sight]:
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
            seeing.slides(key, field, 2 + i)
            field = slid(field, 2 + i, shape[2 + i], window.cut(slice(i, i + 1)))
        if groups == shape[1] == channels:
            by_x[key] = permuted(field, back)
            continue
        field = field.changed(lambda ends, nothing: _grouped(ends, nothing, groups, channels))
        field = field.changed(lambda ends, nothing: _batched(ends, batches, channels))
        field = field.nominally(lambda nominal: nominal.absorbed(mixed, shape))
        by_x[key] = permuted(field, back)
    by_kernel: Sight = {}
    size = tuple(kernel[axis] for axis in numbers.rhs_spec)
    for key, field in sights[1].items():
        field = reduced(permuted(field, numbers.rhs_spec), range(1, len(size)), size)
        field = permuted(field, (1, 0, *range(2, len(size))))
        by_kernel[key] = permuted(field, back)
    return [seeing.union([by_x, by_kernel], step.outputs[0].shape)]


def _grouped(ends: np.ndarray, nothing: int, groups: int, channels: int) -> np.ndarray:
    """Turn the ends of each input channel into those of each of the output `channels`."""
    if ends.shape[1] == 1:
        return ends
    ends = ends.reshape(len(ends), groups, -1, *ends.shape[2:])
    ends = ends.min(2) if nothing == NO_LOW else ends.max(2)
    return ends.repeat(channels // groups, 1) if groups > 1 else ends


def _batched(ends: np.ndarray, batches: int, channels: int) -> np.ndarray:
    """With batch groups, the output channels of group g see only part g of the batch."""
    if batches == 1 or ends.shape[0] == 1:
        return ends
    n = ends.shape[0] // batches
    parts = [ends[g * n : (g + 1) * n] for g in range(batches)]
    return np.concatenate([part.repeat(channels // batches, 1) for part in parts], 1)


def window_reduction(step: Step, sights: list[Sight], seeing: Seeing) -> list[Sight]:
    """A unit sees its window on each axis."""
    window = window_of(step)
    arrays = [i for i, operand in enumerate(step.inputs) if len(operand.shape) == window.rank]
    shape = step.inputs[arrays[0]].shape
    sight = seeing.union([sights[i] for i in arrays], shape)
    result: Sight = {}
    for key, field in sight.items():
        for axis, n in enumerate(shape):
            if window.size[axis] > 1:
                seeing.slides(key, field, axis)
            field = slid(field, axis, n, window.cut(slice(axis, axis + 1)))
        result[key] = field
    return [result] * len(step.outputs)


def padded(step: Step, sights: list[Sight], seeing: Seeing) -> list[Sight]:
    """A window of one tap on each axis: elements see what they saw, padding sees nothing."""
    shape, result = step.inputs[0].shape, {}
    for key, field in sights[0].items():
        for axis, (low, high, between) in enumerate(step.params["padding_config"]):
            window = Window((1,), (1,), ((low, high),), (1,), (between + 1,))
            field = slid(field, axis, shape[axis], window)
        result[key] = field
    rank = len(shape)
    filling = {key: spread(field, rank, (), ()) for key, field in sights[1].items()}
    return [seeing.union([result, filling], step.outputs[0].shape)]


def depends_on_windows(step: Step, depending: Depending) -> list[np.ndarray]:
    """All elements in the window."""
    options, number = step.params, len(step.outputs)
    read = np.logical_or.reduce([depending.filled(operand) for operand in step.inputs[:number]])
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


_REDUCED = Rule(fields=window_reduction, depends=depends_on_windows)

RULES: Rules = {
    "conv_general_dilated": Rule("product", convolution),
    "pad": Rule("moves", padded, moves=(0, 1)),
    "reduce_window": _REDUCED,
    "reduce_window_sum": _REDUCED,
    "reduce_window_max": _REDUCED,
    "reduce_window_min": _REDUCED,
    "select_and_gather_add": Rule(fields=window_reduction),
}
