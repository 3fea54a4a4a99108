"""The kernels in programs for several devices: a batch that is split stays split.

XLA's partitioner knows nothing of a call, and would gather its arguments on every device. These
rules tell it that images may be split. Each device then convolves or pools its own images; the
gradients with respect to the kernel are summed over the devices. Other axes are gathered.
"""

import dataclasses
from collections.abc import Callable, Sequence
from functools import cache
from itertools import islice

import jax
import numpy as np
from jax import lax
from jax.experimental.custom_partitioning import custom_partitioning
from jax.interpreters import mlir
from jax.sharding import Mesh, NamedSharding, PartitionSpec


def over_devices(context: mlir.LoweringRuleContext) -> bool:
    """Whether XLA's partitioner will split the arrays of a program: there are several devices.

    Inside of `jax.shard_map` it will not: each device has arrays of its own.
    """
    return 1 < _number_of_devices(context) <= jax.device_count("cpu")


def with_devices(context: mlir.LoweringRuleContext) -> mlir.LoweringRuleContext:
    """`context` with devices in it, which `custom_partitioning` requires.

    JAX lowers a program before it knows the devices, apart from their number. No rule here depends
    on anything else, so these may be any. JAX could be told to find out, but would then refuse
    programs with two meshes or an abstract one, for the sake of every convolution in them.
    """
    module = context.module_context
    devices = _some_devices(_number_of_devices(context))
    known = dataclasses.replace(module.axis_context, device_assignment=devices)
    return context.replace(module_context=module.replace(axis_context=known))


def _number_of_devices(context: mlir.LoweringRuleContext) -> int:
    return getattr(context.module_context.axis_context, "num_devices", 1)


def _some_devices(number: int) -> tuple:
    return tuple(jax.devices("cpu")[:number])


@cache
def partitioned(
    compute: Callable, images: tuple[bool, ...], summed: bool, params: tuple
) -> Callable[..., jax.Array]:
    """`compute(*arrays, **params)` with rules for XLA's partitioner.

    Args:
        compute: a function of arrays whose first axis is the images, or which are not to be split.
        images: for each argument, whether its first axis is the images.
        summed: whether the result is a sum over images. If not, the first axis of each result is
            the images.
        params: the name and value of each parameter.
    """

    def on_whole(*arrays: jax.Array):
        return compute(*arrays, **dict(params))

    def places(arguments) -> tuple[Mesh, tuple[str, ...], list[NamedSharding]]:
        """A mesh, those of its axes that split the images, where the arguments and results are."""
        mesh, axes = _split([array for array, split in zip(arguments, images) if split])
        whole, split = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, _first(axes))
        return mesh, axes, [split if of_images else whole for of_images in (*images, not summed)]

    def partition(_, arguments, results):
        mesh, axes, (*given, place) = places(arguments)

        def on_each(*arrays: jax.Array):
            y = on_whole(*arrays)
            return lax.psum(y, axes) if summed and axes else y

        return mesh, on_each, jax.tree.map(lambda _: place, results), tuple(given)

    def infer(_, arguments, results):
        return jax.tree.map(lambda _: places(arguments)[-1][-1], results)

    def rule(_, arguments, results) -> str:
        """In the words of Shardy: of all axes, arrays have in common only the images."""
        names = iter("abcdefghijklmopqrstuvwxyz")  # no n, which is the images
        shared = (*images, *(not summed for _ in results))
        axes = [
            " ".join(["n" if split else next(names), *islice(names, array.rank - 1)])
            for array, split in zip((*arguments, *results), shared)
        ]
        return f"{', '.join(axes[: len(images)])} -> {', '.join(axes[len(images) :])}"

    call = custom_partitioning(on_whole)
    call.def_partition(
        partition=partition,
        infer_sharding_from_operands=infer,
        sharding_rule=rule,
        decode_shardings=False,  # by the mesh of the caller, which the lowering does not know
    )
    return call


def _split(arrays: Sequence[jax.ShapeDtypeStruct]) -> tuple[Mesh, tuple[str, ...]]:
    """A mesh of all devices, and its axes that split the images of the first array that is split.

    The mesh has an axis for each prime factor of the number of devices, in rising or falling order;
    axes of the caller's mesh are products of some of these. If they are not, or if the images are
    not split evenly, no axes are named.
    """
    number = len(arrays[0].sharding.device_set)
    for array in arrays:
        anywhere = (number,) * array.ndim  # lengths that any split divides
        where = array.sharding.devices_indices_map(anywhere)
        images = {device: part[0] for device, part in where.items()}
        starts = np.array([part.start or 0 for part in images.values()])
        if array.shape[0] % len(set(starts)):
            continue
        factors = _prime_factors(number)
        names = tuple(f"factor {i}" for i in range(len(factors)))
        for lengths in (factors, factors[::-1]):
            mesh = Mesh(np.array(list(images)).reshape(lengths), names)
            steps = [np.diff(starts.reshape(lengths), axis=i).flat[0] for i in range(len(names))]
            axes = tuple(name for step, name in sorted(zip(steps, names), reverse=True) if step)
            named = NamedSharding(mesh, _first(axes)).devices_indices_map(anywhere)
            if axes and all(named[device][0] == part for device, part in images.items()):
                return mesh, axes
    return Mesh(np.array(_some_devices(number)), ("all",)), ()


def _first(axes: tuple[str, ...]) -> PartitionSpec:
    """The first axis split along `axes` of the mesh."""
    return PartitionSpec(axes) if axes else PartitionSpec()


def _prime_factors(number: int) -> list[int]:
    factor = next((p for p in range(2, number) if number % p == 0), number)
    return [factor, *_prime_factors(number // factor)] if number > 1 else []
