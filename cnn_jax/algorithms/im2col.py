"""Patches and one matrix product: what every window sees, written out, times the kernel.

Let the patches of all positions be the rows of a matrix P, (positions, taps * c). The convolution
is P @ kernel, with the kernel as (taps * c, o), and the kernel's gradient is P.T @ g, with the
cotangent g as (positions, o): all arithmetic is one matrix product, the operation that computers do
best. The cost is writing P, which is `taps` times as large as the input.

So P is computed in blocks of a few megabytes, each multiplied while it is in the cache. A 3x3
convolution of 32 images of 32x32x64 takes 17 ms in blocks and 55 at once; XLA's takes 25. With more
than 32 MiB of temporaries each run also maps new memory, which takes as long as the product.

References:
    Chellapilla, Puri and Simard, *High performance convolutional neural networks for document
    processing*, 2006.
"""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import lax

from cnn_jax.geometry import Window

from ._contract import Algorithm, Problem
from .parts.backwards import backwards
from .parts.blocks import Blocks, blocks_of, map_blocks, sum_blocks
from .parts.gaps import in_phases
from .parts.partitioning import parts_of
from .parts.taps import gathered, padded, taps

# The most bytes of a block's patches. 3x3 kernels on 64 channels were fastest with 3.6 to 4.7 MB,
# 15 % slower with 7 and 1.8; on 256 channels 2 to 7 MB made no difference (2 cores, 32 MB of L3).
BLOCK_BYTES = 5 * 2**20


def workspace(problem: Problem) -> int:
    """Bytes of a block's patches; with one tap they are the input itself."""
    if problem.taps == 1:
        return 0
    each = problem.taps * problem.x[-1] * problem.itemsize
    blocks = blocks_of(problem.x[0], problem.positions, each, BLOCK_BYTES)
    return blocks.images * blocks.rows * math.prod(problem.positions[1:]) * each


def output(x: jax.Array, kernel: jax.Array, window: Window, groups: int) -> jax.Array:
    """y[p, o] = sum over t, c of patches[p, t, c] * kernel[t, c, o], for each group.

    Args:
        x: (n, *spatial, c).
        kernel: (*size, c // groups, o).
        window: an exact window.
        groups: the number of groups of channels.

    Returns:
        (n, *positions, o).
    """
    channels = kernel.shape[-1]
    matrix = kernel.reshape(-1, groups, channels // groups)

    def multiply(x: jax.Array) -> jax.Array:
        patches = _patches(x, window, groups)
        if groups == 1:
            return patches @ matrix[:, 0]
        y = lax.dot_general(patches, matrix, (((patches.ndim - 1,), (0,)), ((0,), (1,))))
        return jnp.moveaxis(y, 0, -2).reshape(*patches.shape[1:-1], channels)

    x, window = padded(x, window), window.on_padded()
    return map_blocks(_blocks(x, window), multiply, x, window)


def kernel_grad(x: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
    """dkernel[t, c, o] = sum over p of patches[p, t, c] * g[p, o], for each group.

    Args:
        x: (n, *spatial, c).
        g: (n, *positions, o).
        window: an exact window.
        groups: the number of groups of channels.

    Returns:
        (*size, c // groups, o).
    """
    per_group, channels = x.shape[-1] // groups, g.shape[-1]

    def multiply(x: jax.Array, g: jax.Array) -> jax.Array:
        patches, rows = _patches(x, window, groups), tuple(range(g.ndim - 1))
        if groups == 1:
            return lax.dot_general(patches, g, ((rows, rows), ((), ())))
        g = g.reshape(*g.shape[:-1], groups, channels // groups)
        rows_of_patches = tuple(row + 1 for row in rows)
        return lax.dot_general(patches, g, ((rows_of_patches, rows), ((0,), (g.ndim - 2,))))

    x, window = padded(x, window), window.on_padded()
    total = sum_blocks(_blocks(x, window), multiply, x, g, window)
    if groups > 1:
        total = jnp.moveaxis(total, 0, -2)
    return total.reshape(*window.size, per_group, channels)


def input_grad(kernel: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
    """The transpose: g @ kernel.T gives the patches' cotangents, which are added to their elements.

    Where windows overlap, that is computed as the convolution of g with the flipped kernel, by
    patches too; so it is for groups and base dilations.

    Args:
        kernel: (*size, c // groups, o).
        g: (n, *positions, o).
        window: an exact window.
        groups: the number of groups of channels.

    Returns:
        (n, *spatial, c).
    """
    positions = g.shape[1:-1]
    # A window with one position has no neighbor to overlap, whatever its stride.
    stride = [k if p == 1 else s for p, k, s in zip(positions, window.extent, window.stride)]
    apart = all(k <= s for k, s in zip(window.extent, stride))
    if groups > 1 or not apart or any(b > 1 for b in window.base_dilation):
        return backwards(in_phases(output), kernel, g, window, groups)
    spatial, window = window.input_size(positions), replace(window, stride=tuple(stride))
    matrix = kernel.reshape(-1, *kernel.shape[-2:])
    seen = lax.dot_general(g, matrix, (((g.ndim - 1,), (2,)), ((), ())))
    return gathered(list(jnp.moveaxis(seen, -2, 0)), window, spatial)


def _patches(x: jax.Array, window: Window, groups: int) -> jax.Array:
    """The patches of the padded x: (n, *positions, taps * c), or with groups (groups, n, ...)."""
    seen = taps(x, window, window.output_size(x.shape[1:-1]))
    if groups > 1:
        split = (groups, x.shape[-1] // groups)
        seen = (jnp.moveaxis(tap.reshape(*tap.shape[:-1], *split), -2, 0) for tap in seen)
    return jnp.concatenate(list(seen), axis=-1)


def _blocks(x: jax.Array, window: Window) -> Blocks:
    number, positions = math.prod(window.size), window.output_size(x.shape[1:-1])
    if number == 1:  # the patches are the input itself
        return Blocks(len(x), positions[0] if positions else 1, (1, 1))
    each = number * x.shape[-1] * x.dtype.itemsize
    return blocks_of(len(x), positions, each, BLOCK_BYTES, parts=parts_of(x))


ALGORITHM = Algorithm(
    output=output,
    input_grad=input_grad,
    kernel_grad=kernel_grad,
    workspace=workspace,
)
