"""Slide a window over an input: resolve options, drop unseen elements, merge batch axes."""

import math
from collections.abc import Callable, Sequence

import jax

from cnn_jax import algorithms, arguments, geometry
from cnn_jax.algorithms import Problem, crop, cropped
from cnn_jax.geometry import PaddingLike, Window

from . import _checks as checks


def pool_window(
    x: jax.Array,
    size: Sequence[int],
    stride: int | Sequence[int] | None,
    padding: PaddingLike,
    dilation: int | Sequence[int],
    ceil_mode: bool = False,
) -> Window:
    """As `sliding_window`, for a pool: a `stride` of None is the window itself."""
    size = arguments.lengths("window", size)
    stride = size if stride is None else stride
    return sliding_window(x, size, stride, padding, dilation, ceil_mode)


def sliding_window(
    x: jax.Array,
    size: Sequence[int],
    stride: int | Sequence[int],
    padding: PaddingLike,
    dilation: int | Sequence[int],
    ceil_mode: bool = False,
) -> Window:
    """Resolve the options, as the user wrote them, for `x` (*batch, *spatial, channels)."""
    size = arguments.lengths("window", size)
    return geometry.resolve(
        checks.spatial_axes(x, len(size), f"`window` {size}"),
        size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
        source=f"`window` {size}",
    )


def slide(algorithm: str, side: str, x: jax.Array, window: Window, divisor: int = 1) -> jax.Array:
    """Compute a `side` of `algorithm`, such as ``max_pool``, for any number of batch axes.

    The sums of a sum pool are divided by `divisor`.
    """
    batch, spatial = x.shape[: x.ndim - window.rank - 1], x.shape[x.ndim - window.rank - 1 : -1]
    drops, exact = geometry.fit(window, spatial)
    x = checks.with_one_batch_axis(x, window.rank)
    seen = cropped(x.shape, drops)
    chosen = algorithms.choose(algorithm, Problem(side, seen, (), exact, 1, x.dtype.name))
    if chosen.crops and side != "patches" and math.prod(seen):
        exact = exact.on_uncropped(drops)
    else:
        x = crop(x, drops)
    y = algorithms.slide(chosen, side, x, exact, divisor)
    return y.reshape(*batch, *y.shape[1:])


def of_window(side: str, x: jax.Array, window: Window) -> Problem:
    """The problem of a pool or of patches, which have no kernel, to choose an algorithm for."""
    return Problem(side, x.shape, (), window, 1, x.dtype.name)


def slide_by(
    compute: Callable[[jax.Array, Window], jax.Array], x: jax.Array, window: Window
) -> jax.Array:
    """Apply `compute` to `x` with any number of batch axes.

    `compute` takes x (n, *spatial, channels) and an exact window, and returns (n, ...).
    """
    batch, spatial = x.shape[: x.ndim - window.rank - 1], x.shape[x.ndim - window.rank - 1 : -1]
    drops, exact = geometry.fit(window, spatial)
    y = compute(crop(checks.with_one_batch_axis(x, window.rank), drops), exact)
    return y.reshape(*batch, *y.shape[1:])
