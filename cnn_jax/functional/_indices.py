"""Where a maximum came from, and the way back: `max_pool_with_indices`, `max_unpool`."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from cnn_jax import geometry
from cnn_jax.algorithms import at_first_extreme, crop
from cnn_jax.geometry import PaddingLike, Window

from . import _checks as checks
from ._sliding import pool_window, slide, slide_by


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
    """Take the largest element of each window, and say where it stands.

    ```
    >>> import jax.numpy as jnp
    >>> y, indices = max_pool_with_indices(jnp.array([1.0, 3.0, 2.0, 0.0])[:, None], (2,))
    >>> y.ravel(), indices.ravel()
    (Array([3., 2.], dtype=float32), Array([1, 2], dtype=int32))

    ```

    Args, Raises: as for `max_pool`.

    Returns:
        What `max_pool` returns, with its gradient; and of the same shape, int32, the place of the
        first maximum of each window in its feature map: row-major over the spatial axes of `x`, as
        in PyTorch. A window of nothing but padding has -1.
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


def max_unpool(y: ArrayLike, indices: ArrayLike, spatial: Sequence[int]) -> jax.Array:
    """Put each element of `y` where `indices` say, and zeros elsewhere.

    The way back from `max_pool_with_indices`: maxima return to their places. Of several windows
    with one place the last in row-major order sets it (and alone has its gradient), so the result
    does not depend on the device.

    ```
    >>> import jax.numpy as jnp
    >>> max_unpool(jnp.array([[3.0], [2.0]]), jnp.array([[1], [2]]), (4,)).ravel()
    Array([0., 3., 2., 0.], dtype=float32)

    ```

    Args:
        y: (*batch, *positions, channels).
        indices: integers of the same shape: row-major places in a feature map of `spatial`
            elements. Those outside of it, such as -1, are ignored.
        spatial: the lengths of the result, a tuple with as many as `y` has spatial axes.

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
    spatial = checks.sizes("spatial", spatial)
    rank = len(spatial)
    positions = checks.spatial_axes(y, rank, f"`spatial` {spatial}", name="y")
    batch, channels = y.shape[: y.ndim - rank - 1], y.shape[-1]

    flat = (math.prod(batch), math.prod(positions), channels)
    values, places = y.reshape(flat), indices.reshape(flat)
    places = jnp.where(places < 0, jnp.iinfo(places.dtype).max, places)  # outside: dropped below
    image, window, channel = np.ix_(*(np.arange(n, dtype=np.int32) for n in flat))
    # Each place finds its last window first: integers, whose maximum no order can change.
    owner = jnp.full((flat[0], math.prod(spatial), channels), -1, jnp.int32)
    owner = owner.at[image, places, channel].max(jnp.asarray(window), mode="drop")
    if 0 in flat:
        return jnp.zeros((*batch, *spatial, channels), y.dtype)
    moved = jnp.take_along_axis(values, jnp.maximum(owner, 0), axis=1)
    return jnp.where(owner < 0, jnp.zeros_like(moved), moved).reshape(*batch, *spatial, channels)
