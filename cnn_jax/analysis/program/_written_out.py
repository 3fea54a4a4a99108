"""Replace primitives that only newer versions of JAX have by the older ones that do the same.

So no rule needs to know the new ones.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


def written_out(equation: Any) -> Any:
    """A jaxpr of older primitives that does the same as an equation, or None."""
    name = equation.primitive.name
    if name not in _OLDER:
        return None
    shapes = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in equation.invars]
    return jax.make_jaxpr(lambda *arrays: _OLDER[name](*arrays, **equation.params))(*shapes)


def _stack(*parts: jax.Array, axis: int) -> jax.Array:
    return lax.concatenate([lax.expand_dims(part, (axis,)) for part in parts], axis)


def _unstack(x: jax.Array, *, axis: int) -> list[jax.Array]:
    return [lax.index_in_dim(x, i, axis, keepdims=False) for i in range(x.shape[axis])]


def _tile(x: jax.Array, *, reps: Sequence[int]) -> jax.Array:
    pairs = [entry for pair in zip(reps, x.shape) for entry in pair]
    axes = range(1, len(pairs), 2)
    return jnp.reshape(lax.broadcast_in_dim(x, pairs, axes), [r * n for r, n in zip(reps, x.shape)])


_OLDER: dict[str, Callable[..., Any]] = {"stack": _stack, "unstack": _unstack, "tile": _tile}
