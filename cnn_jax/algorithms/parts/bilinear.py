"""Bilinear functions whose gradients are written out, differentiable in every mode."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

Bilinear = Callable[[jax.Array, jax.Array], jax.Array]


def bilinear(
    product: Bilinear, by_first: Bilinear | None = None, by_second: Bilinear | None = None
) -> Bilinear:
    """Give a bilinear function the two gradients that are written out for it.

    The tangent with respect to an argument is the linear transpose of the gradient with respect to
    it. Reverse mode transposes that again, so it runs exactly the gradient that was given; forward
    mode runs the transpose. Where a gradient is None, the tangent is the product of the argument's
    tangent and the other argument.

    Args:
        product: (a, b) -> y.
        by_first: (b, g) -> an array like a, with <product(a, b), g> == <a, by_first(b, g)>.
        by_second: (a, g) -> an array like b, with <product(a, b), g> == <b, by_second(a, g)>.

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
        # A symbolic zero is the tangent of an argument that is not differentiated: it has no term.
        if not isinstance(da, SymbolicZero):
            terms.append(transposed(partial(by_first, b), y)(da) if by_first else product(da, b))
        if not isinstance(db, SymbolicZero):
            terms.append(transposed(partial(by_second, a), y)(db) if by_second else product(a, db))
        return y, sum(terms[1:], start=terms[0]) if terms else jnp.zeros_like(y)

    return differentiable


def transposed(linear: Callable, like: jax.Array) -> Callable[[jax.Array], jax.Array]:
    """The transpose of a linear function of arrays like `like`."""
    if jax.__version_info__ < (0, 10):  # jax 0.7 transposes a loop only as part of a derivative
        transposed = jax.vjp(linear, jnp.zeros_like(like))[1]
    else:
        transposed = jax.linear_transpose(linear, like)
    return lambda g: transposed(g)[0]
