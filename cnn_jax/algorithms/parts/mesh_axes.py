"""The mesh axes that an array varies over, inside of `jax.shard_map`."""

import jax
from jax import lax
from jax.custom_derivatives import SymbolicZero


def vary_alike(*arrays: jax.Array) -> tuple[jax.Array, ...]:
    """Let every array vary over the mesh axes that any of them varies over, in `jax.shard_map`.

    The images may be split over devices while the kernel is the same on all; JAX transposes a
    function of both only if they vary over the same axes. Outside `shard_map` this does nothing.
    A symbolic zero of a rule counts as the array that it stands for.
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


def varies(array: jax.Array) -> bool:
    """Whether an array may differ between devices, in `jax.shard_map`."""
    return bool(_varying_axes(array))


def _varying_axes(array: jax.Array) -> frozenset[str]:
    kind = array.aval if isinstance(array, SymbolicZero) else jax.typeof(array)
    if hasattr(kind, "manual_axis_type"):
        return kind.manual_axis_type.varying
    return kind.vma  # jax 0.7
