"""Primitives that are computed by kernels on CPUs, and by plain JAX elsewhere."""

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir, xla

from .. import kernels
from . import partitioned


def primitive(
    name: str,
    shapes: Callable,
    plain: Callable,
    multiple_results: bool = False,
    images: Sequence[bool] | None = None,
    summed: bool = False,
) -> Primitive:
    """A primitive; it has no derivative yet.

    Unless `images` says otherwise it is (n, ...), ... -> (n, ...), ..., image by image.

    On CPUs it is a call of the kernel that `calls.py` has under its name. On other platforms it is
    plain JAX, and so it is in programs that are exported, since another process has no kernels.

    Args:
        name: of the primitive.
        shapes: (*avals, **params) -> the aval of the result, or a list of them.
        plain: (*arrays, **params) -> the result or results.
        multiple_results: whether it has a list of results.
        images: for each array, whether its first axis is the images. If not of all, the caller
            gives the primitive a batching rule, since the one that it gets folds into the images.
        summed: whether the result is a sum over the images.
    """
    made = Primitive(f"native_{name}")
    made.multiple_results = multiple_results
    made.def_impl(partial(xla.apply_primitive, made))
    made.def_abstract_eval(shapes)
    batching.primitive_batchers[made] = partial(_folded, made)

    def on_cpu(context: mlir.LoweringRuleContext, *arrays, **params):
        compute = kernels.side(name)
        if compute is None or context.module_context.lowering_parameters.for_export:
            compute = plain
        elif partitioned.over_devices(context):
            split = tuple(images) if images is not None else (True,) * len(arrays)
            compute = partitioned.partitioned(compute, split, summed, tuple(params.items()))
            context, params = partitioned.with_devices(context), {}
        return mlir.lower_fun(partial(compute, **params), multiple_results)(context, *arrays)

    mlir.register_lowering(made, mlir.lower_fun(plain, multiple_results))
    mlir.register_lowering(made, on_cpu, platform="cpu")
    return made


def _folded(made: Primitive, arrays, axes, **params):
    """Join the mapped axis and the images, compute, and split them."""
    mapped = next(a.shape[axis] for a, axis in zip(arrays, axes) if axis is not None)

    def joined(array: jax.Array, axis: int | None) -> jax.Array:
        if axis is None:
            array = jnp.broadcast_to(array, (mapped, *array.shape))
        else:
            array = jnp.moveaxis(array, axis, 0)
        return array.reshape(mapped * array.shape[1], *array.shape[2:])

    def split(result: jax.Array) -> jax.Array:
        return result.reshape(mapped, len(result) // mapped, *result.shape[1:])

    results = made.bind(*map(joined, arrays, axes), **params)
    if made.multiple_results:
        return list(map(split, results)), [0] * len(results)
    return split(results), 0
