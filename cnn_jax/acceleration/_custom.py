"""Functions with a derivative of their own keep it, and it is made faster like the function.

The rule is found by differentiating the equation as it was: JAX runs the rule that it holds, and
what that did is traced and computed anew.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_derivatives import SymbolicZero

from cnn_jax.algorithms import vary_alike

from ._equations import bind
from ._traced import apply

Run = Callable[[Any, Sequence], list]


def custom_jvp(run: Run, equation: Any, operands: list) -> list:
    """Build a ``custom_jvp_call`` again."""

    @jax.custom_jvp
    def call(*operands: jax.Array) -> list:
        return run(equation.params["call_jaxpr"], operands)

    @partial(call.defjvp, symbolic_zeros=True)
    def rule(primals, tangents):
        moving = [not isinstance(dx, SymbolicZero) for dx in tangents]

        def of_moving(primals, tangents):
            return jax.jvp(
                _with_others_fixed(equation, primals, moving), _those(moving, primals), tangents
            )

        return apply(run, of_moving, (list(primals), _those(moving, tangents)))

    return call(*operands)


def custom_vjp(run: Run, equation: Any, operands: list) -> list:
    """Build a ``custom_vjp_call`` again."""

    @jax.custom_vjp
    def call(*operands: jax.Array) -> list:
        return run(equation.params["call_jaxpr"], operands)

    def forward(*primals):
        operands = [primal.value for primal in primals]
        moving = [primal.perturbed for primal in primals]

        def with_pullback(operands):
            return jax.vjp(_with_others_stopped(equation, moving), *operands)

        return apply(run, with_pullback, (operands,))

    def backward(pullback, cotangents):
        given = [_instantiated(g) for g in cotangents]
        return tuple(apply(run, lambda pull, g: pull(g), (pullback, given)))

    call.defvjp(forward, backward, symbolic_zeros=True)
    return call(*operands)


def _with_others_fixed(equation: Any, operands: Sequence, free: list[bool]) -> Callable:
    """An equation as a function of some of its operands."""

    def function(*some: jax.Array) -> list:
        rest = iter(some)
        given = [next(rest) if is_free else x for is_free, x in zip(free, operands)]
        return bind(equation, given)

    return function


def _with_others_stopped(equation: Any, moving: list[bool]) -> Callable:
    """An equation as a function of all its operands, constant in those that do not move.

    Among these are arrays that the function closes over, which its rule does not differentiate.
    """

    def function(*operands: jax.Array) -> list:
        stopped = [x if moves else lax.stop_gradient(x) for moves, x in zip(moving, operands)]
        return bind(equation, stopped)

    return function


def _instantiated(cotangent: Any) -> Any:
    """A cotangent as an array, also where it is known to be zero."""
    if not isinstance(cotangent, SymbolicZero):
        return cotangent
    zero: Any = cotangent
    if zero.dtype == jax.dtypes.float0:
        return np.zeros(zero.shape, zero.dtype)
    return vary_alike(jnp.zeros(zero.shape, zero.dtype), zero)[0]


def _those(wanted: list[bool], things: Sequence) -> list:
    return [thing for is_wanted, thing in zip(wanted, things) if is_wanted]
