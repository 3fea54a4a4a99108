"""Results that are computed once, however many operations read them."""

from collections.abc import Callable
from functools import wraps

import jax
import jax.numpy as jnp
from jax import lax

from cnn_jax.geometry import Window

from .blocks import in_loop
from .mesh_axes import vary_alike


def unfused(side: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """A side of a convolution whose result XLA on CPU stores instead of computing it anew.

    A sum of shifted products is elementwise, and XLA fuses what is elementwise into every operation
    that reads it: a normalization, an activation, its mask in the backward pass, each tap of a
    pool. Each would compute the convolution again, for every element that it reads. Optimization
    barriers are removed before fusion, but a conditional is not fused into. So this is one, on a
    condition that always holds: a barrier hides that while conditionals are simplified. A training
    step of LeNet-5 took 6.9 ms with a conditional and 17.5 without.
    """

    @wraps(side)
    def stored(a: jax.Array, b: jax.Array, window: Window, groups: int) -> jax.Array:
        def compute(a: jax.Array, b: jax.Array) -> jax.Array:
            return side(a, b, window, groups)

        like = jax.eval_shape(compute, a, b)
        zeros = vary_alike(jnp.zeros(like.shape, like.dtype), a, b)[0]
        # Not on a or b, however it were hidden in them: either may be what is transposed.
        always = lax.optimization_barrier(jnp.bool_(True))
        return lax.cond(always, in_loop(compute), lambda *_: zeros, a, b)

    return stored
