"""The calls of the kernels, inside of a program for one device: arrays in, arrays out."""

import jax
import jax.numpy as jnp

from cnn_jax.geometry import Window

from . import dense, dense_kernel, depthwise, depthwise_kernel
from .compiler import registered
from .machine import host
from .pool_calls import pool as pool
from .pool_calls import put as put
from .pool_calls import spread as spread
from .pool_calls import sums as sums
from .pool_calls import taken as taken


def output(x: jax.Array, kernel: jax.Array, window: Window, groups: int) -> jax.Array:
    """Convolve x (n, *spatial, c) with kernel (*size, c // groups, o) into (n, *positions, o)."""
    positions = window.output_size(x.shape[1:-1])
    shape = (len(x), *positions, kernel.shape[-1])
    narrow = depthwise.takes(host(), x.shape[-1], kernel.shape[-1], groups, x.dtype.name)
    nests = depthwise if narrow else dense
    kernel_class, plan = nests.plan(host(), x.shape, kernel.shape, window, groups, x.dtype.name)
    return _call(kernel_class, plan, jax.ShapeDtypeStruct(shape, x.dtype), x, kernel)


def input_grad(kernel: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
    """The gradient with respect to x, from kernel (*size, c // groups, o), g (n, *positions, o)."""
    positions = g.shape[1:-1]
    shape = (len(g), *window.input_size(positions), kernel.shape[-2] * groups)
    narrow = depthwise.takes(host(), g.shape[-1], shape[-1], groups, g.dtype.name)
    nests = depthwise if narrow else dense
    kernel_class, plan = nests.plan(
        host(), g.shape, kernel.shape, window.of_input_grad(), groups, g.dtype.name, exchanged=True
    )
    return _call(kernel_class, plan, jax.ShapeDtypeStruct(shape, g.dtype), g, kernel)


def kernel_grad(x: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
    """The gradient with respect to the kernel, from x (n, *spatial, c), g (n, *positions, o)."""
    shape = (*window.size, x.shape[-1] // groups, g.shape[-1])
    narrow = depthwise.takes(host(), x.shape[-1], g.shape[-1], groups, x.dtype.name)
    nests = depthwise_kernel if narrow else dense_kernel
    kernel, plan = nests.plan(host(), x.shape, g.shape, window, groups, x.dtype.name)
    return _call(kernel, plan, jax.ShapeDtypeStruct(shape, x.dtype), x, g)


def _call(kernel, plan, result, *arrays):
    scratch = jax.ShapeDtypeStruct((plan.scratch,), jnp.uint8)
    call = jax.ffi.ffi_call(registered(kernel), (result, scratch))
    return call(*arrays, plan=plan.encoded())[0]
