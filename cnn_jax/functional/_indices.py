"""Maxima with their places, and maxima put back there: `max_pool_with_indices`, `max_unpool`."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from cnn_jax import arguments, geometry
from cnn_jax.algorithms import at_first_extreme, crop
from cnn_jax.arguments import with_hints
from cnn_jax.geometry import PaddingLike, Window

from . import _checks as checks
from ._sliding import pool_window, slide, slide_by


@with_hints
def max_pool_with_indices(
    x: ArrayLike,
    window: Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: PaddingLike = "VALID",
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    algorithm: str = "auto",
) -> tuple[jax.Array, jax.Array]:
    """Take the largest element of each window, and return its place as well.

    ```
    >>> import jax.numpy as jnp
    >>> y, indices = max_pool_with_indices(jnp.array([1.0, 3.0, 2.0, 0.0])[:, None], (2,))
    >>> y.ravel(), indices.ravel()
    (Array([3., 2.], dtype=float32), Array([1, 2], dtype=int32))

    ```

    Args, Raises: as for `max_pool`.

    Returns:
        What `max_pool` returns; and of the same shape, int32, the place of each window's first
        maximum in its feature map, counted in row-major order over the spatial axes of `x`, as in
        PyTorch. For a window of nothing but padding it is -1.
    """
    x = checks.ordered("x", x)
    resolved = pool_window(x, window, stride, padding, dilation, ceil_mode)
    spatial = x.shape[x.ndim - resolved.rank - 1 : -1]
    y = slide(algorithm, "max_pool", x, resolved)
    drops, _ = geometry.fit(resolved, spatial)
    places = np.arange(1, math.prod(spatial) + 1, dtype=np.int32).reshape(1, *spatial, 1)
    maxima = lax.stop_gradient(checks.with_one_batch_axis(y, resolved.rank))

    def first_maximum(x: jax.Array, exact: Window) -> jax.Array:
        return at_first_extreme(x, maxima, crop(jnp.asarray(places), drops), exact) - 1

    return y, slide_by(first_maximum, lax.stop_gradient(x), resolved)


@with_hints
def max_unpool(y: ArrayLike, indices: ArrayLike, spatial: Sequence[int]) -> jax.Array:
    """Put each element of `y` at the place that `indices` gives, and zeros elsewhere.

    With the results of `max_pool_with_indices` the maxima return to their places. Where several
    windows have the same place, the last of them in row-major order sets it, and it alone has a
    gradient: so the result is the same on every device.

    ```
    >>> import jax.numpy as jnp
    >>> max_unpool(jnp.array([[3.0], [2.0]]), jnp.array([[1], [2]]), (4,)).ravel()
    Array([0., 3., 2., 0.], dtype=float32)

    ```

    Args:
        y: (*batch, *positions, channels).
        indices: integers of the same shape: places in a feature map of lengths `spatial`, counted
            in row-major order. Elements with a place outside of it, such as -1, are left out.
        spatial: the spatial lengths of the result, a tuple; its length is the spatial rank.

    Returns:
        (*batch, *spatial, channels), of the dtype of `y`.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit together.

    References:
        Zeiler and Fergus, *Visualizing and understanding convolutional networks*, 2013,
        arXiv:1311.2901, section 2.1.
    """
    y, indices = checks.array("y", y), checks.array("indices", indices)
    if not jnp.issubdtype(indices.dtype, jnp.integer):
        raise TypeError(f"`indices` must hold integers; got {indices.dtype}.")
    if indices.shape != y.shape:
        raise ValueError(
            f"`indices` must have the shape of `y`, {y.shape}; got shape {indices.shape}."
        )
    spatial = arguments.lengths("spatial", spatial, example=8)
    geometry.check_size("spatial", spatial, "the result")
    rank = len(spatial)
    positions = checks.spatial_axes(y, rank, f"`spatial` {spatial}", name="y")
    batch, channels = y.shape[: y.ndim - rank - 1], y.shape[-1]

    flat = (math.prod(batch), math.prod(positions), channels)
    values, places = y.reshape(flat), indices.reshape(flat)
    if places.dtype.itemsize < 4:  # which cannot hold every place of a larger result
        places = places.astype(jnp.int32)
    places = jnp.where(places < 0, jnp.iinfo(places.dtype).max, places)  # outside: dropped below
    image, window, channel = np.ix_(*(np.arange(n, dtype=np.int32) for n in flat))
    # First find the last window of each place: a maximum of integers depends on no order.
    owner = jnp.full((flat[0], math.prod(spatial), channels), -1, jnp.int32)
    owner = owner.at[image, places, channel].max(jnp.asarray(window), mode="drop")
    if 0 in flat:
        return jnp.zeros((*batch, *spatial, channels), y.dtype)
    moved = jnp.take_along_axis(values, jnp.maximum(owner, 0), axis=1)
    return jnp.where(owner < 0, jnp.zeros_like(moved), moved).reshape(*batch, *spatial, channels)
