"""How much a shift of the input changes what each layer makes: `invariance_by_layer`."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from ..program import trace
from ._running import numbers, relative_change, running
from ._shifts import Shift, shifts_of


@dataclass(frozen=True, eq=False)
class LayerInvariance:
    """How much each layer's arrays change under shifts of the input.

    Attributes:
        layers: by path in what the function returns, in its order.
        axes: the axes of `x` that were shifted.
        shifts: by elements along each of `axes`.
        changes: (layers, shifts), the relative L2 change of the layer's array, ``|f(shift(x)) -
            f(x)| / |f(x)|``, on average over the images: 0 for what does not see the shift.
        boundary: ``"circular"`` or ``"crop"``.
    """

    layers: tuple[str, ...]
    axes: tuple[int, ...]
    shifts: tuple[Shift, ...]
    changes: np.ndarray
    boundary: str


def invariance_by_layer(
    f: Callable,
    x: Any,
    shifts: Iterable[int | Sequence[int]],
    *,
    boundary: str = "circular",
    size: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    params: Any = None,
) -> LayerInvariance:
    """Measure how much shifts of an image change what each layer of a network makes of it.

    Places are not shifted back, as `equivariance` does: a convolution's maps move with the image,
    and so change; a pool's change less, and those of a mean over all places not at all.

    ```
    >>> import jax.numpy as jnp
    >>> def network(x):
    ...     return {"itself": x, "its mean": x.mean(axis=1)}
    >>> x = jnp.array([3.0, 4.0, 0.0, 0.0]).reshape(1, 4, 1)
    >>> found = invariance_by_layer(network, x, [0, 2])
    >>> found.layers, found.changes.round(3).tolist()
    (('itself', 'its mean'), [[0.0, 1.414], [0.0, 0.0]])

    ```

    Args:
        f: a callable of one array, with its parameters, that returns an array for each layer, by
            name, such as a model's `feature_maps`. All have the images as their first axis.
        x: images, (images, *spatial, channels).
        shifts: by how many elements: tuples with one int for each of `axes`, or an int, which is as
            far along all of them. Content moves towards higher indices.
        boundary: ``"circular"`` rolls the images. ``"crop"`` cuts windows of `size` out of them,
            around the middle, so that what comes in at an edge is more of the image.
        size: the size of the windows, one int for each of `axes`; for ``"crop"`` only.
        axes: the axes to shift; by default all but the first and the last.
        params: the first argument of `f`, if that is its parameters.

    Returns:
        The change of each layer for each shift.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if an output has not the images as its first axis, if the windows leave the
            images, or if another argument does not fit.
    """
    x = numbers(x)
    moved = shifts_of(x, shifts, boundary, size, axes, "(images, *spatial, channels)")
    still = moved.still
    outputs = trace(f, still, params=params).outputs
    for path, value in outputs.items():
        if not value.shape or value.shape[0] != len(x):
            raise ValueError(
                f"`f` must return arrays with the {len(x)} images as their first axis; got shape "
                f"{value.shape}{f' for {path}' if path else ''}."
            )
    call, arrays = running(f, [still], params)
    apply = jax.jit(call)

    def made(x: jax.Array) -> list[np.ndarray]:
        found = apply(arrays, x)
        return [np.asarray(found[path], np.float64).reshape(len(x), -1) for path in outputs]

    plain = made(still)
    changes = np.array(
        [list(map(relative_change, made(moved.shifted(shift)), plain)) for shift in moved.shifts]
    )
    return LayerInvariance(tuple(outputs), moved.axes, moved.shifts, changes.T, boundary)
