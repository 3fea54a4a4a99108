"""The three sides of a convolution, joined into one differentiable function.

A convolution is a trilinear form T(x, kernel, g) = <conv(x, kernel), g>. Its three sides

    output(x, kernel)         the forward pass
    input_grad(kernel, g)     the gradient by x
    kernel_grad(x, g)         the gradient by the kernel

are closed under differentiation: the transpose of each by either argument is another of the three.
So each may be computed by an algorithm of its own, and one tangent rule serves every mode and every
order of differentiation.
"""

from collections.abc import Callable
from contextlib import nullcontext
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero

from cnn_jax import geometry
from cnn_jax.geometry import Window

from .taps import crop

Bilinear = Callable[[jax.Array, jax.Array], jax.Array]


def convolve(
    algorithm, x: jax.Array, kernel: jax.Array, window: Window, groups: int, precision: str | None
) -> jax.Array:
    """Convolve by `algorithm`, each side by its function of that name.

    Args:
        algorithm: a module with ``output(x, kernel, window, groups)`` and perhaps
            ``input_grad(kernel, g, window, groups)`` and ``kernel_grad(x, g, window, groups)``;
            without one, that side is the transpose of `output`.
        x: (n, *spatial, c), of the kernel's dtype.
        kernel: (*size, c // groups, o).
        window: a window that `geometry.fit` made exact.
        groups: how many groups the channels fall into.
        precision: of the matrix products, as `jax.default_matmul_precision` takes it.

    Returns:
        (n, *positions, o).
    """
    return _forwards(algorithm, window, groups, precision)(*vary_alike(x, kernel))


@lru_cache(maxsize=4096)
def _forwards(algorithm, window: Window, groups: int, precision: str | None) -> Bilinear:
    output, input_grad, kernel_grad = _sides(algorithm, window, groups, precision)
    return _traced_once("conv", output, joined(output, input_grad, kernel_grad))


def convolve_transposed(
    algorithm, g: jax.Array, kernel: jax.Array, window: Window, groups: int, precision: str | None
) -> jax.Array:
    """Convolve backwards: the side `input_grad` as an operation of its own.

    Its own sides are the same three, in another order.

    Args:
        algorithm, kernel, window, groups, precision: as for `convolve`.
        g: (n, *positions, o), of the kernel's dtype.

    Returns:
        (n, *spatial, c).
    """
    return _backwards(algorithm, window, groups, precision)(*vary_alike(g, kernel))


@lru_cache(maxsize=4096)
def _backwards(algorithm, window: Window, groups: int, precision: str | None) -> Bilinear:
    output, input_grad, kernel_grad = _sides(algorithm, window, groups, precision)

    def spread(g: jax.Array, kernel: jax.Array) -> jax.Array:
        if input_grad is not None:
            return input_grad(kernel, g)
        shape = (len(g), *window.input_size(g.shape[1:-1]), kernel.shape[-2] * groups)
        like_x = vary_alike(jnp.zeros(shape, g.dtype), g)[0]
        return _transpose(lambda x: output(x, kernel), like_x)(g)

    def of_integers(g: jax.Array, kernel: jax.Array) -> jax.Array:
        return backwards(algorithm.output, kernel, g, window, groups)

    by_kernel = kernel_grad and (lambda g, dx: kernel_grad(dx, g))
    by_g = lambda kernel, dx: output(dx, kernel)  # noqa: E731
    return _traced_once("conv_transpose", of_integers, joined(spread, by_g, by_kernel))


