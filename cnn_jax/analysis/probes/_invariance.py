"""Whether a shift of the input leaves a classifier's answer the same: `invariance`."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import jax
import numpy as np

from ..fields import chosen_output
from ..program import trace
from ._running import numbers, relative_change, running
from ._shifts import Shift, shifts_of


@dataclass(frozen=True, eq=False)
class Invariance:
    """How much a classifier's answers change under shifts.

    Attributes:
        axes: the axes of `x` that were shifted.
        shifts: by elements along each of `axes`.
        changes: for each shift the relative L2 change of the output, ``|f(shift(x)) - f(x)| /
            |f(x)|``, on average over the images.
        agreement: for each shift the fraction of images whose class, that of the largest entry, is
            that of the unshifted image.
        consistency: the fraction, over images and pairs of shifts, whose two classes agree; None
            for a single shift.
        boundary: ``"circular"`` or ``"crop"``.
        classes: (shifts, images), the class of each.
    """

    axes: tuple[int, ...]
    shifts: tuple[Shift, ...]
    changes: np.ndarray
    agreement: np.ndarray
    consistency: float | None
    boundary: str
    classes: np.ndarray = field(repr=False)


def invariance(
    f: Callable,
    x: Any,
    shifts: Iterable[int | Sequence[int]],
    *,
    boundary: str = "circular",
    size: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    output: str | None = None,
    params: Any = None,
) -> Invariance:
    """Measure how much shifts of an image change the output of `f`, and how often its class.

    ```
    >>> import jax.numpy as jnp
    >>> def sees_no_places(x):
    ...     return x.sum(axis=1)
    >>> x = jnp.array([9.0, 1.0, 4.0, 5.0, 2.0, 6.0]).reshape(1, 3, 2)
    >>> invariance(sees_no_places, x, range(3)).consistency
    1.0
    >>> def sees_nothing_else(x):
    ...     return x[:, 0]
    >>> invariance(sees_nothing_else, x, range(3)).agreement
    array([1., 0., 0.])

    ```

    Args:
        f: a callable of one array, with its parameters, that returns (*batch, classes).
        x: images, (*batch, *spatial, channels).
        shifts: by how many elements: tuples with one int for each of `axes`, or an int, which is as
            far along all of them. Content moves towards higher indices.
        boundary: ``"circular"`` rolls the images. ``"crop"`` cuts windows of `size` out of them,
            around the middle, so that what comes in at an edge is more of the image.
        size: the size of the windows, one int for each of `axes`; for ``"crop"`` only.
        axes: the axes to shift; by default all but the first and the last.
        output: if `f` returns several arrays, the path of one.
        params: the first argument of `f`, if that is its parameters.

    Returns:
        Change and agreement for each shift, and the consistency among all.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if the output holds no classes, if the windows leave the images, or if another
            argument does not fit.

    References:
        Zhang, *Making convolutional networks shift-invariant again*, 2019, arXiv:1904.11486,
        section 4.1: the consistency is that of classifying two shifts of an image alike.
    """
    x = numbers(x)
    moved = shifts_of(x, shifts, boundary, size, axes, "(*batch, *spatial, channels)")
    still = moved.still
    program = trace(f, still, params=params)
    path, value = chosen_output(program, output)
    # The axes before those that are shifted are the batch, and perhaps the channels.
    if not 1 <= len(value.shape) <= min(moved.axes) + 1 or value.shape[-1] < 2:
        raise ValueError(
            f"`f` must return (*batch, classes) with 2 classes at least; got shape {value.shape}. "
            "Of feature maps measure `equivariance`."
        )
    call, arrays = running(f, [still], params)
    apply = jax.jit(lambda arrays, x: call(arrays, x)[path])

    def answers(x: jax.Array) -> np.ndarray:
        return np.asarray(apply(arrays, x), np.float64).reshape(-1, value.shape[-1])

    plain = answers(still)
    changes, classes = [], []
    for shift in moved.shifts:
        found = answers(moved.shifted(shift))
        changes.append(relative_change(found, plain))
        classes.append(found.argmax(-1))
    pairs = [(a == b).mean() for a, b in combinations(classes, 2)]
    return Invariance(
        moved.axes,
        moved.shifts,
        np.array(changes),
        np.array([(found == plain.argmax(-1)).mean() for found in classes]),
        float(np.mean(pairs)) if pairs else None,
        boundary,
        np.stack(classes),
    )
