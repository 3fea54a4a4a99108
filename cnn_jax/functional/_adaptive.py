"""Pooling to a given size: global pools, and adaptive ones with windows of unequal lengths."""

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from cnn_jax import arguments, geometry
from cnn_jax.algorithms import lowest
from cnn_jax.arguments import with_hints

from . import _checks as checks
from ._pooling import avg_pool, divided, max_pool, widened
from ._sliding import pool_window, slide


@with_hints
def global_avg_pool(x: ArrayLike, *, spatial_rank: int, algorithm: str = "auto") -> jax.Array:
    """Average each feature map over all its positions.

    ```
    >>> import jax.numpy as jnp
    >>> global_avg_pool(jnp.arange(24.0).reshape(2, 3, 4), spatial_rank=2)
    Array([10., 11., 12., 13.], dtype=float32)

    ```

    Args:
        x: (*batch, *spatial, channels) of floats, any number of batch axes.
        spatial_rank: the number of spatial axes, such as 2 for images.
        algorithm: as for `max_pool`.

    Returns:
        (*batch, channels), of the dtype of `x`.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if `x` has too few axes, or a feature map without a position.

    References:
        Lin, Chen and Yan, *Network in network*, 2013, arXiv:1312.4400, section 3.2.
    """
    return _whole(avg_pool, x, spatial_rank, algorithm)


@with_hints
def global_max_pool(x: ArrayLike, *, spatial_rank: int, algorithm: str = "auto") -> jax.Array:
    """Take the largest element of each feature map; the gradient goes to the first of several.

    ```
    >>> import jax.numpy as jnp
    >>> global_max_pool(jnp.arange(24.0).reshape(2, 3, 4), spatial_rank=2)
    Array([20., 21., 22., 23.], dtype=float32)

    ```

    Args, Returns, Raises: as for `global_avg_pool`, of any numbers that have an order.
    """
    return _whole(max_pool, x, spatial_rank, algorithm)


@with_hints
def adaptive_avg_pool(
    x: ArrayLike, output_size: Sequence[int | None], *, algorithm: str = "auto"
) -> jax.Array:
    """Average each feature map over windows that divide it into `output_size` positions.

    Along each axis window ``i`` is ``[floor(i n / out), ceil((i + 1) n / out))``, as in PyTorch:
    the windows cover everything, and neighbors share at most one element.

    ```
    >>> import jax.numpy as jnp
    >>> adaptive_avg_pool(jnp.arange(7.0)[:, None], (3,)).ravel()
    Array([1., 3., 5.], dtype=float32)

    ```

    Args:
        x: (*batch, *spatial, channels) of floats, any number of batch axes.
        output_size: positions on each spatial axis, a tuple whose length is the spatial rank; None
            keeps the input's.
        algorithm: as for `max_pool`.

    Returns:
        (*batch, *output_size, channels), of the dtype of `x`. bfloat16 and float16 are averaged in
        float32 and rounded once.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if `x` has too few axes, or a feature map without a position.

    References:
        He et al., *Spatial pyramid pooling in deep convolutional networks*, 2014, arXiv:1406.4729,
        section 2.2.
    """
    x = checks.floats(x, "be averaged")
    windows = _adaptive_windows(x, output_size)
    even, size = _spread(widened(x), windows, 0)
    window = pool_window(even, size, None, "VALID", 1)
    counts = [ends - starts for starts, ends in windows]
    if all((count == n).all() for count, n in zip(counts, size)):
        return slide(algorithm, "sum_pool", even, window, math.prod(size)).astype(x.dtype)
    return divided(slide(algorithm, "sum_pool", even, window), counts).astype(x.dtype)


@with_hints
def adaptive_max_pool(
    x: ArrayLike, output_size: Sequence[int | None], *, algorithm: str = "auto"
) -> jax.Array:
    """Take maxima over windows that divide each feature map into `output_size` positions.

    The windows are those of `adaptive_avg_pool`. The gradient goes to the first maximum of each.

    ```
    >>> import jax.numpy as jnp
    >>> adaptive_max_pool(jnp.arange(7.0)[:, None], (3,)).ravel()
    Array([2., 4., 6.], dtype=float32)

    ```

    Args, Returns, Raises: as for `adaptive_avg_pool`, of any numbers that have an order.
    """
    x = checks.ordered("x", x)
    even, size = _spread(x, _adaptive_windows(x, output_size), lowest(x.dtype))
    return slide(algorithm, "max_pool", even, pool_window(even, size, None, "VALID", 1))


def _adaptive_windows(x: jax.Array, output_size: object) -> list[tuple[np.ndarray, np.ndarray]]:
    """The starts and the ends of the windows on each spatial axis."""
    if not isinstance(output_size, tuple | list):
        raise TypeError(arguments.not_a_tuple("output_size", "one int or None", output_size, 7))
    rank, source = len(output_size), f"`output_size` {arguments.shown(tuple(output_size))}"
    spatial = _positive_axes(x, rank, source)
    wanted = [n if out is None else out for n, out in zip(spatial, output_size)]
    wanted = arguments.per_axis("output_size", wanted, rank, "`x`")
    geometry.check_size("output_size", wanted, "the result")
    return list(map(geometry.adaptive_windows, spatial, wanted))


def _spread(
    x: jax.Array, windows: list[tuple[np.ndarray, np.ndarray]], fill: np.number | int
) -> tuple[jax.Array, tuple[int, ...]]:
    """Copy the windows one after the other, each filled up with `fill` to a common length.

    A pool whose stride is that length then reduces each of them.

    Returns:
        The copies, (*batch, *(windows * length), channels), and the common length on each axis.
    """
    size = []
    for axis, (starts, ends) in enumerate(windows, start=x.ndim - len(windows) - 1):
        n, lengths = x.shape[axis], ends - starts
        size.append(int(lengths.max()))
        taps = np.arange(size[-1])
        inside = (taps < lengths[:, None]).ravel()
        sources = np.minimum(starts[:, None] + taps, n - 1).ravel()
        if not np.array_equal(sources, np.arange(n)):
            x = jnp.take(x, sources, axis, mode="clip")
        if not inside.all():
            inside = np.expand_dims(inside, [other for other in range(x.ndim) if other != axis])
            x = jnp.where(inside, x, jnp.asarray(fill, x.dtype))
    return x, tuple(size)


def _positive_axes(x: jax.Array, rank: int, source: str) -> tuple[int, ...]:
    spatial = checks.spatial_axes(x, rank, source)
    if 0 in spatial:
        raise ValueError(f"`x` must have a position on every spatial axis; got shape {x.shape}.")
    return spatial


def _whole(pool: Callable[..., jax.Array], x: ArrayLike, rank: object, algorithm: str) -> jax.Array:
    """Pool with one window that is the whole of each feature map."""
    x, number = checks.array("x", x), arguments.as_int(rank)
    if number is None or number < 0:
        raise TypeError(
            "`spatial_rank` must be an int, such as 2 for images; got "
            f"{arguments.shown(rank)}.{arguments.if_traced('spatial_rank', rank)}"
        )
    spatial = _positive_axes(x, number, f"`spatial_rank` {arguments.shown(number)}")
    y = pool(x, spatial, algorithm=algorithm)
    return y.reshape(*x.shape[: x.ndim - number - 1], x.shape[-1])
