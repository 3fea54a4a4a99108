"""Workarounds for XLA's partitioner where an image is split over devices.

Under `jax.jit` over several devices XLA's partitioner divides each operation. Two of its rules are
wrong where rows or columns of an image are split (jaxlib 0.7.2 to 0.10.2, in all backends, since it
runs before any of them; `tests/test_known_xla_disagreements.py` shows both):

* An array that is padded twice by the same amounts, with two values, is padded once, with the first
  value. That holds for `lax.pad`, `lax.reduce_window` and convolutions alike: if a maximum and a
  convolution have the same window, both are padded with -inf. See `own_copy`.
* A convolution whose kernel has split spatial axes, such as a kernel gradient, is summed over all
  devices, even over those that hold the same part. See `spatially_whole`.

On one device neither function changes the program, since XLA on CPU drops the barriers before it
fuses; but a kernel gradient of one image copies that image.
"""

import math

import jax
import jax.numpy as jnp
from jax import lax

from .mesh_axes import varies


def own_copy(x: jax.Array) -> jax.Array:
    """`x` as an array of its own, whose padding the partitioner does not merge with another's."""
    return lax.optimization_barrier(x)


def spatially_whole(x: jax.Array) -> jax.Array:
    """`x` (n, *spatial, c) with its spatial axes whole on every device; images stay split.

    The batch and spatial axes are merged into one axis, which is split into them again: XLA keeps
    the sharding of the first factor only, the batch. There is a barrier before that too: XLA on CPU
    (jaxlib 0.10.2) mixes up elements where it joins the caller's own reshape to these.
    """
    if x.ndim < 3 or x.size == 0:
        return x
    images = x if len(x) > 1 else jnp.concatenate([x, x])  # an axis of length 1 is no factor
    images = lax.optimization_barrier(images)
    flat = lax.optimization_barrier(images.reshape(-1, x.shape[-1]))
    return flat.reshape(images.shape)[: len(x)]


def parts_of(x: jax.Array) -> int:
    """Into how many equal parts the images of `x` may be split over the devices.

    Whether they are is decided when the program is compiled. In `jax.shard_map` they are not: each
    device has images of its own.
    """
    return 1 if varies(x) else math.gcd(len(x), jax.device_count())
