"""Maxima and minima that keep a NaN, and the derivative that their pools share."""

import math
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import DTypeLike

from cnn_jax.geometry import Window

from .taps import gathered, padded, taps

Pool = Callable[[jax.Array, Window], jax.Array]


def larger(a: jax.Array, b: jax.Array) -> jax.Array:
    """The larger of two values; NaN if either is NaN."""
    return lax.select((a >= b) | (a != a), a, b)


def smaller(a: jax.Array, b: jax.Array) -> jax.Array:
    """The smaller of two values; NaN if either is NaN."""
    return lax.select((a <= b) | (a != a), a, b)


def lowest(dtype: DTypeLike) -> np.number:
    """The lowest value of `dtype`, -inf if it has one: the identity of `larger`."""
    return _limit(dtype, -1)


def highest(dtype: DTypeLike) -> np.number:
    """The highest value of `dtype`, inf if it has one: the identity of `smaller`."""
    return _limit(dtype, 1)


def differentiable(pool: Pool) -> Pool:
    """Give a maximum or minimum pool its derivative: that of the first extreme of each window.

    The pool picks one element of each window, so its tangent picks the same one:

        dy[p] = sum over taps t of first_extreme[t, p] * dx[p*s + t*d]

    where `first_extreme` is 1 at the first tap, in row-major order, that holds the window's extreme
    (as in PyTorch and `lax.reduce_window`; padding never counts). That is linear in dx, so every
    mode and order of differentiation follows from ordinary operations.
    """

    @partial(jax.custom_jvp, nondiff_argnums=(1,))
    def extreme(x: jax.Array, window: Window) -> jax.Array:
        return pool(x, window)

    @extreme.defjvp
    def tangent(window, primals, tangents):
        (x,), (dx,) = primals, tangents
        if window.covers(x.shape[1:-1]):
            y = extreme(x, window)
            return y, at_first_extreme(x, y, dx, window)
        y = extreme(x, window)
        for step in _steps(window):
            of_step = y if step == window else extreme(x, step)
            to_first = partial(to_first_extreme, x, of_step, window=step)
            (dx,) = jax.linear_transpose(to_first, of_step)(dx)
            x = of_step
        return y, dx

    def integers_have_no_tangent(x: jax.Array, window: Window) -> jax.Array:
        return (extreme if jnp.issubdtype(x.dtype, jnp.inexact) else pool)(x, window)

    return integers_have_no_tangent


def _steps(window: Window) -> list[Window]:
    """The window itself; if windows overlap, one window for each axis, the last axis first.

    The first maximum of a window lies in the first row that holds it, and is the first in that row.
    So pooling axis by axis finds the same element, with fewer taps.
    """
    if all(extent <= s for extent, s in zip(window.extent, window.stride)):
        return [window]
    return [window.on_axis(axis) for axis in reversed(range(window.rank))]


def to_first_extreme(x: jax.Array, y: jax.Array, g: jax.Array, *, window: Window) -> jax.Array:
    """The gradient of a maximum or minimum pool: add each g to the first extreme of its window.

    Args:
        x: (n, *spatial, c).
        y: (n, *positions, c), the extremes.
        g: (n, *positions, c).
        window: an exact window without base dilation.

    Returns:
        (n, *spatial, c).
    """
    positions, inside = y.shape[1:-1], jnp.ones((1, *x.shape[1:-1], 1), bool)
    elements = taps(padded(x, window), window, positions)
    found, given = jnp.zeros(y.shape, bool), []
    for element, real in zip(elements, taps(padded(inside, window), window, positions)):
        first = _is_extreme(element, y) & real & ~found
        found |= first
        given.append(jnp.where(first, g, jnp.zeros_like(g)))
    return gathered(given, window, x.shape[1:-1])


def at_first_extreme(x: jax.Array, y: jax.Array, values: jax.Array, window: Window) -> jax.Array:
    """Pick, for each window, the entry of `values` at the place of its first extreme in x.

    Args:
        x: (n, *spatial, c).
        y: (n, *positions, c), the extremes.
        values: an array like x; one image or one channel in it serves for all.
        window: an exact window.

    Returns:
        (n, *positions, c), of the dtype of `values`; 0 where a window holds nothing but padding.
    """
    if window.covers(x.shape[1:-1]):
        return _at_first_of_whole(x, y, jnp.broadcast_to(values, x.shape), window)
    positions = y.shape[1:-1]
    inside = padded(jnp.ones((1, *x.shape[1:-1], 1), bool), window)
    x, values = padded(x, window), padded(values, window)
    found = jnp.zeros(y.shape, bool)
    picked = jnp.zeros(y.shape, values.dtype)
    for element, value, real in zip(*(taps(a, window, positions) for a in (x, values, inside))):
        first = _is_extreme(element, y) & real & ~found
        found |= first
        picked += jnp.where(first, value, jnp.zeros_like(value))
    return picked


def _at_first_of_whole(x: jax.Array, y: jax.Array, values: jax.Array, window: Window) -> jax.Array:
    # A window that is the whole input has thousands of taps but one position: use an argmax.
    flat = (len(x), math.prod(window.size), x.shape[-1])
    first = jnp.argmax(_is_extreme(x, y).reshape(flat), axis=1, keepdims=True)
    return jnp.take_along_axis(values.reshape(flat), first, axis=1).reshape(y.shape)


def _is_extreme(value: jax.Array, extreme: jax.Array) -> jax.Array:
    return (value == extreme) | (value != value)


def _limit(dtype: DTypeLike, sign: int) -> np.number:
    scalar = jnp.dtype(dtype).type
    if jnp.issubdtype(dtype, jnp.floating) and np.isinf(scalar(np.inf)):
        return scalar(sign * np.inf)
    # Some floats of 8 bits have no infinity.
    info = jnp.finfo(dtype) if jnp.issubdtype(dtype, jnp.floating) else jnp.iinfo(dtype)
    return scalar(info.max if sign > 0 else info.min)
