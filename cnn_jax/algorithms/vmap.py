"""The definition: one window times one kernel, mapped over positions, channels and images.

What a convolution *is*, as a lecture writes it, and nothing else. `one_value` computes a single
number; `jax.vmap` repeats it. The gradient sides are the transposes of the definition, which JAX
derives: where the definition gathers windows, its transpose adds them back.

JAX turns the mapped inner product into one matrix product over all gathered windows, so this is not
slow: on a CPU it takes 1 to 3 times as long as XLA's convolution forward, 1 to 5 times backward,
and less where XLA has no fast path (LeNet-5's single input channel, depthwise layers). But every
window is stored, which takes as many copies of the input as the kernel has taps.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from cnn_jax.geometry import Window

from ._contract import Algorithm
from .parts.extremes import differentiable, highest, larger, lowest, smaller
from .parts.taps import padded, starts


def output(x: jax.Array, kernel: jax.Array, window: Window, groups: int) -> jax.Array:
    """y[n, p, o] = sum over taps t and channels c of x[n, p*s + t*d, c] * kernel[t, c, o].

    Args:
        x: (n, *spatial, c).
        kernel: (*size, c // groups, o).
        window: the window.
        groups: the number of groups of channels; each uses only its own channels.

    Returns:
        (n, *positions, o).
    """
    return _products(x, kernel, window, groups, kernel_axis=None)


def local(x: jax.Array, kernel: jax.Array, window: Window, groups: int) -> jax.Array:
    """y[n, p, o] = sum over taps t and channels c of x[n, p*s + t*d, c] * kernel[p, t, c, o].

    As `output`, but each position has a kernel of its own.

    Args:
        x: (n, *spatial, c).
        kernel: (*positions, *size, c // groups, o).
        window: the window.
        groups: the number of groups of channels; each uses only its own channels.

    Returns:
        (n, *positions, o).
    """
    kernel = kernel.reshape(-1, *kernel.shape[window.rank :])
    return _products(x, kernel, window, groups, kernel_axis=0)


def _products(
    x: jax.Array, kernel: jax.Array, window: Window, groups: int, kernel_axis: int | None
) -> jax.Array:
    """Windows times kernels; `kernel_axis` is the kernel's axis of positions, if it has one."""

    def one_value(image, start, filter):
        return jnp.tensordot(window_at(image, start, window), filter, axes=window.rank + 1)

    over_filters = jax.vmap(one_value, in_axes=(None, None, -1))
    over_groups = jax.vmap(over_filters, in_axes=(-2, None, -2))
    over_positions = jax.vmap(over_groups, in_axes=(None, 0, kernel_axis))
    over_images = jax.vmap(over_positions, in_axes=(0, None, None))

    positions = window.output_size(x.shape[1:-1])
    x = padded(x, window)
    x = x.reshape(*x.shape[:-1], groups, x.shape[-1] // groups)
    kernel = kernel.reshape(*kernel.shape[:-1], groups, kernel.shape[-1] // groups)
    y = over_images(x, starts(window, positions), kernel)
    return y.reshape(len(x), *positions, kernel.shape[-2] * kernel.shape[-1])


@differentiable
def max_pool(x: jax.Array, window: Window) -> jax.Array:
    """y[n, p, c] = max over taps t of x[n, p*s + t*d, c]: each feature map on its own."""
    fill = lowest(x.dtype)
    return _pool(x, window, lambda taps: lax.reduce(taps, fill, larger, range(taps.ndim)), fill)


@differentiable
def min_pool(x: jax.Array, window: Window) -> jax.Array:
    """y[n, p, c] = min over taps t of x[n, p*s + t*d, c]."""
    fill = highest(x.dtype)
    return _pool(x, window, lambda taps: lax.reduce(taps, fill, smaller, range(taps.ndim)), fill)


def sum_pool(x: jax.Array, window: Window) -> jax.Array:
    """y[n, p, c] = sum over taps t of x[n, p*s + t*d, c]."""
    return _pool(x, window, lambda taps: taps.sum(dtype=taps.dtype), fill=0)


def patches(x: jax.Array, window: Window) -> jax.Array:
    """y[n, p, t, c] = x[n, p*s + t*d, c]: the elements of each window."""

    def one_window(image, start):
        return window_at(image, start, window)

    over_positions = jax.vmap(one_window, in_axes=(None, 0))
    over_images = jax.vmap(over_positions, in_axes=(0, None))

    positions = window.output_size(x.shape[1:-1])
    y = over_images(padded(x, window), starts(window, positions))
    return y.reshape(len(x), *positions, math.prod(window.size), x.shape[-1])


def window_at(image: jax.Array, start: jax.Array, window: Window) -> jax.Array:
    """The elements of the window that starts at `start`; all of the axes after the spatial ones."""
    rest = image.shape[window.rank :]
    corner = jnp.pad(start, (0, len(rest)))
    reach = lax.dynamic_slice(image, corner, (*window.extent, *rest))
    return reach[tuple(slice(None, None, d) for d in window.dilation)]


def _pool(
    x: jax.Array, window: Window, reduce: Callable[[jax.Array], jax.Array], fill
) -> jax.Array:
    def one_value(feature_map, start):
        return reduce(window_at(feature_map, start, window))

    over_channels = jax.vmap(one_value, in_axes=(-1, None))
    over_positions = jax.vmap(over_channels, in_axes=(None, 0))
    over_images = jax.vmap(over_positions, in_axes=(0, None))

    positions = window.output_size(x.shape[1:-1])
    y = over_images(padded(x, window, fill), starts(window, positions))
    return y.reshape(len(x), *positions, x.shape[-1])


ALGORITHM = Algorithm(
    output=output,
    local=local,
    max_pool=max_pool,
    min_pool=min_pool,
    sum_pool=sum_pool,
    patches=patches,
)
