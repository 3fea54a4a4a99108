"""Whether a shift of the input shifts the output: `equivariance`."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import jax
import numpy as np

from cnn_jax.arguments import one_of

from ..fields import Field, chosen_output, followed
from ..program import trace
from ..rules import walk
from ._running import numbers, running
from ._shifts import Shift, checked_axes, checked_shifts, rolled

BOUNDARIES = ("interior", "circular")


@dataclass(frozen=True, eq=False)
class Equivariance:
    """How far the outputs for shifted inputs are from the shifted output.

    Attributes:
        axes: the axes of `x` that were shifted.
        stride: the effective stride of the output along each.
        shifts: of the input, by elements along each of `axes`.
        output_shifts: of the output, by units: the shift over the stride, rounded.
        multiple: for each shift, whether it is a multiple of the stride. If not, no shift of the
            output matches it.
        errors: for each shift the relative L2 error ``|f(shift(x)) - shift'(f(x))| / |f(x)|``.
        units: for each shift the number of places that were compared.
        boundary: ``"interior"`` or ``"circular"``.
    """

    axes: tuple[int, ...]
    stride: tuple[int | Fraction, ...]
    shifts: tuple[Shift, ...]
    output_shifts: tuple[Shift, ...]
    multiple: np.ndarray = field(repr=False)
    errors: np.ndarray
    units: np.ndarray = field(repr=False)
    boundary: str


def equivariance(
    f: Callable,
    x: Any,
    shifts: Iterable[int | Sequence[int]],
    *,
    boundary: str = "interior",
    axes: Sequence[int] | None = None,
    output: str | None = None,
    params: Any = None,
) -> Equivariance:
    """Measure whether `f` of a shifted input is the shifted output of `f`.

    With an effective stride of 2, a shift of the input by 4 is a shift of the output by 2. A shift
    by 3 would be one by 1.5 units: the nearest whole shift is taken (of two the longer), and
    `multiple` is False.

    ```
    >>> import jax.numpy as jnp
    >>> from cnn_jax import functional as F
    >>> def f(x):
    ...     return F.max_pool(x, (2,))
    >>> x = jnp.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0])[:, None]
    >>> found = equivariance(f, x, range(4), boundary="circular")
    >>> found.errors == 0
    array([ True, False,  True, False])
    >>> found.multiple
    array([ True, False,  True, False])

    ```

    Args:
        f: a callable of one array, with its parameters.
        x: the array, such as a batch of images.
        shifts: by how many elements: tuples with one int for each of `axes`, or an int, which is as
            far along all of them. Content moves towards higher indices.
        boundary: ``"circular"`` rolls the input and the output, and compares all units.
            ``"interior"`` compares only units whose receptive field, padding included, lies inside
            the image, and in the shifted image does not reach elements that came in at the edge.
        axes: the axes to shift; by default those along which windows slide.
        output: if `f` returns several arrays, the path of one.
        params: the first argument of `f`, if that is its parameters.

    Returns:
        The error for each shift.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if the output does not follow an axis, if no unit is left to compare, or if
            another argument does not fit.

    References:
        Zhang, *Making convolutional networks shift-invariant again*, 2019, arXiv:1904.11486,
        section 3.1.
    """
    one_of("boundary", boundary, BOUNDARIES)
    x = numbers(x)
    program = trace(f, x, params=params)
    path, value = chosen_output(program, output)
    walked = walk(program)
    sight = walked.of(value)
    follows = followed(sight, walked)
    if axes is None and not follows:
        raise ValueError(
            f"`f` must slide windows along `x` {x.shape} and keep their places in its output "
            f"{value.shape}; it does not. Name `axes` if there are places, or measure `invariance`."
        )
    moved = tuple(sorted(follows)) if axes is None else checked_axes(axes, x.shape)
    places = [_places(sight.get((0, axis)), axis, value.shape) for axis in moved]
    checked = checked_shifts(shifts, moved)

    call, arrays = running(f, [x], params)
    apply = jax.jit(lambda arrays, x: call(arrays, x)[path])
    plain, n = np.asarray(apply(arrays, x)), [x.shape[axis] for axis in moved]
    out_axes = [its.axis for its in places]
    out_shifts, errors, units = [], [], []
    for shift in checked:
        steps = tuple(its.nearest(s) for s, its in zip(shift, places))
        after = np.asarray(apply(arrays, rolled(x, shift, moved)))
        expected, shown = np.roll(plain, steps, out_axes), after
        if boundary == "interior":
            for its, s, step, length in zip(places, shift, steps, n):
                inside = its.inside(plain.shape[its.axis], length, s, step)
                expected, shown = (a.compress(inside, its.axis) for a in (expected, shown))
        if not shown.size:
            raise ValueError(_too_small(places, n, moved, shift))
        out_shifts.append(steps)
        errors.append(_relative(shown, expected))
        units.append(math.prod(shown.shape[axis] for axis in out_axes))
    strides = tuple(its.stride for its in places)
    exact = [all(s % stride == 0 for s, stride in zip(shift, strides)) for shift in checked]
    return Equivariance(
        moved,
        strides,
        checked,
        tuple(out_shifts),
        np.array(exact),
        np.array(errors),
        np.array(units),
        boundary,
    )


@dataclass(frozen=True)
class _Places:
    """An axis of the output that follows one of the input: unit u sees ``size`` elements from
    ``start + u * stride`` on."""

    axis: int
    start: int | Fraction
    stride: int | Fraction
    size: int | Fraction

    def nearest(self, shift: int) -> int:
        """The shift of the output that is nearest to a shift of the input."""
        steps = Fraction(shift) / self.stride
        return int(math.copysign(math.floor(abs(steps) + Fraction(1, 2)), steps))

    def inside(self, units: int, n: int, shift: int, step: int) -> np.ndarray:
        """Which units of the shifted output to compare, each with the unit `step` before it."""
        places = np.arange(units)
        low, high = self.ends(places)
        kept = (low >= max(shift, 0)) & (high <= n - 1 + min(shift, 0))
        low, high = self.ends(places - step)
        return kept & (places >= step) & (places < units + step) & (low >= 0) & (high <= n - 1)

    def ends(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The first and the last element that each unit sees."""
        starts = [self.start + self.stride * int(u) for u in units]
        ends = [math.ceil(start + self.size - 1) for start in starts]
        return np.array(list(map(math.floor, starts))), np.array(ends)


