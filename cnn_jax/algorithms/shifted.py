"""A sum over the taps of the kernel: each tap sees the whole input, shifted.

The outermost loop of the convolution runs over the taps: for each tap, slice the elements that it
meets at all positions, multiply them by its weights, and add. No patches are stored.

*Few channels in a group* (depthwise layers, grouped ones, the first layer of a network):
elementwise multiplications. XLA fuses all taps into one loop, which reads the slices from the cache
and vectorizes over the innermost axis. So the channels of a group come first and the groups last,

    y[i, n, p, g] = sum over t, j of x[j, n, p*s + t*d, g] * kernel[i, t, j, g]

with output channel i and input channel j of group g. In depthwise layers each group is one channel,
so they have that order already. XLA's own convolution computes one group after the other, which
takes many times as long (`choice/cpu_rules.py` has the figures).

*Many channels*: one matrix product per tap; each reads and writes the whole result.

The kernel's gradient sums products over all positions, a reduction that XLA on CPU does not
vectorize. Here a loop over the rows of positions adds the products of each tap to a sum that has
the shape of a row, so that the addition vectorizes; in the end that sum is reduced to one number
per weight (8 ms where `(shifted * g).sum((0, 1, 2))` takes 36).
"""

import math
from collections.abc import Iterator
from functools import partial, reduce

import jax
import jax.numpy as jnp
from jax import lax

from cnn_jax.geometry import Window

from ._contract import Algorithm
from .parts.backwards import backwards
from .parts.blocks import in_loop
from .parts.extremes import differentiable, highest, larger, lowest, smaller
from .parts.gaps import in_phases
from .parts.mesh_axes import vary_alike
from .parts.taps import gathered, padded, taps
from .parts.unfused import unfused

# With up to so many products for an output element, elementwise multiplications are faster than a
# matrix product per tap.
MULTIPLICATIONS = 128


def _output(x: jax.Array, kernel: jax.Array, window: Window, groups: int) -> jax.Array:
    """y[p] = sum over taps t of x[p*s + t*d] @ kernel[t], for each group.

    Args:
        x: (n, *spatial, c).
        kernel: (*size, c // groups, o).
        window: an exact window.
        groups: the number of groups of channels.

    Returns:
        (n, *positions, o).
    """
    positions = window.output_size(x.shape[1:-1])
    x = padded(x, window)
    if groups == 1:
        flat = kernel.reshape(-1, *kernel.shape[-2:])
        multiply = _by_channel if _few(kernel) else jnp.matmul
        seen = enumerate(taps(x, window, positions))
        return reduce(jnp.add, (multiply(tap, flat[t]) for t, tap in seen))
    x = _groups_last(x, groups)
    kernel = _groups_last(kernel.reshape(-1, *kernel.shape[-2:]), groups)  # (o // groups, t, j, g)
    spread = (slice(None), *(None,) * (1 + window.rank))
    products = (
        channel[None] * kernel[:, t, j][spread]
        for j in range(len(x))
        for t, channel in enumerate(taps(x[j], window, positions))
    )
    y = reduce(jnp.add, products)
    return jnp.moveaxis(y, 0, -1).reshape(len(x[0]), *positions, -1)


output = unfused(_output)


