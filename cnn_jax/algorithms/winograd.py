"""Minimal filtering: several outputs at once, from fewer multiplications than they have products.

Neighboring windows share elements. F(m, r) computes m outputs of an r-tap filter from m + r - 1
inputs, a tile, with m + r - 1 multiplications instead of m * r:

    y = A.T @ ((G @ kernel) * (B.T @ x))

On more axes the transforms act on each axis in turn; F(4, 3) on two axes takes 36 multiplications
for 16 outputs of a 3x3 kernel instead of 144. With channels each of the 36 is a matrix product over
all tiles. So the products shrink by 4, while the transforms add passes over the tiles, which matter
less the more channels there are. The gradients use the transposes of the same transforms, since
<y, g> is trilinear in tiles, kernel and g.

The price is rounding: intermediate numbers grow with m + r. With six points, F(4, 3) and F(2, 5),
errors in float32 are about 10 times those of the plain sum: 1e-5 of the largest result. An inf or
NaN in x may make all outputs of its tile NaN, not only those whose windows hold it: 4x4 outputs
with 3x3 windows. (With 5x5 windows a tile has 2x2 outputs, and no others are lost.)

References:
    Lavin and Gray, *Fast algorithms for convolutional neural networks*, 2015, arXiv:1509.09308,
    section 4; Winograd, *Arithmetic complexity of computations*, 1980; the matrices as in Blahut,
    *Fast algorithms for signal processing*, 2010, chapter 5: a polynomial product by evaluation at
    points and at infinity, transposed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from cnn_jax import geometry
from cnn_jax.geometry import Window

from ._contract import Algorithm, Problem
from .parts.blocks import Blocks, blocks_of, map_blocks, sum_blocks
from .parts.partitioning import parts_of
from .parts.taps import crop, interleaved, padded
from .parts.unfused import unfused

# Evaluation points, simplest first: intermediate numbers grow with them.
POINTS = (0, 1, -1, 2, -2)
TILE = len(POINTS) + 1  # inputs of a tile on one axis: the points, and infinity

# The most bytes of a block's tiles and products.
BLOCK_BYTES = 24 * 2**20


def unsupported(problem: Problem) -> str | None:
    """Why this algorithm does not compute `problem`, or None if it does."""
    window = problem.window
    if problem.groups > 1:
        return "it takes one group of channels"
    if any(step > 1 for step in (*window.stride, *window.dilation, *window.base_dilation)):
        return "it takes strides and dilations of 1"
    if max(window.size, default=1) not in range(2, TILE):
        return f"it takes windows of up to {TILE - 1} taps an axis, and of 2 at least on one"
    if not problem.is_float:
        return "its transforms need floating-point numbers"
    return None


def workspace(problem: Problem) -> int:
    """Bytes of a block's transformed tiles and products, and of the transformed kernel."""
    kernel = math.prod(map(_inputs, problem.window.size)) * math.prod(problem.kernel[-2:])
    return BLOCK_BYTES + kernel * problem.itemsize


@unfused
def output(x: jax.Array, kernel: jax.Array, window: Window, groups: int) -> jax.Array:
    """y = A.T @ ((G @ kernel) * (B.T @ x)) on every axis, products summed over channels.

    Args:
        x: (n, *spatial, c).
        kernel: (*size, c, o), with 1 to 5 taps on each axis.
        window: an exact window without strides or dilations.
        groups: 1.

    Returns:
        (n, *positions, o).
    """
    filters = _each([matrices(k).kernel for k in window.size], kernel)
    return _filtered(x, filters, window, channels_of=1)