def backwards(
    output: Callable, kernel: jax.Array, g: jax.Array, window: Window, groups: int
) -> jax.Array:
    """The side `input_grad` by the side `output`: a convolution of g, stride and gaps exchanged.

    The kernel is flipped, and its channels change places within each group.
    """
    size, (per_group, channels) = window.size, kernel.shape[-2:]
    flipped = lax.rev(kernel, range(window.rank))
    flipped = flipped.reshape(*size, per_group, groups, channels // groups).swapaxes(-1, -3)
    flipped = flipped.reshape(*size, channels // groups, groups * per_group)
    drops, exact = geometry.fit(window.of_input_grad(), g.shape[1:-1])
    return output(crop(g, drops), flipped, exact, groups)


def _sides(
    algorithm, window: Window, groups: int, precision: str | None
) -> tuple[Bilinear, Bilinear | None, Bilinear | None]:
    """The functions of `algorithm`, of the two arrays alone; None for a side it does not give."""

    def side(compute: Callable) -> Bilinear:
        def at_precision(*arrays: jax.Array) -> jax.Array:
            with jax.default_matmul_precision(precision) if precision else nullcontext():
                return compute(*arrays, window, groups)

        return at_precision

    by_x, by_kernel = (getattr(algorithm, name, None) for name in ("input_grad", "kernel_grad"))
    return side(algorithm.output), by_x and side(by_x), by_kernel and side(by_kernel)


def _traced_once(name: str, plain: Bilinear, differentiable: Bilinear) -> Bilinear:
    """A program of its own, so that a call is traced once for each shape, and its derivatives too.

    For a value and gradient of a 3x3 convolution that takes 0.7 of the time that lax's own does,
    35 ms instead of 4 at the first call of a shape, and 9 times as long at every call without.
    """

    def by_dtype(a: jax.Array, b: jax.Array) -> jax.Array:
        # Integers have no derivative.
        return (differentiable if jnp.issubdtype(a.dtype, jnp.inexact) else plain)(a, b)

    by_dtype.__name__ = name
    return jax.jit(by_dtype)


def joined(
    product: Bilinear, by_first: Bilinear | None = None, by_second: Bilinear | None = None
) -> Bilinear:
    """Join a bilinear function and its transposes into one differentiable function.

    The tangent by each argument is the linear transpose of the transpose that was given. Reverse
    mode transposes it back, so what runs is exactly that one; forward mode runs its transpose.
    Where none was given the tangent is the product itself, which is linear in each argument.

    Args:
        product: (a, b) -> y.
        by_first: (b, g) -> what is like a, with <product(a, b), g> == <a, by_first(b, g)>.
        by_second: (a, g) -> what is like b, with <product(a, b), g> == <b, by_second(a, g)>.

    Returns:
        `product`, differentiable in every mode and to every order.
    """

    @jax.custom_jvp
    def differentiable(a: jax.Array, b: jax.Array) -> jax.Array:
        return product(a, b)

    @partial(differentiable.defjvp, symbolic_zeros=True)
    def tangent(primals, tangents):
        (a, b), (da, db) = primals, tangents
        y = differentiable(a, b)
        terms = []
        # A symbolic zero is an argument that is not differentiated: its side is never computed.
        if not isinstance(da, SymbolicZero):
            terms.append(_transpose(partial(by_first, b), y)(da) if by_first else product(da, b))
        if not isinstance(db, SymbolicZero):
            terms.append(_transpose(partial(by_second, a), y)(db) if by_second else product(a, db))
        return y, sum(terms[1:], start=terms[0]) if terms else jnp.zeros_like(y)

    return differentiable


def _transpose(linear: Callable, like: jax.Array) -> Callable[[jax.Array], jax.Array]:
    if jax.__version_info__ < (0, 10):  # 0.7 only transposes the loops of derivatives
        transposed = jax.vjp(linear, jnp.zeros_like(like))[1]
    else:
        transposed = jax.linear_transpose(linear, like)
    return lambda g: transposed(g)[0]


def vary_alike(*arrays: jax.Array) -> tuple[jax.Array, ...]:
    """Inside `jax.shard_map`: let every array vary over the mesh axes that any of them varies over.

    An image that is split over devices meets a kernel that is the same on all; the transposes above
    want both of one type. Outside `shard_map` this does nothing.
    """
    axes = frozenset().union(*map(_varying_axes, arrays))

    def vary(array: jax.Array) -> jax.Array:
        missing = tuple(sorted(axes - _varying_axes(array)))
        if not missing:
            return array
        if hasattr(lax, "pcast"):
            return lax.pcast(array, missing, to="varying")
        return lax.pvary(array, missing)  # jax 0.7 # pyright: ignore[reportAttributeAccessIssue]

    return tuple(map(vary, arrays))


def _varying_axes(array: jax.Array) -> frozenset[str]:
    kind = jax.typeof(array)
    if hasattr(kind, "manual_axis_type"):
        return kind.manual_axis_type.varying
    return kind.vma  # jax 0.7
