"""How `jax.vmap` folds its axis into an axis that the convolutions have.

One argument is mapped: its axis is folded into the one that it shares with the result, the images,
the input channels or the output channels. Both are mapped: each member of the batch has groups of
its own.
"""

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive

from cnn_jax.geometry import Window

# What the arguments and the result of each side are.
ARRAYS = {
    "output": ("x", "kernel", "g"),
    "input_grad": ("kernel", "g", "x"),
    "kernel_grad": ("x", "g", "kernel"),
}
ROLES = {"x": {"images", "in"}, "kernel": {"in", "out"}, "g": {"images", "out"}}


def rule(
    side: str, primitive: Primitive, arrays, dims, *, window: Window, groups: int
) -> tuple[jax.Array, int]:
    """The batching rule of the primitive of one side."""
    *kinds, result = ARRAYS[side]
    mapped = [dim is not None for dim in dims]
    arrays = [
        array if dim is None else jnp.moveaxis(array, dim, 0) for array, dim in zip(arrays, dims)
    ]
    size = arrays[mapped.index(True)].shape[0]
    if all(mapped):
        role = "groups"
    else:
        (role,) = ROLES[kinds[mapped.index(True)]] & ROLES[result]
    folded = [
        _folded(array, kind, role, groups) if is_mapped else array
        for array, kind, is_mapped in zip(arrays, kinds, mapped)
    ]
    y = primitive.bind(*folded, window=window, groups=groups * size if role == "groups" else groups)
    return _unfolded(y, result, role, groups, size), 0


def _place(kind: str, role: str, groups: int) -> tuple[int, int]:
    """The axis that takes the batch in, and into how many parts it is cut around the batch."""
    if role == "images":
        return 0, 1
    if role == "in" and kind == "kernel":
        return -2, 1
    return -1, 1 if role == "groups" else groups


def _folded(array: jax.Array, kind: str, role: str, groups: int) -> jax.Array:
    """(batch, ...) -> the array with the batch inside of one of its axes."""
    axis, parts = _place(kind, role, groups)
    size, *shape = array.shape
    axis %= len(shape)
    before, length, after = shape[:axis], shape[axis], shape[axis + 1 :]
    cut = array.reshape(size, *before, parts, length // parts, *after)
    return jnp.moveaxis(cut, 0, axis + 1).reshape(*before, size * length, *after)


def _unfolded(array: jax.Array, kind: str, role: str, groups: int, size: int) -> jax.Array:
    """The inverse of `_folded`."""
    axis, parts = _place(kind, role, groups)
    axis %= array.ndim
    before, length, after = array.shape[:axis], array.shape[axis] // size, array.shape[axis + 1 :]
    cut = array.reshape(*before, parts, size, length // parts, *after)
    return jnp.moveaxis(cut, axis + 1, 0).reshape(size, *before, length, *after)