def _places(seen: Field | None, axis: int, shape: tuple[int, ...]) -> _Places:
    nominal = None if seen is None else seen.nominal
    if nominal is None or nominal.axis is None:
        raise ValueError(
            f"`f` must keep the places along axis {axis} of `x` in its output {shape}, so that "
            "there is something to shift; it does not: every unit sees all of it, or paths of "
            "different strides meet. Measure `invariance` instead."
        )
    return _Places(nominal.axis, nominal.start, nominal.steps[nominal.axis], nominal.size)


def _too_small(places: list[_Places], n: list[int], axes: Sequence[int], shift: Shift) -> str:
    least = [math.ceil(its.size + 2 * abs(its.stride) + abs(s)) for its, s in zip(places, shift)]
    needs = ", ".join(f"axis {axis} {m}" for axis, m in zip(axes, least))
    sizes = ", ".join(str(math.ceil(its.size)) for its in places)
    return (
        f"`x` is too small for a unit to see nothing but the image before and after a shift by "
        f"{shift}: units see {sizes} elements, and the axes have {', '.join(map(str, n))}. These "
        f'lengths would do: {needs}; or use boundary="circular".'
    )


def _relative(found: np.ndarray, expected: np.ndarray) -> float:
    found, expected = found.astype(np.float64), expected.astype(np.float64)
    error, size = np.linalg.norm(found - expected), np.linalg.norm(expected)
    if error == 0:
        return 0.0
    return float(error / size) if size > 0 else math.inf
