"""The operations that the layers above call: an algorithm's functions, made differentiable.

A convolution is a trilinear form T(x, kernel, g) = <conv(x, kernel), g>. Its three sides

    output(x, kernel)         the forward pass
    input_grad(kernel, g)     the gradient with respect to x
    kernel_grad(x, g)         the gradient with respect to the kernel

are closed under differentiation: the transpose of each with respect to either argument is another
of the three. So each may be computed by an algorithm of its own, and one tangent rule serves every
mode and every order of differentiation.
"""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import jax
import jax.numpy as jnp

from cnn_jax.geometry import Window

from ._contract import Algorithm
from .parts.backwards import backwards
from .parts.bilinear import Bilinear, bilinear, transposed
from .parts.mesh_axes import vary_alike


def convolve(
    algorithm: Algorithm,
    x: jax.Array,
    kernel: jax.Array,
    window: Window,
    groups: int,
    precision: str | None,
) -> jax.Array:
    """Convolve; the output and both gradients are computed by the functions of `algorithm`.

    Args:
        algorithm: one with an `output`.
        x: (n, *spatial, c), of the kernel's dtype.
        kernel: (*size, c // groups, o).
        window: a window that `geometry.fit` made exact.
        groups: the number of groups of channels.
        precision: of the matrix products, as `jax.default_matmul_precision` takes it.

    Returns:
        (n, *positions, o).
    """
    return conv(algorithm, *vary_alike(x, kernel), window, groups, precision)


def convolve_transposed(
    algorithm: Algorithm,
    g: jax.Array,
    kernel: jax.Array,
    window: Window,
    groups: int,
    precision: str | None,
) -> jax.Array:
    """Compute a convolution's gradient with respect to its input, as an operation of its own.

    Its derivatives are the same three sides, in other roles.

    Args:
        algorithm, kernel, window, groups, precision: as for `convolve`.
        g: (n, *positions, o), of the kernel's dtype.

    Returns:
        (n, *spatial, c).
    """
    return conv_transpose(algorithm, *vary_alike(g, kernel), window, groups, precision)


def slide(
    algorithm: Algorithm, side: str, x: jax.Array, window: Window, divisor: int = 1
) -> jax.Array:
    """Compute a pool or the patches of x by `algorithm`, with the gradient that it offers.

    Args:
        algorithm: one with a function for `side`.
        side: ``"max_pool"``, ``"min_pool"``, ``"sum_pool"`` or ``"patches"``.
        x: (n, *spatial, c).
        window: an exact window.
        divisor: of the sums of a sum pool.

    Returns:
        (n, *positions, c) of a pool, (n, *positions, taps, c) of patches.
    """
    if divisor != 1 and algorithm.divides:
        return algorithm.side(side)(x, window, divisor)
    if divisor != 1:
        return slide(algorithm, side, x, window) / divisor
    compute, gradient = algorithm.side(side), getattr(algorithm, f"{side}_grad", None)
    if gradient is None or not jnp.issubdtype(x.dtype, jnp.inexact):
        return compute(x, window)

    @jax.custom_jvp
    def pooled(x: jax.Array) -> jax.Array:
        return compute(x, window)

    @pooled.defjvp
    def tangent(primals, tangents):
        (x,), (dx,) = primals, tangents
        y = pooled(x)
        return y, transposed(lambda g: gradient(x, y, g, window), y)(dx)

    return pooled(x)


# Jitted, so that a call and its derivatives are traced once for each shape. The value and gradient
# of a 3x3 convolution then take 0.7 times as long as lax's own, after a first call of a shape of
# 35 ms instead of 4; without it every call takes 9 times as long.
_as_program = partial(jax.jit, static_argnums=(0, 3, 4, 5))


@_as_program
def conv(algorithm, x, kernel, window, groups, precision):
    output, input_grad, kernel_grad = _sides(algorithm, window, groups, precision)
    differentiable = bilinear(output, input_grad, kernel_grad)
    # Integers have no derivative.
    return (differentiable if jnp.issubdtype(x.dtype, jnp.inexact) else output)(x, kernel)


@_as_program
def conv_transpose(algorithm, g, kernel, window, groups, precision):
    output, input_grad, kernel_grad = _sides(algorithm, window, groups, precision)
    if not jnp.issubdtype(g.dtype, jnp.inexact):
        return backwards(algorithm.side("output"), kernel, g, window, groups)

    def spread(g: jax.Array, kernel: jax.Array) -> jax.Array:
        if input_grad is not None:
            return input_grad(kernel, g)
        shape = (len(g), *window.input_size(g.shape[1:-1]), kernel.shape[-2] * groups)
        like_x = vary_alike(jnp.zeros(shape, g.dtype), g)[0]
        return transposed(lambda x: output(x, kernel), like_x)(g)

    by_kernel = kernel_grad and (lambda g, dx: kernel_grad(dx, g))
    by_g = lambda kernel, dx: output(dx, kernel)  # noqa: E731
    return bilinear(spread, by_g, by_kernel)(g, kernel)


def _sides(
    algorithm: Algorithm, window: Window, groups: int, precision: str | None
) -> tuple[Bilinear, Bilinear | None, Bilinear | None]:
    """The sides of `algorithm` as functions of two arrays; None for one that it does not offer."""

    def side(compute: Callable) -> Bilinear:
        def at_precision(*arrays: jax.Array) -> jax.Array:
            with jax.default_matmul_precision(precision) if precision else nullcontext():
                return compute(*arrays, window, groups)

        return at_precision

    by_x, by_kernel = algorithm.input_grad, algorithm.kernel_grad
    return side(algorithm.side("output")), by_x and side(by_x), by_kernel and side(by_kernel)