@unfused
def input_grad(kernel: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
    """The convolution of g with the flipped kernel; it sums over the output channels.

    Args:
        kernel: (*size, c, o), with 1 to 5 taps on each axis.
        g: (n, *positions, o).
        window: an exact window without strides or dilations.
        groups: 1.

    Returns:
        (n, *spatial, c).
    """
    flipped = lax.rev(kernel, range(window.rank))
    filters = _each([matrices(k).kernel for k in window.size], flipped)
    drops, window = geometry.fit(window.of_input_grad(), g.shape[1:-1])
    return _filtered(crop(g, drops), filters, window, channels_of=2)


def _filtered(x: jax.Array, filters: jax.Array, window: Window, channels_of: int) -> jax.Array:
    """Convolve x with transformed filters; their axis `channels_of` is that of x's channels."""
    size, channels = window.size, filters.shape[-channels_of]
    filters = filters.reshape(-1, *filters.shape[-2:])

    def compute(x: jax.Array) -> jax.Array:
        positions = window.output_size(x.shape[1:-1])
        tiles = _input_tiles(x, size, positions)
        flat = tiles.reshape(len(filters), -1, tiles.shape[-1])
        products = lax.dot_general(flat, filters, (((2,), (channels_of,)), ((0,), (0,))))
        products = products.reshape(*tiles.shape[:-1], channels)
        y = _each([matrices(k).output for k in size], products)
        return interleaved(y, positions)

    x, window = padded(x, window), window.on_padded()
    blocks = _blocks(x, window, channels)
    return map_blocks(blocks, compute, x, window)


def kernel_grad(x: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
    """dkernel = G.T @ ((B.T @ x) * (A @ g)) on every axis, products summed over tiles.

    Args:
        x: (n, *spatial, c).
        g: (n, *positions, o).
        window: an exact window without strides or dilations.
        groups: 1.

    Returns:
        (*size, c, o).
    """
    size = window.size

    def compute(x: jax.Array, g: jax.Array) -> jax.Array:
        tiles = _input_tiles(x, size, g.shape[1:-1])
        cotangents = _cotangent_tiles(g, size)
        tiles, cotangents = (
            array.reshape(math.prod(array.shape[: window.rank]), -1, array.shape[-1])
            for array in (tiles, cotangents)
        )
        return lax.dot_general(tiles, cotangents, (((1,), (1,)), ((0,), (0,))))

    x, window = padded(x, window), window.on_padded()
    blocks = _blocks(x, window, g.shape[-1])
    products = sum_blocks(blocks, compute, x, g, window)
    products = products.reshape(*map(_inputs, size), x.shape[-1], g.shape[-1])
    return _each([matrices(k).kernel.T for k in size], products)


@dataclass(frozen=True)
class Matrices:
    """The transforms of F(m, r) on one axis: y = output @ ((kernel @ w) * (input @ x))."""

    input: np.ndarray  # B.T, (m + r - 1, m + r - 1)
    kernel: np.ndarray  # G, (m + r - 1, r)
    output: np.ndarray  # A.T, (m, m + r - 1)


@lru_cache
def matrices(taps: int) -> Matrices:
    """The transforms for a filter of `taps` taps on one axis, from a tile of `TILE` inputs.

    The product of two polynomials with m and r coefficients is found from its values at m + r - 2
    points and its highest coefficient (infinity): evaluate both factors, multiply, interpolate. The
    transpose with respect to one factor is a filter: its output matrix is the transposed
    evaluation, its input matrix the transposed interpolation. Each row's common denominator moves
    from the input's matrix to the kernel's, so that the input's entries are small integers. One tap
    needs no transform.
    """
    if taps == 1:
        return Matrices(*np.ones((3, 1, 1)))
    to_coefficients = np.linalg.inv(_values(TILE)).T
    denominators = [
        math.lcm(*(Fraction(entry).limit_denominator(1000).denominator for entry in row))
        for row in to_coefficients
    ]
    scale = np.array(denominators)[:, None]
    return Matrices(
        input=np.round(to_coefficients * scale),
        kernel=_values(taps) / scale,
        output=_values(TILE + 1 - taps).T,
    )


def _values(coefficients: int) -> np.ndarray:
    """The matrix that maps a polynomial's coefficients to its values at the points and infinity."""
    at_infinity = np.eye(coefficients)[-1:]
    return np.concatenate([np.vander(POINTS, coefficients, increasing=True), at_infinity])


def _each(transforms: Sequence[np.ndarray], array: jax.Array) -> jax.Array:
    """Transform each of the first axes of `array`, (*before, ...) -> (*after, ...)."""
    for matrix in reversed(transforms):  # of the last of these axes: its result becomes the first
        array = _combined(matrix, list(jnp.moveaxis(array, len(transforms) - 1, 0)))
    return array


def _input_tiles(x: jax.Array, size: tuple[int, ...], positions: tuple[int, ...]) -> jax.Array:
    """B.T @ x on every axis, of the overlapping tiles of x: (*inputs of a tile, n, *tiles, c)."""
    for done, axis in enumerate(reversed(range(len(size)))):
        taps, at = size[axis], 1 + axis + done
        step, tiles = _outputs(taps), -(-positions[axis] // _outputs(taps))
        missing = (tiles - 1) * step + _inputs(taps) - x.shape[at]
        x = _padded_high(x, at, missing)
        reach = (tiles - 1) * step + 1
        parts = [lax.slice_in_dim(x, i, i + reach, step, at) for i in range(_inputs(taps))]
        x = _combined(matrices(taps).input, parts)
    return x


def _cotangent_tiles(g: jax.Array, size: tuple[int, ...]) -> jax.Array:
    """A @ g on every axis, of the tiles of g: (*inputs of a tile, n, *tiles, o)."""
    for done, axis in enumerate(reversed(range(len(size)))):
        taps, at = size[axis], 1 + axis + done
        step = _outputs(taps)
        g = _padded_high(g, at, -g.shape[at] % step)
        parts = [lax.slice_in_dim(g, i, None, step, at) for i in range(step)]
        g = _combined(matrices(taps).output.T, parts)
    return g


def _combined(matrix: np.ndarray, parts: Sequence[jax.Array]) -> jax.Array:
    """matrix @ parts, by additions: many of its entries are 0. The result's axis comes first."""
    rows = ([float(a) * part for a, part in zip(row, parts) if a] for row in matrix)
    return jnp.stack([sum(row[1:], row[0]) for row in rows])


def _padded_high(x: jax.Array, axis: int, missing: int) -> jax.Array:
    """x with `missing` zeros at the high end of one axis; a negative number crops it."""
    pads = [(0, 0, 0)] * x.ndim
    pads[axis] = (0, missing, 0)
    return lax.pad(x, np.zeros((), x.dtype)[()], pads) if missing else x


def _inputs(taps: int) -> int:
    """The inputs of a tile on an axis with so many taps: m + r - 1."""
    return TILE if taps > 1 else 1


def _outputs(taps: int) -> int:
    """The outputs of a tile on an axis with so many taps: m."""
    return TILE + 1 - taps if taps > 1 else 1


def _blocks(x: jax.Array, window: Window, channels: int) -> Blocks:
    """Blocks such that the tiles of x, and the products or cotangents, fit `BLOCK_BYTES`."""
    positions = window.output_size(x.shape[1:-1])
    growth = math.prod(_inputs(k) / _outputs(k) for k in window.size)
    each = int(growth * (x.shape[-1] + channels) * x.dtype.itemsize)
    multiple = _outputs(window.size[0])
    return blocks_of(len(x), positions, each, BLOCK_BYTES, multiple, parts_of(x))


ALGORITHM = Algorithm(
    output=output,
    input_grad=input_grad,
    kernel_grad=kernel_grad,
    unsupported=unsupported,
    workspace=workspace,
)
