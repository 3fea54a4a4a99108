"""XLA's own convolution and window reductions: `lax.conv_general_dilated`, `lax.reduce_window`.

The built-ins that the other algorithms are compared with. On GPU and TPU the gradients are those
that JAX derives. On CPU they are written here as convolutions with channels last. JAX's have their
axes in another order, which XLA corrects outside of loops only: in a `lax.scan`, such as an epoch
of training, they take 9 times as long for the kernel of LeNet-5's second layer, and 3 times for its
input.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from cnn_jax.geometry import Window

from ._contract import Algorithm
from .parts.backwards import backwards
from .parts.dtypes import sum_dtype
from .parts.extremes import differentiable, highest, larger, lowest, smaller
from .parts.mesh_axes import vary_alike
from .parts.partitioning import own_copy, spatially_whole
from .parts.taps import padded, taps

_POINT = Window((1,), (1,), ((0, 0),), (1,), (1,))


def output(x: jax.Array, kernel: jax.Array, window: Window, groups: int) -> jax.Array:
    """Convolve x (n, *spatial, c) with kernel (*size, c // groups, o) into (n, *positions, o)."""
    rank, integers = window.rank, jnp.issubdtype(x.dtype, jnp.integer)
    if integers and jnp.iinfo(x.dtype).bits < 8:  # XLA refuses these
        x, kernel = x.astype(jnp.int32), kernel.astype(jnp.int32)
    if rank == 0:  # jaxlib 0.7.2 mixes up the groups where there is no spatial axis
        return output(x[:, None], kernel[None], _POINT, groups)[:, 0]
    channels_last = (0, rank + 1, *range(1, rank + 1))
    return lax.conv_general_dilated(
        x,
        kernel,
        window_strides=window.stride,
        padding=window.padding,
        lhs_dilation=window.base_dilation,
        rhs_dilation=window.dilation,
        dimension_numbers=lax.ConvDimensionNumbers(
            lhs_spec=channels_last,
            rhs_spec=(rank + 1, rank, *range(rank)),
            out_spec=channels_last,
        ),
        feature_group_count=groups,
        preferred_element_type=sum_dtype(x.dtype) if integers else None,
    )


def local(x: jax.Array, kernel: jax.Array, window: Window, groups: int) -> jax.Array:
    """y[n, p, o] = sum over taps t and channels c of x[n, p*s + t*d, c] * kernel[p, t, c, o].

    Strided slices gather the elements of each window; one matrix product per position and group
    multiplies them by the kernel of that position. x is (n, *spatial, c), the kernel is
    (*positions, *size, c // groups, o), and the result is (n, *positions, o).
    """
    rank, positions = window.rank, window.output_size(x.shape[1:-1])
    n, size, (per_group, channels) = len(x), math.prod(window.size), kernel.shape[-2:]
    seen = (
        jnp.moveaxis(tap.reshape(n, *positions, groups, per_group), 0, -2)
        for tap in taps(padded(x, window), window, positions)
    )
    # Positions and groups are the first axes: XLA on CPU is 3 times as fast as with images first.
    patches = jnp.concatenate(tuple(seen), axis=-1)
    kernel = kernel.reshape(*positions, size, per_group, groups, channels // groups)
    kernel = jnp.moveaxis(kernel, -2, rank)
    kernel = kernel.reshape(*positions, groups, size * per_group, channels // groups)
    each = tuple(range(rank + 1))
    y = lax.dot_general(patches, kernel, (((rank + 2,), (rank + 1,)), (each, each)))
    return jnp.moveaxis(y, -2, 0).reshape(n, *positions, channels)


def input_grad(kernel: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
    """The gradient with respect to x, from kernel (*size, c // groups, o), g (n, *positions, o)."""
    spatial = window.input_size(g.shape[1:-1])
    like_x = vary_alike(jnp.zeros((len(g), *spatial, kernel.shape[-2] * groups), g.dtype), g)[0]
    return lax.platform_dependent(
        kernel,
        g,
        cpu=partial(backwards, output, window=window, groups=groups),
        default=lambda kernel, g: _transposed(
            lambda x: output(x, kernel, window, groups), like_x, g
        ),
    )


def kernel_grad(x: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
    """The gradient with respect to the kernel, from x (n, *spatial, c), g (n, *positions, o)."""
    shape = (*window.size, x.shape[-1] // groups, g.shape[-1])
    like_kernel = vary_alike(jnp.zeros(shape, g.dtype), g)[0]
    return lax.platform_dependent(
        spatially_whole(x),
        spatially_whole(g),
        cpu=partial(_kernel_grad_as_convolution, window=window, groups=groups),
        default=lambda x, g: _transposed(
            lambda kernel: output(x, kernel, window, groups), like_kernel, g
        ),
    )


def _kernel_grad_as_convolution(x, g, window, groups):
    """dkernel = x convolved with g as the kernel: channels are the batch, images are summed."""
    n, spatial, per_group = len(x), x.shape[1:-1], x.shape[-1] // groups
    x = jnp.moveaxis(x.reshape(n, *spatial, groups, per_group), (0, -1), (-1, 0))
    x = x.reshape(per_group, *spatial, groups * n)
    dkernel = output(x, jnp.moveaxis(g, 0, -2), window.of_kernel_grad(g.shape[1:-1]), groups)
    return jnp.moveaxis(dkernel, 0, -2)


def _transposed(linear, like, g):
    return jax.linear_transpose(linear, like)(g)[0]


@differentiable
def max_pool(x: jax.Array, window: Window) -> jax.Array:
    """The largest element of each window; x (n, *spatial, c) -> (n, *positions, c)."""
    return _extreme(x, window, lowest(x.dtype), lax.max, larger)


@differentiable
def min_pool(x: jax.Array, window: Window) -> jax.Array:
    """The smallest element of each window; x (n, *spatial, c) -> (n, *positions, c)."""
    return _extreme(x, window, highest(x.dtype), lax.min, smaller)


def sum_pool(x: jax.Array, window: Window) -> jax.Array:
    """The sum of each window; x (n, *spatial, c) -> (n, *positions, c)."""
    if window.covers(x.shape[1:-1]):
        return x.sum(tuple(range(1, x.ndim - 1)), keepdims=True, dtype=x.dtype)
    return lax.reduce_window(x, np.zeros((), x.dtype)[()], lax.add, **_window_options(window))


def patches(x: jax.Array, window: Window) -> jax.Array:
    """The elements of each window, by one strided slice per tap: (n, *positions, taps, c).

    Not by `lax.conv_general_dilated_patches`, a convolution with a kernel of zeros and ones: there
    one inf or NaN makes its whole patch NaN.
    """
    positions = window.output_size(x.shape[1:-1])
    return jnp.stack(list(taps(padded(x, window), window, positions)), axis=-2)


def _extreme(x: jax.Array, window: Window, fill, built_in, keeps_nan) -> jax.Array:
    """Reduce windows by `built_in`; on CPU by `keeps_nan`.

    The built-in maximum of float32 and float64 may lose a NaN on CPU (jaxlib 0.10.2). The function
    that keeps it takes 1.8 times as long as the built-in there, and 0.4 times in jaxlib 0.7.2.
    """
    options = _window_options(window)
    return lax.platform_dependent(
        own_copy(x) if any(map(any, window.padding)) else x,
        cpu=lambda x: lax.reduce_window(x, fill, keeps_nan, **options),
        default=lambda x: lax.reduce_window(x, fill, built_in, **options),
    )


def _window_options(window: Window) -> dict:
    return {
        "window_dimensions": (1, *window.size, 1),
        "window_strides": (1, *window.stride, 1),
        "padding": ((0, 0), *window.padding, (0, 0)),
        "window_dilation": (1, *window.dilation, 1),
    }


ALGORITHM = Algorithm(
    output=output,
    input_grad=input_grad,
    kernel_grad=kernel_grad,
    local=local,
    max_pool=max_pool,
    min_pool=min_pool,
    sum_pool=sum_pool,
    patches=patches,
    # XLA sums bfloat16 and float16 in float32 by itself, and narrow integers as it is told.
    widens=True,
)