@unfused
def input_grad(kernel: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
    """The convolution of g with the flipped kernel, tap by tap too; strides phase by phase."""
    return backwards(in_phases(_output), kernel, g, window, groups)


def kernel_grad(x: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
    """dkernel[t] = sum over p of x[p*s + t*d] (outer product) g[p], for each group.

    Args:
        x: (n, *spatial, c).
        g: (n, *positions, o).
        window: an exact window.
        groups: the number of groups of channels.

    Returns:
        (*size, c // groups, o).
    """
    if window.rank < 2 and groups > 1:  # a row has one position: make the batch axis the rows
        x, g = (array[None] if window.rank else array[:, None] for array in (x, g))
        return kernel_grad(x, g, window.with_axis_in_front(), groups)[0]
    shape, rows = (*window.size, x.shape[-1] // groups, g.shape[-1]), tuple(range(g.ndim - 1))
    x, window = padded(x, window), window.on_padded()
    if groups == 1:
        seen = taps(x, window, g.shape[1:-1])
        return jnp.stack([lax.dot_general(t, g, ((rows, rows), ((), ()))) for t in seen]).reshape(
            shape
        )
    x, g = _groups_last(x, groups), _groups_last(g, groups)  # (j, n, *spatial, g), (i, n, ...)
    row, positions = window.cut(slice(1, None)), g.shape[3:-1]
    starts = jnp.arange(g.shape[2]) * window.stride[0]

    def add_row(totals: tuple, g_and_start: tuple) -> tuple[tuple, None]:
        g_row, start = g_and_start
        x_rows = lax.dynamic_slice_in_dim(x, start, window.extent[0], 2)
        seen = (
            tap
            for t in range(0, window.extent[0], window.dilation[0])
            for tap in taps(x_rows[:, :, t], row, positions)
        )
        return tuple(total + tap[:, None] * g_row[None] for total, tap in zip(totals, seen)), None

    zero = vary_alike(jnp.zeros((len(x), *g.shape[:2], *g.shape[3:]), g.dtype), x, g)[0]
    # The rows of g come first among the scanned arrays: see `parts.blocks.sum_blocks`.
    rows_of_g = jnp.moveaxis(g, 2, 0), starts
    totals, _ = lax.scan(in_loop(add_row), (zero,) * math.prod(window.size), rows_of_g)
    # (j, i, n, *rest, g) each, to (taps, j, g, i)
    sums = jnp.stack([total.sum(tuple(range(2, total.ndim - 1))) for total in totals])
    return jnp.moveaxis(sums, 2, -1).reshape(shape)


def _groups_last(array: jax.Array, groups: int) -> jax.Array:
    """(..., groups * m) as (m, ..., groups)."""
    return jnp.moveaxis(array.reshape(*array.shape[:-1], groups, array.shape[-1] // groups), -1, 0)


def _by_channel(tap: jax.Array, kernel: jax.Array) -> jax.Array:
    """tap (..., c) @ kernel (c, o), by elementwise multiplications."""
    spread = (None,) * (tap.ndim - 1)
    return reduce(jnp.add, (tap[..., j, None] * row[spread] for j, row in enumerate(kernel)))


def _few(kernel: jax.Array) -> bool:
    return math.prod(kernel.shape[:-1]) <= MULTIPLICATIONS


@differentiable
def max_pool(x: jax.Array, window: Window) -> jax.Array:
    """y[p] = max over taps t of x[p*s + t*d]: per tap one comparison of whole arrays."""
    return reduce(larger, _pool_taps(x, window, lowest(x.dtype)))


@differentiable
def min_pool(x: jax.Array, window: Window) -> jax.Array:
    """y[p] = min over taps t of x[p*s + t*d]."""
    return reduce(smaller, _pool_taps(x, window, highest(x.dtype)))


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def sum_pool(x: jax.Array, window: Window) -> jax.Array:
    """y[p] = sum over taps t of x[p*s + t*d]."""
    return reduce(jnp.add, _pool_taps(x, window, 0))


@sum_pool.defjvp
def _sum_pool_tangent(window, primals, tangents):
    (x,), (dx,) = primals, tangents
    y, spatial = sum_pool(x, window), x.shape[1:-1]

    def to_all(g: jax.Array) -> jax.Array:
        return gathered([g] * math.prod(window.size), window, spatial)

    return y, jax.linear_transpose(to_all, y)(dx)[0]


def _pool_taps(x: jax.Array, window: Window, fill) -> Iterator[jax.Array]:
    return taps(padded(x, window, fill), window, window.output_size(x.shape[1:-1]))


ALGORITHM = Algorithm(
    output=output,
    input_grad=input_grad,
    kernel_grad=kernel_grad,
    max_pool=max_pool,
    min_pool=min_pool,
    sum_pool=sum_pool,
)
