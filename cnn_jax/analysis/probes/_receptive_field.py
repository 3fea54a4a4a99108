"""The receptive field of one unit of a network: `receptive_field`."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..fields import Field, checked_unit, chosen_output, phases, spatial_axes, spatial_of
from ..program import trace
from ..rules import walk


@dataclass(frozen=True)
class SeenAxis:
    """What a unit sees along one axis of an input.

    Attributes:
        low: the first element that it sees.
        high: the last one; less than `low` if it sees none.
        size: how many elements the unit sees, padding included; None if paths of different strides
            meet.
        start: the first of these, negative in the padding; where the phases of units are not known,
            an average, which need not be a whole number.
        stride: the distance from one unit's field to the next; None if all units see the same.
        padding: how many elements before the input the first unit's field begins.
        exact: whether the unit depends, for weights in general, on both `low` and `high`;
            otherwise the interval may be too long, never too short.
    """

    low: int
    high: int
    size: int | None
    start: int | Fraction | None
    stride: int | Fraction | None
    padding: int | Fraction | None
    exact: bool

    @property
    def padded(self) -> tuple[int, int]:
        """The first and the last element that the unit sees, padding included."""
        if self.start is None or self.size is None:
            return self.low, self.high
        return math.floor(self.start), math.ceil(self.start + self.size - 1)


@dataclass(frozen=True)
class SeenInput:
    """What a unit sees of one input.

    Attributes:
        shape: the input's shape.
        axes: one entry for each of its axes.
        spatial: the axes along which a window slides somewhere.
    """

    shape: tuple[int, ...]
    axes: tuple[SeenAxis, ...]
    spatial: tuple[int, ...]

    @property
    def box(self) -> tuple[tuple[int, int], ...]:
        """The first and the last element seen, on each axis."""
        return tuple((axis.low, axis.high) for axis in self.axes)

    @property
    def padded_box(self) -> tuple[tuple[int, int], ...]:
        """The same, padding included."""
        return tuple(axis.padded for axis in self.axes)


@dataclass(frozen=True)
class ReceptiveField:
    """What one unit sees.

    Attributes:
        unit: its index in the output.
        shape: the output's shape.
        output: the output's path in what the function returns, "" for a single array.
        inputs: what it sees of each input.
        remarks: where the result stops being exact.
    """

    unit: tuple[int, ...]
    shape: tuple[int, ...]
    output: str
    inputs: tuple[SeenInput, ...]
    remarks: tuple[str, ...]


def receptive_field(
    f: Callable,
    *inputs: Any,
    unit: Sequence[int] | None = None,
    output: str | None = None,
    params: Any = None,
) -> ReceptiveField:
    """Find which elements of the inputs a unit of the output depends on, without running `f`.

    The answer is one interval for each axis of each input. Elements that a dilated window skips are
    in the interval; `connectivity` tells which these are.

    ```
    >>> import jax.numpy as jnp
    >>> from cnn_jax import functional as F
    >>> kernel = jnp.ones((3, 3, 1, 1))
    >>> def f(x):
    ...     return F.conv(F.conv(x, kernel, stride=2, padding=1), kernel, padding=1)
    >>> field = receptive_field(f, (1, 16, 16, 1), unit=(0, 4))
    >>> field.inputs[0].box
    ((0, 0), (0, 3), (5, 11), (0, 0))
    >>> height = field.inputs[0].axes[1]
    >>> height.size, height.stride, height.padding, height.padded
    (7, 2, 3, (-3, 3))

    ```

    Args:
        f: a callable: a module, a method of one, a function.
        *inputs: for each array its shape, a `jax.ShapeDtypeStruct`, or an array.
        unit: an index of the output, on all axes, or on its spatial ones alone (those that follow a
            spatial axis of an input). By default the middle of these, and 0 on the others.
        output: if `f` returns several arrays, the path of one, such as ``"conv1"``.
        params: the first argument of `f`, if that is its parameters.

    Returns:
        Interval, size, stride and padding on every axis of every input.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if there is no such output or unit.

    References:
        Araujo, Norris and Sim, *Computing receptive fields of convolutional neural networks*,
        Distill, 2019.
    """
    program = trace(f, *inputs, params=params)
    path, value = chosen_output(program, output)
    walked = walk(program)
    sight = walked.of(value)
    index = checked_unit(unit, value.shape, spatial_axes(sight, walked))
    seen = tuple(
        SeenInput(
            its.shape,
            tuple(
                _axis(sight.get((n, axis)), index, length) for axis, length in enumerate(its.shape)
            ),
            spatial_of(walked, n),
        )
        for n, its in enumerate(program.inputs)
    )
    return ReceptiveField(index, value.shape, path, seen, tuple(walked.doubts))


def _axis(field: Field | None, unit: tuple[int, ...], length: int) -> SeenAxis:
    if field is None:
        return SeenAxis(0, -1, 0, None, None, None, True)
    place = tuple(min(i, n - 1) for i, n in zip(unit, field.low.shape))
    low, high = int(field.low[place]), int(field.high[place])
    if high < low:
        low, high = 0, -1
    nominal = field.nominal
    if nominal is None:
        return SeenAxis(low, high, None, None, None, None, field.exact)
    size, start = math.ceil(nominal.size), nominal.start_of(unit)
    found = phases(field, length, unit)
    if found is not None and nominal.axis is not None:
        size, start = found.size_of(unit[nominal.axis]), found.start_of(unit[nominal.axis])
    return SeenAxis(low, high, size, start, nominal.stride, -nominal.start, field.exact)
