"""The calls of the pools' kernels, inside of a program for one device: arrays in, arrays out."""

import jax
import jax.numpy as jnp

from cnn_jax.geometry import Window

from . import pool_gradients, pools
from .compiler import Kernel, registered
from .machine import host
from .plan import Plan


def pool(x: jax.Array, *, window: Window, kind: str, notes: bool) -> list[jax.Array]:
    """The extremes of x (n, *spatial, c), and if it `notes` them the numbers of their taps."""
    shape = (x.shape[0], *window.output_size(x.shape[1:-1]), x.shape[-1])
    results = [jax.ShapeDtypeStruct(shape, x.dtype), jax.ShapeDtypeStruct(shape, jnp.uint8)]
    planned = pools.plan(host(), x.shape, window, x.dtype.name, kind, notes)
    return _call(*planned, results[: 1 + notes], x)


def sums(x: jax.Array, *, window: Window) -> jax.Array:
    """The sum of each window of x (n, *spatial, c)."""
    shape = (x.shape[0], *window.output_size(x.shape[1:-1]), x.shape[-1])
    planned = pools.plan(host(), x.shape, window, x.dtype.name, "sum")
    return _call(*planned, [jax.ShapeDtypeStruct(shape, x.dtype)], x)[0]


def taken(numbers: jax.Array, dx: jax.Array, *, window: Window) -> jax.Array:
    """The element of dx (n, *spatial, c) that each window chose; 0 where it chose none."""
    planned = pools.plan(host(), dx.shape, window, dx.dtype.name, "take")
    return _call(*planned, [jax.ShapeDtypeStruct(numbers.shape, dx.dtype)], numbers, dx)[0]


def put(numbers: jax.Array, g: jax.Array, *, window: Window) -> jax.Array:
    """Each g (n, *positions, c), added to the element that its window chose."""
    return _gradient(g, window, numbers)


def spread(g: jax.Array, *, window: Window) -> jax.Array:
    """Each g (n, *positions, c), added to all elements of its window."""
    return _gradient(g, window)


def _gradient(g: jax.Array, window: Window, *numbers: jax.Array) -> jax.Array:
    shape = (g.shape[0], *window.input_size(g.shape[1:-1]), g.shape[-1])
    planned = pool_gradients.plan(host(), shape, window, g.dtype.name, chosen=bool(numbers))
    return _call(*planned, [jax.ShapeDtypeStruct(shape, g.dtype)], *numbers, g)[0]


def _call(kernel: Kernel, plan: Plan, results: list, *arrays: jax.Array) -> list[jax.Array]:
    scratch = jax.ShapeDtypeStruct((plan.scratch,), jnp.uint8)
    call = jax.ffi.ffi_call(registered(kernel), (*results, scratch))
    return list(call(*arrays, plan=plan.encoded())[:-1])
