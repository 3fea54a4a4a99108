"""The calls of the kernels, inside of a program for one device: arrays in, arrays out."""

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp

from cnn_jax.geometry import Window

from .llvm.compiler import Kernel, registered
from .llvm.machine import host
from .llvm.plan import Plan
from .nests import (
    dense_kernel_grad_plan,
    dense_plan,
    depthwise,
    depthwise_kernel_grad,
    pool_gradients,
    pools,
)


def output(x: jax.Array, kernel: jax.Array, window: Window, groups: int) -> jax.Array:
    """Convolve x (n, *spatial, c) with kernel (*size, c // groups, o) into (n, *positions, o)."""
    shape = (len(x), *window.output_size(x.shape[1:-1]), kernel.shape[-1])
    narrow = depthwise.takes(host(), x.shape[-1], shape[-1], groups, x.dtype.name)
    plan = depthwise.plan if narrow else dense_plan.plan
    return _conv(plan, shape, (x, kernel), (x.shape, kernel.shape, window, groups))


def input_grad(kernel: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
    """The gradient with respect to x, from kernel (*size, c // groups, o), g (n, *positions, o)."""
    shape = (len(g), *window.input_size(g.shape[1:-1]), kernel.shape[-2] * groups)
    narrow = depthwise.takes(host(), g.shape[-1], shape[-1], groups, g.dtype.name)
    plan = partial(depthwise.plan if narrow else dense_plan.plan, exchanged=True)
    return _conv(plan, shape, (g, kernel), (g.shape, kernel.shape, window.of_input_grad(), groups))


def kernel_grad(x: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
    """The gradient with respect to the kernel, from x (n, *spatial, c), g (n, *positions, o)."""
    shape = (*window.size, x.shape[-1] // groups, g.shape[-1])
    narrow = depthwise.takes(host(), x.shape[-1], g.shape[-1], groups, x.dtype.name)
    plan = depthwise_kernel_grad.plan if narrow else dense_kernel_grad_plan.plan
    return _conv(plan, shape, (x, g), (x.shape, g.shape, window, groups))


def pool(x: jax.Array, *, window: Window, kind: str, notes: bool) -> list[jax.Array]:
    """The extremes of x (n, *spatial, c), and if it `notes` them the numbers of their taps."""
    shape = (x.shape[0], *window.output_size(x.shape[1:-1]), x.shape[-1])
    results = [jax.ShapeDtypeStruct(shape, x.dtype), jax.ShapeDtypeStruct(shape, jnp.uint8)]
    planned = pools.plan(host(), x.shape, window, x.dtype.name, kind, notes)
    return _call(*planned, results[: 1 + notes], x)


def sums(x: jax.Array, *, window: Window, divisor: int) -> jax.Array:
    """The sum of each window of x (n, *spatial, c), over the divisor."""
    shape = (x.shape[0], *window.output_size(x.shape[1:-1]), x.shape[-1])
    planned = pools.plan(host(), x.shape, window, x.dtype.name, "sum", divisor=divisor)
    return _call(*planned, [jax.ShapeDtypeStruct(shape, x.dtype)], x)[0]


def taken(numbers: jax.Array, dx: jax.Array, *, window: Window) -> jax.Array:
    """The element of dx (n, *spatial, c) that each window chose; 0 where it chose none."""
    planned = pools.plan(host(), dx.shape, window, dx.dtype.name, "take")
    return _call(*planned, [jax.ShapeDtypeStruct(numbers.shape, dx.dtype)], numbers, dx)[0]


def put(numbers: jax.Array, g: jax.Array, *, window: Window) -> jax.Array:
    """Each g (n, *positions, c), added to the element that its window chose."""
    return _gradient(g, window, numbers)


def spread(g: jax.Array, *, window: Window, divisor: int) -> jax.Array:
    """Each g (n, *positions, c) over the divisor, added to all elements of its window."""
    return _gradient(g, window, divisor=divisor)


def _gradient(g: jax.Array, window: Window, *numbers: jax.Array, divisor: int = 1) -> jax.Array:
    shape = (g.shape[0], *window.input_size(g.shape[1:-1]), g.shape[-1])
    chosen = bool(numbers)
    planned = pool_gradients.plan(host(), shape, window, g.dtype.name, chosen, divisor)
    return _call(*planned, [jax.ShapeDtypeStruct(shape, g.dtype)], *numbers, g)[0]


def _conv(plan: Callable, shape: tuple[int, ...], arrays: tuple[jax.Array, ...], given: tuple):
    """Call the kernel that `plan` names; it need not be called where there is nothing to add."""
    dtype = arrays[0].dtype
    if any(array.size == 0 for array in arrays):
        return jnp.zeros(shape, dtype)
    nests, told = plan(host(), *given, dtype.name)
    return _call(nests, told, [jax.ShapeDtypeStruct(shape, dtype)], *arrays)[0]


def _call(
    kernel: Kernel, plan: Plan, results: Sequence[jax.ShapeDtypeStruct], *arrays: jax.Array
) -> list[jax.Array]:
    scratch = jax.ShapeDtypeStruct((plan.scratch,), jnp.uint8)
    call = jax.ffi.ffi_call(registered(kernel), (*results, scratch))
    return list(call(*arrays, plan=plan.encoded())[:-1])
