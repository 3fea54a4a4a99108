"""The calls of the kernels, inside of a program for one device: arrays in, arrays out."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from cnn_jax.geometry import Window

from . import dense_kernel, dense_plan, depthwise, depthwise_kernel
from .compiler import registered
from .machine import host
from .pool_calls import pool as pool
from .pool_calls import put as put
from .pool_calls import spread as spread
from .pool_calls import sums as sums
from .pool_calls import taken as taken


def output(x: jax.Array, kernel: jax.Array, window: Window, groups: int) -> jax.Array:
    """Convolve x (n, *spatial, c) with kernel (*size, c // groups, o) into (n, *positions, o)."""
    shape = (len(x), *window.output_size(x.shape[1:-1]), kernel.shape[-1])
    narrow = depthwise.takes(host(), x.shape[-1], shape[-1], groups, x.dtype.name)
    plan = depthwise.plan if narrow else dense_plan.plan
    return _call(plan, shape, (x, kernel), (x.shape, kernel.shape, window, groups))


def input_grad(kernel: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
    """The gradient with respect to x, from kernel (*size, c // groups, o), g (n, *positions, o)."""
    shape = (len(g), *window.input_size(g.shape[1:-1]), kernel.shape[-2] * groups)
    narrow = depthwise.takes(host(), g.shape[-1], shape[-1], groups, g.dtype.name)
    plan = partial(depthwise.plan if narrow else dense_plan.plan, exchanged=True)
    return _call(plan, shape, (g, kernel), (g.shape, kernel.shape, window.of_input_grad(), groups))


def kernel_grad(x: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
    """The gradient with respect to the kernel, from x (n, *spatial, c), g (n, *positions, o)."""
    shape = (*window.size, x.shape[-1] // groups, g.shape[-1])
    narrow = depthwise.takes(host(), x.shape[-1], g.shape[-1], groups, x.dtype.name)
    plan = depthwise_kernel.plan if narrow else dense_kernel.plan
    return _call(plan, shape, (x, g), (x.shape, g.shape, window, groups))


def _call(plan: Callable, shape: tuple[int, ...], arrays: tuple[jax.Array, ...], given: tuple):
    """Call the kernel that `plan` names; it need not be called where there is nothing to add."""
    dtype = arrays[0].dtype
    if any(array.size == 0 for array in arrays):
        return jnp.zeros(shape, dtype)
    nests, told = plan(host(), *given, dtype.name)
    result = jax.ShapeDtypeStruct(shape, dtype)
    scratch = jax.ShapeDtypeStruct((told.scratch,), jnp.uint8)
    return jax.ffi.ffi_call(registered(nests), (result, scratch))(*arrays, plan=told.encoded())[0]
