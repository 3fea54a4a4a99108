"""Units of an output: which axes follow which axes of the inputs, and how a unit is named."""

from collections.abc import Sequence

from cnn_jax.arguments import as_int

from ..program import Operand, Program
from ._field import Sight
from ._seeing import Walk


def chosen_output(program: Program, output: str | None) -> tuple[str, Operand]:
    """The path and the operand of the output called `output`; None: of the only output.

    Raises:
        ValueError: if there is no such output, or None is given and there are several.
    """
    paths = list(program.outputs)
    if output is None and len(paths) == 1:
        return paths[0], program.outputs[paths[0]]
    if output not in program.outputs and paths == [""]:
        raise ValueError(
            f"`output` must be left out, as `f` returns a single array; got {output!r}."
        )
    if output not in program.outputs:
        given = "several outputs and no choice" if output is None else repr(output)
        raise ValueError(f"`output` must be one of {paths}; got {given}.")
    return output, program.outputs[output]


def followed(sight: Sight, walked: Walk, number: int = 0) -> dict[int, int]:
    """For each spatial axis of an input, the axis of an array along which its fields move there."""
    axes = {}
    for key in sorted(walked.spatial & sight.keys()):
        nominal = sight[key].nominal
        if key[0] == number and nominal is not None and nominal.axis is not None:
            axes[key[1]] = nominal.axis
    return axes


def spatial_axes(sight: Sight, walked: Walk) -> tuple[int, ...]:
    """The axes of an array that follow a spatial axis of any input."""
    numbers = {number for number, _ in walked.spatial}
    return tuple(sorted({a for n in numbers for a in followed(sight, walked, n).values()}))


def checked_unit(
    unit: Sequence[int] | None, shape: tuple[int, ...], spatial: Sequence[int]
) -> tuple[int, ...]:
    """The index of a unit on all axes.

    Args:
        unit: an index on all axes, or on the spatial ones alone; None: the middle of the spatial
            axes, and 0 on the others.
        shape: the output's shape.
        spatial: its spatial axes.

    Raises:
        TypeError: if `unit` is no tuple of ints.
        ValueError: if it has another number of entries, or one that is out of range.
    """
    index = [n // 2 if axis in spatial else 0 for axis, n in enumerate(shape)]
    if unit is None:
        return tuple(index)
    if not isinstance(unit, tuple | list) or any(as_int(i) is None for i in unit):
        raise TypeError(f"`unit` must be a tuple of ints; got {unit!r}.")
    if len(unit) not in (len(shape), len(spatial)):
        among = f" or {len(spatial)}, on its spatial axes {tuple(spatial)}" if spatial else ""
        raise ValueError(
            f"`unit` must have {len(shape)} entries, one per axis of the output {shape}{among}; "
            f"got {tuple(unit)}."
        )
    for axis, i in zip(spatial if len(unit) != len(shape) else range(len(shape)), unit):
        if not -shape[axis] <= i < shape[axis]:
            raise ValueError(
                f"`unit` must lie in the output {shape}: on axis {axis} from 0 to "
                f"{shape[axis] - 1}; got {tuple(unit)}."
            )
        index[axis] = int(i) % shape[axis]
    return tuple(index)


def spatial_of(walked: Walk, number: int) -> tuple[int, ...]:
    """The spatial axes of an input: those along which a window slides somewhere."""
    return tuple(sorted(axis for its, axis in walked.spatial if its == number))
