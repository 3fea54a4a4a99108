"""What the kernels of pools compute, in plain JAX: for other platforms and exported programs."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from cnn_jax.geometry import Window, fit

from ... import xla
from ...parts.taps import crop, gathered, padded, taps, uncropped

NOWHERE = 255  # the number that is noted where a window holds nothing but padding


def pool(x: jax.Array, *, window: Window, kind: str, notes: bool) -> list[jax.Array]:
    """The extremes, and if it `notes` them the numbers of their taps, as uint8."""
    x, window = _seen(x, window)
    y = (xla.max_pool if kind == "max" else xla.min_pool)(x, window)
    return [y, _numbers(x, y, window)] if notes else [y]


def taken(numbers: jax.Array, dx: jax.Array, *, window: Window) -> jax.Array:
    """The element of dx that each window chose; 0 where it chose none."""
    dx, window = _seen(dx, window)
    if window.covers(dx.shape[1:-1]):
        chosen = jnp.where(_places(dx.shape) == numbers, dx, jnp.zeros_like(dx))
        return chosen.sum(range(1, dx.ndim - 1), keepdims=True)
    y = jnp.zeros(numbers.shape, dx.dtype)
    for number, element in enumerate(taps(padded(dx, window), window, numbers.shape[1:-1])):
        y = jnp.where(numbers == number, element, y)
    return y


def put(numbers: jax.Array, g: jax.Array, *, window: Window) -> jax.Array:
    """Each g, added to the element that its window chose."""
    zero = jnp.zeros_like(g)

    def given(tap: int) -> jax.Array:
        return jnp.where(numbers == tap, g, zero)

    def covered(shape: tuple[int, ...]) -> jax.Array:
        return jnp.where(_places(shape) == numbers, g, zero)

    return _gathered(given, covered, g, window)


def sums(x: jax.Array, *, window: Window, divisor: int) -> jax.Array:
    """The sum of each window, over the divisor."""
    return xla.sum_pool(*_seen(x, window)) / divisor


def spread(g: jax.Array, *, window: Window, divisor: int) -> jax.Array:
    """The transpose of `sums`."""
    g = g / divisor
    return _gathered(lambda tap: g, lambda shape: jnp.broadcast_to(g, shape), g, window)


def _seen(x: jax.Array, window: Window) -> tuple[jax.Array, Window]:
    """The elements that windows see, and the window on them: without negative padding."""
    drops, exact = fit(window, x.shape[1:-1])
    return crop(x, drops), exact


def _gathered(
    given: Callable[[int], jax.Array],
    covered: Callable[[tuple[int, ...]], jax.Array],
    g: jax.Array,
    window: Window,
) -> jax.Array:
    """What each tap gives to its element; `covered` where one window is the whole input."""
    positions = g.shape[1:-1]
    whole = window.input_size(positions)
    drops, exact = fit(window, whole, positions)
    spatial = exact.input_size(positions)
    if exact.covers(spatial):
        dx = covered((g.shape[0], *spatial, g.shape[-1]))
    else:
        dx = gathered([given(tap) for tap in range(math.prod(exact.size))], exact, spatial)
    return uncropped(dx, drops)


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


def _places(shape: tuple[int, ...]) -> np.ndarray:
    """The number of each place of a feature map (n, *spatial, c), in row-major order."""
    spatial = shape[1:-1]
    return np.arange(math.prod(spatial), dtype=np.uint8).reshape(1, *spatial, 1)
