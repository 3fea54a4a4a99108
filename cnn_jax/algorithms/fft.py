"""The convolution theorem: in frequencies a convolution is a product.

x and the kernel are padded to a common length N and transformed, multiplied frequency by frequency
and channel by channel, and transformed back:

    y = irfft(rfft(x) * conj(rfft(kernel)))

The conjugate makes it a cross-correlation. The work does not depend on the size of the window, so
this is for large windows: N^2 log N instead of N^2 K^2. N is rounded up to a number without prime
factors other than 2, 3 and 5, which fast Fourier transforms split into. Positions whose windows
would wrap around the end are dropped. In depthwise layers the products are elementwise; with
several channels in a group they are a small matrix product for each frequency. An inf or NaN in x
makes all outputs of its image and group NaN, not only those whose windows hold it.

References:
    Mathieu, Henaff and LeCun, *Fast training of convolutional networks through FFTs*, 2013,
    arXiv:1312.5851.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from cnn_jax.geometry import Window

from ._contract import Algorithm, Problem
from .parts.backwards import backwards
from .parts.taps import padded


def unsupported(problem: Problem) -> str | None:
    """Why this algorithm does not compute `problem`, or None if it does."""
    if not problem.is_float:
        return "Fourier transforms need real floating-point numbers"
    if problem.window.rank not in (1, 2, 3):
        return "it takes one to three spatial axes"
    return None


def workspace(problem: Problem) -> int:
    """Bytes of the three spectra."""
    n, channels, (per_group, filters) = problem.x[0], problem.x[-1], problem.kernel[-2:]
    lengths = map(smooth, problem.window.padded_size(problem.x[1:-1]))
    spectra = n * channels + per_group * filters + n * filters
    return math.prod(lengths) * spectra * problem.itemsize


def output(x: jax.Array, kernel: jax.Array, window: Window, groups: int) -> jax.Array:
    """Convolve x (n, *spatial, c) with kernel (*size, c // groups, o) into (n, *positions, o)."""
    x, lengths, axes = _prepared(x, window)
    product = jnp.einsum(
        "n...gi,...igo->n...go",
        _split(jnp.fft.rfftn(x, lengths, axes), groups),
        _split(jnp.conj(_spectrum(kernel, window, lengths)), groups),
    )
    y = jnp.fft.irfftn(product.reshape(*product.shape[:-2], -1), lengths, axes)
    return _at_positions(y, window, x.shape[1:-1])


def input_grad(kernel: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
    """The convolution of g with the flipped kernel, by Fourier transforms too."""
    return backwards(output, kernel, g, window, groups)


def kernel_grad(x: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
    """dkernel = irfft(sum over images of rfft(x) * conj(rfft(g))), its first `size` taps."""
    x, lengths, axes = _prepared(x, window)
    g = _spread(g, window.stride)
    product = jnp.einsum(
        "n...gi,n...go->...igo",
        _split(jnp.fft.rfftn(x, lengths, axes), groups),
        jnp.conj(_split(jnp.fft.rfftn(g, lengths, axes), groups)),
    )
    axes = tuple(range(window.rank))
    taps = jnp.fft.irfftn(product.reshape(*product.shape[:-2], -1), lengths, axes)
    stops, steps = window.extent, window.dilation
    return lax.slice(taps, (0,) * taps.ndim, (*stops, *taps.shape[-2:]), (*steps, 1, 1))


def smooth(length: int) -> int:
    """The least number from `length` on without prime factors other than 2, 3 and 5."""
    while _rest(length) > 1:
        length += 1
    return length


def _rest(length: int) -> int:
    for factor in (2, 3, 5):
        while length % factor == 0:
            length //= factor
    return length


def _prepared(x: jax.Array, window: Window) -> tuple[jax.Array, tuple[int, ...], tuple[int, ...]]:
    """x padded, the lengths of the transform, and the axes it runs over."""
    x = padded(x, window)
    return x, tuple(map(smooth, x.shape[1:-1])), tuple(range(1, 1 + window.rank))


def _spectrum(kernel: jax.Array, window: Window, lengths: tuple[int, ...]) -> jax.Array:
    spread = _spread(kernel[None], window.dilation)[0]
    return jnp.fft.rfftn(spread, lengths, tuple(range(window.rank)))


def _spread(array: jax.Array, steps: tuple[int, ...]) -> jax.Array:
    """(n, *spatial, ...) with ``step - 1`` zeros between the elements of each spatial axis."""
    rest = array.ndim - 1 - len(steps)
    gaps = [(0, 0, 0), *((0, 0, step - 1) for step in steps), *((0, 0, 0),) * rest]
    return lax.pad(array, np.zeros((), array.dtype)[()], gaps)


def _at_positions(y: jax.Array, window: Window, padded_size: tuple[int, ...]) -> jax.Array:
    """The entries of y at the window's positions: every stride-th one where the window fits."""
    positions = window.on_padded().output_size(padded_size)
    stops = ((p - 1) * s + 1 for p, s in zip(positions, window.stride))
    return lax.slice(y, (0,) * y.ndim, (len(y), *stops, y.shape[-1]), (1, *window.stride, 1))


def _split(array: jax.Array, groups: int) -> jax.Array:
    return array.reshape(*array.shape[:-1], groups, array.shape[-1] // groups)


ALGORITHM = Algorithm(
    output=output,
    input_grad=input_grad,
    kernel_grad=kernel_grad,
    unsupported=unsupported,
    workspace=workspace,
)
