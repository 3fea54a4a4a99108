"""Results that are computed once, however many operations read them."""

from collections.abc import Callable
from functools import wraps

import jax
import jax.numpy as jnp
from jax import lax

from cnn_jax.geometry import Window

from ._blocks import in_loop
from ._sides import vary_alike


def kept(side: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """A side of a convolution whose result XLA on CPU stores instead of computing it anew.

    A sum of shifted products is elementwise, and XLA fuses what is elementwise into every operation
    that reads it: a normalization, an activation, its mask in the backward pass, each tap of a
    pool. Each would compute the convolution again, for every element that it reads. Optimization
    barriers are removed before fusion, but a conditional is not fused into. So this is one, on a
    condition that always holds, for reasons that the compiler does not know. A training step of
    LeNet-5 takes 6.9 ms with it and 17.5 without.
    """

    @wraps(side)
    def stored(a: jax.Array, b: jax.Array, window: Window, groups: int) -> jax.Array:
        def compute(a: jax.Array, b: jax.Array) -> jax.Array:
            return side(a, b, window, groups)

        like = jax.eval_shape(compute, a, b)
        zeros = vary_alike(jnp.zeros(like.shape, like.dtype), a, b)[0]
        return lax.cond(_always(a), in_loop(compute), lambda *_: zeros, a, b)

    return stored


def _always(array: jax.Array) -> jax.Array:
    """True: the last bit of a number is less than 2."""
    number = lax.slice(array, (0,) * array.ndim, (1,) * array.ndim).reshape(()).real
    return (lax.bitcast_convert_type(number.astype(jnp.float32), jnp.int32) & 1) < 2
