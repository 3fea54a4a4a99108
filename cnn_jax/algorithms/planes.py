"""Convolutions of one and of three axes as XLA's convolutions of two, which are the fast ones.

XLA on CPU has fast code for two spatial axes only. A sequence is an image of height 1. With volumes
the output is a sum over the taps t of the first axis: tap t convolves the planes that it meets, and
the planes of all volumes and positions q are the images of one batch,

    y[n, q, p] = sum over t of conv2d(x[n, q*s + t*d], kernel[t])[p]
"""

import math
from functools import reduce

import jax
import jax.numpy as jnp
from jax import lax

from cnn_jax.geometry import Window

from . import xla
from ._contract import Algorithm, Problem
from .parts.backwards import backwards
from .parts.taps import padded


def unsupported(problem: Problem) -> str | None:
    """Why this algorithm does not compute `problem`, or None if it does."""
    return None if problem.window.rank in (1, 3) else "it takes one or three spatial axes"


def output(x: jax.Array, kernel: jax.Array, window: Window, groups: int) -> jax.Array:
    """Convolve x (n, *spatial, c) with kernel (*size, c // groups, o) into (n, *positions, o)."""
    if window.rank == 1:
        return xla.output(x[:, None], kernel[None], window.with_axis_in_front(), groups)[:, 0]
    x, depth, plane = _planes(x, window)
    n, positions = len(x), depth.output_size(x.shape[1:2])[0]

    def seen_by(t: int) -> jax.Array:
        """The planes that the tap starting at plane t meets at all positions, as one batch."""
        seen = lax.slice_in_dim(x, t, t + (positions - 1) * depth.stride[0] + 1, depth.stride[0], 1)
        return seen.reshape(n * positions, *x.shape[2:])

    starts = enumerate(range(0, depth.extent[0], depth.dilation[0]))
    y = reduce(
        jnp.add, (xla.output(seen_by(start), kernel[t], plane, groups) for t, start in starts)
    )
    return y.reshape(n, positions, *y.shape[1:])


def input_grad(kernel: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
    """The convolution of g with the flipped kernel, plane by plane too."""
    return backwards(output, kernel, g, window, groups)


def kernel_grad(x: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
    """One two-axis kernel gradient for sequences; for volumes one per tap of the first axis."""
    if window.rank == 1:
        return xla.kernel_grad(x[:, None], g[:, None], window.with_axis_in_front(), groups)[0]
    x, depth, plane = _planes(x, window)
    n, positions = g.shape[:2]
    g = g.reshape(n * positions, *g.shape[2:])

    def of_tap(start: int) -> jax.Array:
        last = start + (positions - 1) * depth.stride[0] + 1
        seen = lax.slice_in_dim(x, start, last, depth.stride[0], 1)
        return xla.kernel_grad(seen.reshape(n * positions, *x.shape[2:]), g, plane, groups)

    return jnp.stack([of_tap(t) for t in range(0, depth.extent[0], depth.dilation[0])])


def _planes(x: jax.Array, window: Window) -> tuple[jax.Array, Window, Window]:
    """x padded on its first spatial axis, the window on that axis, the window on the others."""
    first = window.cut(slice(1))
    volume = padded(x.reshape(*x.shape[:2], math.prod(x.shape[2:])), first)
    x = volume.reshape(*volume.shape[:2], *x.shape[2:])
    return x, first.on_padded(), window.cut(slice(1, None))


ALGORITHM = Algorithm(
    output=output,
    input_grad=input_grad,
    kernel_grad=kernel_grad,
    widens=True,
    unsupported=unsupported,
)
