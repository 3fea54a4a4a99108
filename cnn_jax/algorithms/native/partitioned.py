"""The kernels in programs for several devices: a batch that is split stays split.

XLA's partitioner knows nothing of a call, and would gather its arguments on every device. These
rules tell it that images may be split. Each device then convolves its own images; the gradients
with respect to the kernel are summed over the devices. Other axes are gathered.
"""

from collections.abc import Callable
from functools import cache, partial

import jax
from jax import lax
from jax._src import dispatch
from jax.experimental.custom_partitioning import custom_partitioning
from jax.extend.core import Primitive
from jax.sharding import NamedSharding, PartitionSpec

from .batched import ARRAYS


def needs_devices(primitive: Primitive) -> None:
    """Let JAX lower programs that hold `primitive` only when it knows their devices.

    JAX keeps the list of such primitives to itself, under the same name from 0.7 to 0.12.
    """
    dispatch.prim_requires_devices_during_lowering.add(primitive)


def over_devices(context) -> bool:
    """Whether XLA's partitioner will split the arrays of a program: there are several devices."""
    return getattr(context, "num_devices", 1) > 1


@cache
def partitioned(side: str, compute: Callable) -> Callable:
    """`compute(a, b, window, groups)` with rules for XLA's partitioner."""
    first, second, result = ARRAYS[side]

    def split(a, b):
        """The mesh, and the mesh axes that split the images of either argument."""
        shardings = [
            array.sharding for kind, array in zip((first, second), (a, b)) if kind != "kernel"
        ]
        mesh = next(s.mesh for s in shardings if isinstance(s, NamedSharding))
        specs = [s.spec for s in shardings if isinstance(s, NamedSharding)]
        axes = next((spec[0] for spec in specs if len(spec) and spec[0] is not None), None)
        return mesh, axes

    def placed(mesh, axes, kind) -> NamedSharding:
        return NamedSharding(mesh, PartitionSpec(*() if kind == "kernel" else (axes,)))

    def partition(window, groups, mesh, arguments, result_shape):
        mesh, axes = split(*arguments)

        def each(a, b):
            y = compute(a, b, window, groups)
            return lax.psum(y, axes) if result == "kernel" and axes is not None else y

        return (
            mesh,
            each,
            placed(mesh, axes, result),
            (placed(mesh, axes, first), placed(mesh, axes, second)),
        )

    def infer(window, groups, mesh, arguments, result_shape):
        return placed(*split(*arguments), result)

    @partial(custom_partitioning, static_argnums=(2, 3))
    def call(a: jax.Array, b: jax.Array, window, groups):
        return compute(a, b, window, groups)

    def with_rule(a: jax.Array, b: jax.Array, window, groups):
        return call(a, b, window, groups)

    call.def_partition(
        partition=partition,
        infer_sharding_from_operands=infer,
        sharding_rule=partial(_shardy_rule, side),
    )
    return with_rule


@cache
def by_images(compute: Callable, count: int, params: tuple) -> Callable:
    """`compute(*arrays, **params)` of `count` arrays, image by image, with rules for XLA.

    Args:
        compute: images are the first axis of each argument and result.
        count: the number of arguments.
        params: (name, value) of each parameter.
    """

    def placed(arguments) -> NamedSharding:
        """The images as they are split in an argument; other axes whole."""
        shardings = [a.sharding for a in arguments if isinstance(a.sharding, NamedSharding)]
        axes = (s.spec[0] for s in shardings if len(s.spec))
        split = next((axis for axis in axes if axis is not None), None)
        return NamedSharding(shardings[0].mesh, PartitionSpec(split))

    def infer(mesh, arguments, results):
        return jax.tree.map(lambda _: placed(arguments), results)

    def partition(mesh, arguments, results):
        own = placed(arguments)
        return own.mesh, each, jax.tree.map(lambda _: own, results), (own,) * count

    def each(*arrays: jax.Array):
        return compute(*arrays, **dict(params))

    def rule(mesh, arguments, results):
        """Arguments and results have only the images in common."""
        axes = iter("abcdefghijklmopqrstuvwxyz")
        parts = [" ".join(["n", *(next(axes) for _ in range(array.rank - 1))])
                 for array in (*arguments, *results)]  # fmt: skip
        return f"{', '.join(parts[:count])} -> {', '.join(parts[count:])}"

    call = custom_partitioning(each)
    call.def_partition(partition=partition, infer_sharding_from_operands=infer, sharding_rule=rule)
    return lambda *arrays: call(*arrays)


def _shardy_rule(side: str, window, groups, mesh, arguments, results):
    """Of all axes, the arguments and the result have in common only the images."""
    names = {"x": "n", "g": "n", "kernel": "k"}
    taken = iter("abcdefghijlmopqrstuvwxyz")

    def axes(kind: str, rank: int) -> str:
        first = names[kind] if kind != "kernel" else next(taken)
        return " ".join([first, *(next(taken) for _ in range(rank - 1))])

    first, second, last = ARRAYS[side]
    ranks = [array.rank for array in (*arguments, *results)]
    a, b, y = (axes(kind, rank) for kind, rank in zip((first, second, last), ranks))
    return f"{a}, {b} -> {y}"
