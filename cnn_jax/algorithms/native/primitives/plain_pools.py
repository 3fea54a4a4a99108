"""What the kernels of pools compute, in plain JAX: for other platforms and exported programs."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from cnn_jax.geometry import Window

from ... import xla
from ...parts.taps import gathered, padded, taps

NOWHERE = 255  # the number that is noted where a window holds nothing but padding


def pool(x: jax.Array, *, window: Window, kind: str, notes: bool) -> list[jax.Array]:
    """The extremes, and if it `notes` them the numbers of their taps, as uint8."""
    y = (xla.max_pool if kind == "max" else xla.min_pool)(x, window)
    return [y, _numbers(x, y, window)] if notes else [y]


def _numbers(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    positions = y.shape[1:-1]
    real = taps(padded(jnp.ones((1, *x.shape[1:-1], 1), bool), window), window, positions)
    numbers = jnp.full(y.shape, NOWHERE, jnp.uint8)
    for number, (element, inside) in enumerate(
        zip(taps(padded(x, window), window, positions), real)
    ):
        is_extreme = ((element == y) | (element != element)) & inside
        numbers = jnp.where(is_extreme & (numbers == NOWHERE), jnp.uint8(number), numbers)
    return numbers


def taken(numbers: jax.Array, dx: jax.Array, *, window: Window) -> jax.Array:
    """The element of dx that each window chose; 0 where it chose none."""
    if window.covers(dx.shape[1:-1]):
        chosen = jnp.where(_places(dx.shape) == numbers, dx, jnp.zeros_like(dx))
        return chosen.sum(range(1, dx.ndim - 1), keepdims=True)
    y = jnp.zeros(numbers.shape, dx.dtype)
    for number, element in enumerate(taps(padded(dx, window), window, numbers.shape[1:-1])):
        y = jnp.where(numbers == number, element, y)
    return y


def put(numbers: jax.Array, g: jax.Array, *, window: Window) -> jax.Array:
    """Each g, added to the element that its window chose."""
    spatial = window.input_size(g.shape[1:-1])
    if window.covers(spatial):
        shape = (g.shape[0], *spatial, g.shape[-1])
        return jnp.where(_places(shape) == numbers, g, jnp.zeros_like(g))
    zero = jnp.zeros_like(g)
    given = [jnp.where(numbers == tap, g, zero) for tap in range(math.prod(window.size))]
    return gathered(given, window, spatial)


def _places(shape: tuple[int, ...]) -> np.ndarray:
    """The number of each place of a feature map (n, *spatial, c), in row-major order."""
    spatial = shape[1:-1]
    return np.arange(math.prod(spatial), dtype=np.uint8).reshape(1, *spatial, 1)


def sums(x: jax.Array, *, window: Window) -> jax.Array:
    """The sum of each window."""
    return xla.sum_pool(x, window)


def spread(g: jax.Array, *, window: Window) -> jax.Array:
    """The transpose of `sums`."""
    return gathered([g] * math.prod(window.size), window, window.input_size(g.shape[1:-1]))
