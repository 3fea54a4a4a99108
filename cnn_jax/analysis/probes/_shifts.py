"""Check the shifts that a caller names, and shift arrays."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from cnn_jax.arguments import as_int, one_of

Shift = tuple[int, ...]
BOUNDARIES = ("circular", "crop")  # where nothing is shifted back


class Shifts(NamedTuple):
    """Shifts of images, as a caller asked for them."""

    axes: tuple[int, ...]
    shifts: tuple[Shift, ...]
    shifted: Callable[[Shift], jax.Array]
    """The images under a shift."""

    @property
    def still(self) -> jax.Array:
        """The images under no shift, as large as the others."""
        return self.shifted((0,) * len(self.axes))


def shifts_of(
    x: jax.Array, shifts: Any, boundary: str, size: Any, axes: Any, expected: str
) -> Shifts:
    """Check shifts of images by circular rolls or crops.

    Args:
        x: images, with spatial axes between the first and the last.
        shifts, boundary, size, axes: what the caller gave; see `invariance`.
        expected: what a message says that the shape of `x` must be.

    Raises:
        TypeError, ValueError: if one of them does not fit.
    """
    one_of("boundary", boundary, BOUNDARIES)
    if axes is None and x.ndim < 3:
        raise ValueError(f"`x` must be {expected}; got shape {x.shape}: name the `axes` to shift.")
    moved = checked_axes(tuple(range(1, x.ndim - 1)) if axes is None else axes, x.shape)
    checked = checked_shifts(shifts, moved)
    window = checked_size(size, boundary, x.shape, moved)

    def shifted(shift: Shift) -> jax.Array:
        return rolled(x, shift, moved) if window is None else cut(x, shift, moved, window)

    return Shifts(moved, checked, shifted)


def checked_shifts(shifts: Iterable[Any], axes: Sequence[int]) -> tuple[Shift, ...]:
    """Each shift as a tuple of one int per axis; a single int is repeated for every axis.

    Raises:
        TypeError: if they are no sequence of ints or tuples of ints.
        ValueError: if there is none, or one has another number of entries.
    """
    if isinstance(shifts, str) or not isinstance(shifts, Iterable):
        raise TypeError(
            f"`shifts` must be a sequence of ints, or of tuples with one int per shifted axis; got "
            f"{shifts!r}."
        )
    found = []
    for shift in shifts:
        entries = (shift,) * len(axes) if as_int(shift) is not None else shift
        if not _are_ints(entries):
            raise TypeError(
                f"`shifts` must hold ints, or tuples with one int per shifted axis; got {shift!r}."
            )
        if len(entries) != len(axes):
            raise ValueError(
                f"`shifts` must hold tuples with one int for each of the axes {tuple(axes)}; got "
                f"{shift!r}."
            )
        found.append(tuple(int(entry) for entry in entries))
    if not found:
        raise ValueError("`shifts` must hold at least one shift; got none.")
    return tuple(found)


def checked_axes(axes: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Axes of `x`, counted from 0.

    Raises:
        TypeError: if they are no tuple of ints.
        ValueError: if they are not different axes of `x`.
    """
    if not _are_ints(axes):
        raise TypeError(f"`axes` must be a tuple of ints, axes of `x`; got {axes!r}.")
    inside = all(-len(shape) <= axis < len(shape) for axis in axes)
    found = tuple(int(axis) % max(len(shape), 1) for axis in axes)
    if not inside or len(set(found)) != len(found) or not found:
        raise ValueError(f"`axes` must be different axes of `x` {shape}; got {axes!r}.")
    return found


def rolled(x: jax.Array, shift: Shift, axes: Sequence[int]) -> jax.Array:
    """`x` shifted circularly: content moves towards higher indices."""
    return jnp.roll(x, shift, tuple(axes))


def checked_size(
    size: Any, boundary: str, shape: tuple[int, ...], axes: tuple[int, ...]
) -> tuple[int, ...] | None:
    """The window that `boundary` "crop" cuts out of `x`, one int for each of the axes; else None.

    Raises:
        TypeError: if it is no tuple of so many ints.
        ValueError: if it does not fit into `x`, or `boundary` is another.
    """
    if boundary == "circular":
        if size is not None:
            raise ValueError(f'`size` is for boundary="crop" only; got {size!r}.')
        return None
    ints = [as_int(k) for k in size] if isinstance(size, tuple | list) else []
    if None in ints or len(ints) != len(axes):
        raise TypeError(
            f"`size` must be a tuple with one int for each of the axes {axes}, the window to cut; "
            f"got {size!r}."
        )
    sides = tuple(k for k in ints if k is not None)
    if not all(0 < k <= shape[axis] for k, axis in zip(sides, axes)):
        raise ValueError(
            f"`size` must be from 1 to the lengths of `x` {shape} on its axes {axes}; got {size!r}."
        )
    return sides


def cut(x: jax.Array, shift: Shift, axes: tuple[int, ...], size: tuple[int, ...]) -> jax.Array:
    """The middle window, moved against the shift, so that its content moves with the shift.

    Raises:
        ValueError: if the window leaves `x`.
    """
    places: list[slice] = [slice(None)] * x.ndim
    for axis, s, k in zip(axes, shift, size):
        n = x.shape[axis]
        start = (n - k) // 2 - s
        if not 0 <= start <= n - k:
            raise ValueError(
                f"`x` must be large enough for every window: of axis {axis}, {k} of {n} elements "
                f"shifted by {s} leave it; {k + 2 * abs(s) + 1} would do."
            )
        places[axis] = slice(start, start + k)
    return x[tuple(places)]


def _are_ints(entries: Any) -> bool:
    return isinstance(entries, tuple | list) and all(as_int(entry) is not None for entry in entries)
