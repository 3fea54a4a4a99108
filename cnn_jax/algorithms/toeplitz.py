"""The matrix itself: a convolution is linear, and this is its matrix.

Flattened, y = T x with one row for each position and one column for each element of the input:

    T[p, i] = kernel[t]  where i = p*s + t*d - low for a tap t, and 0 elsewhere

On one axis every diagonal of T holds one weight (a Toeplitz matrix), on several axes it is made of
such blocks: what "shared weights" and "sparse interactions" look like. In a fully connected layer
all entries of T are free. The gradients are T's transpose and the sum along diagonals.

For teaching and tests: T has (positions x input) entries, almost all zero. An inf or NaN in x makes
all outputs of its image and group NaN, since zeros multiply it too.

References:
    Gray, *Toeplitz and circulant matrices: a review*, 2006.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from cnn_jax.geometry import Window

from ._contract import Algorithm, Problem


def unsupported(problem: Problem) -> str | None:
    """Why this algorithm does not compute `problem`, or None if it does."""
    if workspace(problem) > 2**30:
        return "its matrix would take more than 1 GiB"
    return None


def workspace(problem: Problem) -> int:
    """Bytes of the matrix."""
    places = math.prod(problem.positions) * math.prod(problem.x[1:-1])
    return places * math.prod(problem.kernel[-2:]) * problem.itemsize


def output(x: jax.Array, kernel: jax.Array, window: Window, groups: int) -> jax.Array:
    """y = T x: x (n, *spatial, c), kernel (*size, c // groups, o) into (n, *positions, o)."""
    n, spatial, channels = len(x), x.shape[1:-1], kernel.shape[-1]
    t = matrix(kernel, window, spatial)
    t = t.reshape(*t.shape[:-1], groups, channels // groups)
    x = x.reshape(n, math.prod(spatial), groups, x.shape[-1] // groups)
    y = jnp.einsum("nigc,picgo->npgo", x, t)
    return y.reshape(n, *window.output_size(spatial), channels)


def matrix(kernel: jax.Array, window: Window, spatial: tuple[int, ...]) -> jax.Array:
    """T, a block (c // groups, o) for each position and each element of the input.

    Args:
        kernel: (*size, c // groups, o).
        window: a window.
        spatial: the lengths of the input.

    Returns:
        (number of positions, number of elements, c // groups, o).
    """
    taps, rest = math.prod(window.size), kernel.shape[-2:]
    which = _tap_between(window, spatial)
    flat = jnp.concatenate([kernel.reshape(taps, *rest), jnp.zeros((1, *rest), kernel.dtype)])
    return flat[which]


def _tap_between(window: Window, spatial: tuple[int, ...]) -> np.ndarray:
    """The tap at which each position meets each element of the input: (positions, elements).

    Where they do not meet, the entry is the number of taps.
    """
    which, exists = np.zeros((1, 1), int), np.ones((1, 1), bool)
    axes = zip(
        spatial,
        window.output_size(spatial),
        window.size,
        window.stride,
        window.padding,
        window.dilation,
        window.base_dilation,
    )
    for n, positions, taps, s, (low, _), d, b in axes:
        steps = np.arange(n) * b + low - np.arange(positions)[:, None] * s
        tap, meets = steps // d, (steps % d == 0) & (steps >= 0) & (steps // d < taps)
        which = np.kron(which * taps, np.ones_like(tap)) + np.kron(np.ones_like(which), tap)
        exists = np.kron(exists, meets)
    return np.where(exists, which, math.prod(window.size))


ALGORITHM = Algorithm(
    output=output,
    unsupported=unsupported,
    workspace=workspace,
)
