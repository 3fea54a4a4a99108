"""Primitives that newer versions of JAX have for what older ones wrote out; they are written out.

So no rule needs to know them.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


def written_out(equation: Any) -> Any:
    """The jaxpr of plainer steps that does what an equation does, or None."""
    name = equation.primitive.name
    if name not in _PLAINER:
        return None
    shapes = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in equation.invars]
    return jax.make_jaxpr(lambda *arrays: _PLAINER[name](*arrays, **equation.params))(*shapes)


def _stack(*parts: jax.Array, axis: int) -> jax.Array:
    return lax.concatenate([lax.expand_dims(part, (axis,)) for part in parts], axis)


def _unstack(x: jax.Array, *, axis: int) -> list[jax.Array]:
    return [lax.index_in_dim(x, i, axis, keepdims=False) for i in range(x.shape[axis])]


def _tile(x: jax.Array, *, reps: Sequence[int]) -> jax.Array:
    pairs = [entry for pair in zip(reps, x.shape) for entry in pair]
    axes = range(1, len(pairs), 2)
    return jnp.reshape(lax.broadcast_in_dim(x, pairs, axes), [r * n for r, n in zip(reps, x.shape)])


_PLAINER: dict[str, Callable[..., Any]] = {"stack": _stack, "unstack": _unstack, "tile": _tile}
