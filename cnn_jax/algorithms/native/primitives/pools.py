"""Pools as JAX knows them: primitives that can be differentiated and batched in every mode.

An FFI call can be neither, so these stand between. A maximum is not linear, but its derivative is:

    pool     x -> y, and if it is to be differentiated the number of the tap that each window chose
    taken    numbers, dx -> dy       dy[p] is the element of dx that the window at p chose
    put      numbers, g -> dx        its transpose, the gradient: each g goes where it came from
    sums     x -> y                  a sum pool, over a divisor
    spread   g -> dx                 its transpose

`taken` and `put` are linear in their second array and each other's transposes; so are `sums` and
`spread`. That gives every mode and every order. Images that are mapped join the batch axis.
"""

import math
from functools import partial

import jax
import numpy as np
from jax.interpreters import ad

from cnn_jax.geometry import Window

from ..._contract import Problem
from ...parts.mesh_axes import vary_alike
from . import plain_pools
from .plain_pools import NOWHERE
from .primitive import primitive

# A window of more taps, whose neighbors overlap, is pooled axis by axis.
MOST_TAPS = 20


def unsupported(problem: Problem) -> str | None:
    """Why the kernels do not compute this pool, or None if they do."""
    if problem.window.rank > 3:
        return "its pools have at most 3 spatial axes"
    if problem.side != "sum_pool" and max(problem.window.size, default=1) > NOWHERE:
        return f"its maxima have at most {NOWHERE} taps on an axis"
    return None


def max_pool(x: jax.Array, window: Window) -> jax.Array:
    """The largest element of each window; x (n, *spatial, c) -> (n, *positions, c)."""
    return _extreme("max", x, window)


def min_pool(x: jax.Array, window: Window) -> jax.Array:
    """The smallest element of each window; x (n, *spatial, c) -> (n, *positions, c)."""
    return _extreme("min", x, window)


def sum_pool(x: jax.Array, window: Window, divisor: int = 1) -> jax.Array:
    """The sum of each window over `divisor`; x (n, *spatial, c) -> (n, *positions, c)."""
    *first, last = steps(window, math.inf) or [window]
    for step in first:
        x = sums.bind(x, window=step, divisor=1)
    return sums.bind(x, window=last, divisor=divisor)


def _extreme(kind: str, x: jax.Array, window: Window) -> jax.Array:
    for step in steps(window, NOWHERE):
        (x,) = pool.bind(x, window=step, kind=kind, notes=False)
    return x


def steps(window: Window, most: float) -> list[Window]:
    """The window itself, or one window for each axis, the last axis first.

    A sum is a sum of sums, and the first maximum of a window lies in the first row that holds it
    and is the first in that row. So pooling axis by axis finds the same, with fewer taps where
    windows overlap.

    Args:
        window: the window.
        most: the taps that a window may have at most.
    """
    apart = all(extent <= s for extent, s in zip(window.extent, window.stride))
    taps = math.prod(window.size)
    if taps <= (most if apart else MOST_TAPS):
        return [window]
    by_axis = (window.on_axis(axis) for axis in reversed(range(window.rank)))
    return [step for step in by_axis if _moves(step)]


def _moves(window: Window) -> bool:
    """Whether a pool with this window changes anything."""
    return max(*window.size, *window.stride) > 1 or any(map(any, window.padding))


def _shape(x, window: Window) -> tuple[int, ...]:
    return (x.shape[0], *window.output_size(x.shape[1:-1]), x.shape[-1])


def _pooled(x, *, window: Window, kind: str, notes: bool) -> list:
    shape = _shape(x, window)
    return [x.update(shape=shape), *([x.update(shape=shape, dtype=np.dtype("uint8"))] * notes)]


def _taken(numbers, dx, *, window: Window):
    return dx.update(shape=numbers.shape)


def _summed(x, *, window: Window, divisor: int):
    return x.update(shape=_shape(x, window))


def _spread(g, *, window: Window, divisor: int = 1):
    return g.update(shape=(g.shape[0], *window.input_size(g.shape[1:-1]), g.shape[-1]))


pool = primitive("pool", _pooled, plain_pools.pool, multiple_results=True)
taken = primitive("taken", _taken, plain_pools.taken)
put = primitive("put", lambda _, g, *, window: _spread(g, window=window), plain_pools.put)
sums = primitive("sums", _summed, plain_pools.sums)
spread = primitive("spread", _spread, plain_pools.spread)


# -- derivatives


def _pool_tangent(primals, tangents, *, window: Window, kind: str, notes: bool):
    (x,), (dx,) = primals, tangents
    y, numbers = pool.bind(x, window=window, kind=kind, notes=True)
    dy = taken.bind(*vary_alike(numbers, ad.instantiate_zeros(dx)), window=window)
    if not notes:
        return [y], [dy]
    return [y, numbers], [dy, ad.Zero(jax.typeof(numbers).to_tangent_aval())]


def _linear_tangent(linear, primals, tangents, **params):
    """Of a function that is linear in its second array, and has whole numbers as its first."""
    (numbers, array), (_, tangent) = primals, tangents
    result = linear.bind(numbers, array, **params)
    return result, linear.bind(*vary_alike(numbers, ad.instantiate_zeros(tangent)), **params)


def _transposed(other, cotangent, numbers, array, **params):
    if isinstance(cotangent, ad.Zero):
        return None, ad.Zero(array.aval)
    return None, other.bind(*vary_alike(numbers, cotangent), **params)


ad.primitive_jvps[pool] = _pool_tangent
for linear, other in ((taken, put), (put, taken)):
    ad.primitive_jvps[linear] = partial(_linear_tangent, linear)
    ad.primitive_transposes[linear] = partial(_transposed, other)
for linear, other in ((sums, spread), (spread, sums)):
    ad.deflinear2(linear, lambda g, _, *, other=other, **params: [other.bind(g, **params)])
