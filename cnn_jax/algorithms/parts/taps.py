"""Windows on their input: the padded input, where windows start, the elements each tap meets."""

import math
from collections.abc import Iterator, Sequence
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from cnn_jax.geometry import Pair, Window

from .partitioning import own_copy


def crop(x: jax.Array, drops: tuple[Pair, ...]) -> jax.Array:
    """Drop ``(low, high)`` elements from the ends of each spatial axis of `x` (n, *spatial, c)."""
    if not any(map(any, drops)):
        return x
    limits = [n - high for n, (_, high) in zip(x.shape[1:-1], drops)]
    starts = [low for low, _ in drops]
    return lax.slice(x, (0, *starts, 0), (x.shape[0], *limits, x.shape[-1]))


def cropped(shape: tuple[int, ...], drops: tuple[Pair, ...]) -> tuple[int, ...]:
    """The shape of what `crop` leaves of an array (n, *spatial, c)."""
    lengths = (n - low - high for n, (low, high) in zip(shape[1:-1], drops))
    return (shape[0], *lengths, shape[-1])


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
    if fill != 0:
        x = own_copy(x)
    return lax.pad(x, np.asarray(fill, x.dtype)[()], [(0, 0, 0), *pads, (0, 0, 0)])


def starts(window: Window, positions: tuple[int, ...]) -> np.ndarray:
    """Where each window starts in the padded input: (number of positions, rank), row-major."""
    grid = np.indices(positions, np.int32).reshape(window.rank, math.prod(positions)).T
    return grid * np.asarray(window.stride, np.int32)


def taps(x: jax.Array, window: Window, positions: tuple[int, ...]) -> Iterator[jax.Array]:
    """Yield for each tap, in row-major order, the elements that it meets at all positions.

    Args:
        x: the padded input, (*batch, *spatial, c).
        window: the window.
        positions: the number of positions on each axis.

    Yields:
        Strided slices of `x`, each (*batch, *positions, c).
    """
    batch = x.shape[: x.ndim - 1 - window.rank]
    reach = [(p - 1) * s + 1 for p, s in zip(positions, window.stride)]
    for tap in product(*map(range, window.size)):
        first = [t * d for t, d in zip(tap, window.dilation)]
        last = [f + r for f, r in zip(first, reach)]
        starts, limits = (*(0 for _ in batch), *first, 0), (*batch, *last, x.shape[-1])
        yield lax.slice(x, starts, limits, (*(1 for _ in batch), *window.stride, 1))


def gathered(given: Sequence[jax.Array], window: Window, spatial: tuple[int, ...]) -> jax.Array:
    """The transpose of `padded` and `taps`: add each tap's values to the elements that it meets.

        x[i] = sum over t, p with p*s + t*d - low == i of given[t][p]

    Phase by phase: elements i of one remainder modulo the stride meet the same taps, consecutive
    ones at consecutive positions. So each phase is a sum of shifted arrays, and the phases are
    interleaved: there is no scatter, and no zeros between elements are added.

    Args:
        given: for each tap, in row-major order, (n, *positions, c).
        window: a window without base dilation.
        spatial: the lengths of the input.

    Returns:
        (n, *spatial, c).
    """
    n, *positions, channels = given[0].shape
    zero = np.zeros((), given[0].dtype)[()]
    lengths = [-(-size // s) for size, s in zip(spatial, window.stride)]
    phases = []
    for remainders in product(*map(range, window.stride)):
        phase = jnp.zeros((n, *lengths, channels), given[0].dtype)
        unseen = True
        for tap, values in zip(product(*map(range, window.size)), given):
            steps = [
                r + low - t * d
                for r, (low, _), t, d in zip(remainders, window.padding, tap, window.dilation)
            ]
            if any(step % s for step, s in zip(steps, window.stride)):
                continue
            offsets = [step // s for step, s in zip(steps, window.stride)]
            pads = [(-a, size - p + a, 0) for a, size, p in zip(offsets, lengths, positions)]
            phase += lax.pad(values, zero, [(0, 0, 0), *pads, (0, 0, 0)])
            unseen = False
        if unseen:  # zeros that depend on `given`: jax 0.7 cannot transpose others in `shard_map`
            pads = [(0, size - p, 0) for size, p in zip(lengths, (0, *positions[1:]))]
            phase = lax.pad(given[0][:, :0], zero, [(0, 0, 0), *pads, (0, 0, 0)])
        phases.append(phase)
    return interleaved(jnp.stack(phases).reshape(*window.stride, *phases[0].shape), spatial)


def interleaved(phases: jax.Array, positions: tuple[int, ...]) -> jax.Array:
    """Interleave phases: y[n, b*q + r, o] = phases[r, n, q, o].

    Args:
        phases: (*steps, n, *lengths, o), a step b for each spatial axis.
        positions: how many positions of y to keep on each axis.

    Returns:
        (n, *positions, o).
    """
    rank, (n, *_, channels) = len(positions), phases.shape[len(positions) :]
    steps, lengths = phases.shape[:rank], phases.shape[rank + 1 : -1]
    pairs = (axis for i in range(rank) for axis in (rank + 1 + i, i))
    y = phases.transpose(rank, *pairs, 2 * rank + 1)
    y = y.reshape(n, *(q * b for q, b in zip(lengths, steps)), channels)
    return lax.slice(y, (0,) * y.ndim, (n, *positions, channels))
