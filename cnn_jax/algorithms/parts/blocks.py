"""A convolution cut into blocks of positions, so that what one block writes stays in the cache.

The array is cut into blocks before the loop, which runs over them. A loop that slices the whole
array in every step would be as fast, but not its transpose, which computes gradients (`bilinear`):
it adds an array of full size in every step.

A loop runs over its blocks one after the other on every device. So a batch that is split over
devices is gathered, if the loop runs over all of its images; here each step takes a block of every
device's part (`partitioning.parts_of`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from cnn_jax.geometry import Window

from .mesh_axes import vary_alike


@dataclass(frozen=True)
class Blocks:
    """Positions (n, *positions) in blocks of whole images, or of rows of the first spatial axis.

    Attributes:
        images: images per block.
        rows: positions per block on the first spatial axis; the last block may reach past the end.
        grid: the number of blocks along the images of a part and along the rows.
        parts: the number of parts of the batch, of which a block is computed each at the same time.
    """

    images: int
    rows: int
    grid: tuple[int, int]
    parts: int = 1

    @property
    def number(self) -> int:
        return math.prod(self.grid)


def blocks_of(
    n: int,
    positions: tuple[int, ...],
    bytes_each: int,
    limit: int,
    multiple: int = 1,
    parts: int = 1,
) -> Blocks:
    """Blocks of about `limit` bytes or less, if each position takes `bytes_each`.

    Where an image is cut, the rows per block are rounded up to a multiple of `multiple`. With
    several parts, which may be on several devices, there are as many blocks at the same time.
    """
    rows, image_bytes = positions[0], math.prod(positions) * bytes_each
    n = n // parts
    if image_bytes <= limit:
        images = max(i for i in range(1, n + 1) if n % i == 0 and i * image_bytes <= limit)
        return Blocks(images, rows, (n // images, 1), parts)
    rows = -(-rows // -(-image_bytes // limit))
    rows = min(-(-rows // multiple) * multiple, positions[0])
    return Blocks(1, rows, (n, -(-positions[0] // rows)), parts)


def map_blocks(
    blocks: Blocks, compute: Callable[[jax.Array], jax.Array], x: jax.Array, window: Window
) -> jax.Array:
    """Apply `compute` to each block's part of x, and join the results.

    Args:
        blocks: of the positions of `window` on `x`.
        compute: maps the elements of x under a block's windows, (images, reach, *rest, c), to the
            block's results, (images, rows, *rest, o).
        x: the padded input, (n, *spatial, c).
        window: a window without padding.

    Returns:
        (n, *positions, o).
    """
    if blocks.number == 1:
        return compute(x)
    if blocks.parts > 1:
        of_part = partial(map_blocks, replace(blocks, parts=1), compute, window=window)
        y = jax.vmap(of_part)(_in_parts(blocks, x))
        return y.reshape(len(x), *y.shape[2:])
    n, positions = len(x), window.output_size(x.shape[1:-1])
    y = lax.map(in_loop(compute), _seen(blocks, x, window))
    y = y.reshape(n, blocks.grid[1] * blocks.rows, *y.shape[3:])
    return y[:, : positions[0]]


def sum_blocks(
    blocks: Blocks,
    compute: Callable[[jax.Array, jax.Array], jax.Array],
    x: jax.Array,
    g: jax.Array,
    window: Window,
) -> jax.Array:
    """Apply `compute` to each block's parts of x and g, and sum the results.

    Args:
        blocks: of the positions of `window` on `x`.
        compute: a bilinear function of those parts.
        x: the padded input, (n, *spatial, c).
        g: (n, *positions, o).
        window: a window without padding.
    """
    if blocks.number == 1:
        return compute(x, g)
    if blocks.parts > 1:
        of_part = partial(sum_blocks, replace(blocks, parts=1), compute, window=window)
        return jax.vmap(of_part)(_in_parts(blocks, x), _in_parts(blocks, g)).sum(0)
    # The operand that is transposed comes first: otherwise jax 0.7 cannot transpose the loop.
    parts = _cut(blocks, g, blocks.rows, blocks.rows), _seen(blocks, x, window)

    def add(total: jax.Array, part: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        g, x = part
        return total + compute(x, g), None

    g_part, x_part = (jax.ShapeDtypeStruct(a.shape[1:], a.dtype) for a in parts)
    like = jax.eval_shape(compute, x_part, g_part)
    zero = vary_alike(jnp.zeros(like.shape, like.dtype), x, g)[0]
    return lax.scan(in_loop(add), zero, parts)[0]


def in_loop(step: Callable) -> Callable:
    """Keep a loop's step in one piece when the loop is differentiated.

    Otherwise JAX computes whatever depends only on arrays that are not differentiated, such as the
    patches, for all steps in advance, and stores it: 47 ms instead of 8 for a depthwise kernel
    gradient.
    """
    return jax.checkpoint(step, prevent_cse=False)


def _in_parts(blocks: Blocks, array: jax.Array) -> jax.Array:
    return array.reshape(blocks.parts, len(array) // blocks.parts, *array.shape[1:])


def _seen(blocks: Blocks, x: jax.Array, window: Window) -> jax.Array:
    """The part of x under each block's windows: (number of blocks, images, reach, *rest, c)."""
    reach = (blocks.rows - 1) * window.stride[0] + window.extent[0]
    return _cut(blocks, x, blocks.rows * window.stride[0], reach)


def _cut(blocks: Blocks, array: jax.Array, step: int, reach: int) -> jax.Array:
    """Blocks of `images` along the first axis, and of `reach` rows, `step` apart, on the second."""
    rest = array.shape[2:]
    if blocks.grid[1] > 1:
        missing = (blocks.grid[1] - 1) * step + reach - array.shape[1]
        array = jnp.pad(array, ((0, 0), (0, max(missing, 0))) + ((0, 0),) * len(rest))
        starts = range(0, blocks.grid[1] * step, step)
        array = jnp.stack([array[:, start : start + reach] for start in starts], axis=1)
        return array.reshape(blocks.number, 1, reach, *rest)
    return array.reshape(blocks.number, blocks.images, array.shape[1], *rest)
