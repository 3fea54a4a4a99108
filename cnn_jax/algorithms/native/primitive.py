"""Primitives of JAX that are computed by a kernel on CPUs, and in plain JAX elsewhere."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir


def primitive(
    name: str, shapes: Callable, call: Callable, plain: Callable, multiple_results: bool = False
) -> Primitive:
    """A primitive of arrays whose first axis is the batch; it has no derivative yet.

    Args:
        name: of the primitive, in programs.
        shapes: (*avals, **params) -> the aval of the result, or a list of them.
        call: (*arrays, **params) -> the result or results, by a kernel: on CPUs.
        plain: the same in plain JAX: on other platforms, and in programs that are exported, which
            other machines run.
        multiple_results: whether it has a list of results.
    """
    made = Primitive(name)
    made.multiple_results = multiple_results
    made.def_abstract_eval(shapes)

    @functools.cache
    def compiled(**params) -> Callable:
        return jax.jit(functools.partial(made.bind, **params))

    made.def_impl(lambda *arrays, **params: compiled(**params)(*arrays))
    lower_plainly = mlir.lower_fun(plain, multiple_results)
    lower_to_call = mlir.lower_fun(call, multiple_results)

    def lower_on_cpu(context, *arrays, **params):
        exports = context.module_context.lowering_parameters.for_export
        return (lower_plainly if exports else lower_to_call)(context, *arrays, **params)

    mlir.register_lowering(made, lower_plainly)
    mlir.register_lowering(made, lower_on_cpu, platform="cpu")
    batching.primitive_batchers[made] = functools.partial(_folded, made)
    return made


def _folded(made: Primitive, arrays, axes, **params):
    """Join the mapped axis and the batch axis, compute, and split them."""
    mapped = next(a.shape[axis] for a, axis in zip(arrays, axes) if axis is not None)

    def joined(array: jax.Array, axis: int | None) -> jax.Array:
        if axis is None:
            array = jnp.broadcast_to(array, (mapped, *array.shape))
        else:
            array = jnp.moveaxis(array, axis, 0)
        return array.reshape(mapped * array.shape[1], *array.shape[2:])

    results = made.bind(*map(joined, arrays, axes), **params)

    def split(result: jax.Array) -> jax.Array:
        return result.reshape(mapped, len(result) // max(mapped, 1), *result.shape[1:])

    if made.multiple_results:
        return [split(result) for result in results], [0] * len(results)
    return split(results), 0
