"""What a step costs: multiply-adds, and bytes.

A multiply-add counts as one. Taps on padding count, as in the literature; biases, pooling and
elementwise steps do not. A transposed convolution costs as much as the convolution that it
transposes: one multiply-add for each tap at each element of its input, none for inserted zeros.
"""

import math

import jax

from ..fields import reads
from ..program import Operand, Step
from ..rules import window_of


def multiply_adds(step: Step) -> int:
    """The multiply-adds of a convolution or a matrix product, padding included; else 0."""
    if step.primitive == "dot_general":
        return math.prod(step.outputs[0].shape) * math.prod(
            step.inputs[0].shape[axis] for axis in step.params["dimension_numbers"][0][0]
        )
    if step.primitive != "conv_general_dilated":
        return 0
    x, kernel = (operand.shape for operand in step.inputs)
    numbers, taps = step.params["dimension_numbers"], math.prod(window_of(step).size)
    if is_transposed(step):
        channels = kernel[numbers.rhs_spec[0]] // step.params["feature_group_count"]
        return math.prod(x) * taps * channels
    return math.prod(step.outputs[0].shape) * taps * kernel[numbers.rhs_spec[1]]


def multiply_adds_inside(step: Step) -> int:
    """The `multiply_adds` whose tap meets an element of the input."""
    if step.primitive != "conv_general_dilated":
        return multiply_adds(step)
    numbers, window, x = step.params["dimension_numbers"], window_of(step), step.inputs[0].shape
    met = math.prod(
        int(reads(x[axis], window.cut(slice(i, i + 1)))[1].sum())
        for i, axis in enumerate(numbers.lhs_spec[2:])
    )
    y = step.outputs[0].shape
    per_position = math.prod(y[axis] for axis in numbers.out_spec[:2])
    return met * per_position * step.inputs[1].shape[numbers.rhs_spec[1]]


def is_transposed(step: Step) -> bool:
    """Whether a convolution puts zeros between the elements of its input."""
    return max(step.params["lhs_dilation"], default=1) > 1


def size_in_bytes(*operands: Operand | jax.ShapeDtypeStruct) -> int:
    """The total bytes of several arrays."""
    return sum(math.prod(operand.shape) * operand.dtype.itemsize for operand in operands)
