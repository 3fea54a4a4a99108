"""How a window meets its input: the padded input, where each window starts, what each tap sees."""

import math
from collections.abc import Iterator
from itertools import product

import jax
import numpy as np
from jax import lax

from cnn_jax.geometry import Pair, Window


def crop(x: jax.Array, drops: tuple[Pair, ...]) -> jax.Array:
    """Drop ``(low, high)`` elements from the ends of each spatial axis of `x` (n, *spatial, c)."""
    if not any(map(any, drops)):
        return x
    limits = [n - high for n, (_, high) in zip(x.shape[1:-1], drops)]
    starts = [low for low, _ in drops]
    return lax.slice(x, (0, *starts, 0), (x.shape[0], *limits, x.shape[-1]))


def uncropped(x: jax.Array, drops: tuple[Pair, ...]) -> jax.Array:
    """The transpose of `crop`: zeros where elements were dropped."""
    if not any(map(any, drops)):
        return x
    pads = [(low, high, 0) for low, high in drops]
    return lax.pad(x, np.zeros((), x.dtype)[()], [(0, 0, 0), *pads, (0, 0, 0)])


def padded(x: jax.Array, window: Window, fill: np.generic | int = 0) -> jax.Array:
    """Write out the base dilation and the padding of `window` around `x` (n, *spatial, c)."""
    pads = [(low, high, b - 1) for (low, high), b in zip(window.padding, window.base_dilation)]
    if not any(map(any, pads)):
        return x
    return lax.pad(x, np.asarray(fill, x.dtype)[()], [(0, 0, 0), *pads, (0, 0, 0)])


def starts(window: Window, positions: tuple[int, ...]) -> np.ndarray:
    """Where each window starts in the padded input: (number of positions, rank), row-major."""
    grid = np.indices(positions, np.int32).reshape(window.rank, math.prod(positions)).T
    return grid * np.asarray(window.stride, np.int32)


def taps(x: jax.Array, window: Window, positions: tuple[int, ...]) -> Iterator[jax.Array]:
    """Yield, tap by tap in row-major order, the elements that tap sees at all positions.

    Args:
        x: the padded input, (n, *spatial, c).
        window: the window.
        positions: the number of positions on each axis.

    Yields:
        Strided slices of `x`, each (n, *positions, c).
    """
    reach = [(p - 1) * s + 1 for p, s in zip(positions, window.stride)]
    for tap in product(*map(range, window.size)):
        first = [t * d for t, d in zip(tap, window.dilation)]
        last = [f + r for f, r in zip(first, reach)]
        yield lax.slice(x, (0, *first, 0), (x.shape[0], *last, x.shape[-1]), (1, *window.stride, 1))
