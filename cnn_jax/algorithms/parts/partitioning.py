"""What keeps XLA's partitioner right where an image is split over devices.

Under `jax.jit` over several devices XLA divides each operation by itself. Two of its rules are
wrong where rows or columns of an image are split (jaxlib 0.7.2 to 0.10.2, in all backends, since
they come before any backend; `tests/test_known_xla_disagreements.py` shows both):

* An array that is padded twice by the same amounts is padded once, by the value that came first.
  That holds for `lax.pad`, `lax.reduce_window` and convolutions alike: a maximum beside a
  convolution of the same window pads both with -inf. See `own_copy`.
* A convolution whose kernel has split spatial axes, as a kernel gradient has, is summed over all
  devices, those included that hold the same part. See `spatially_whole`.

On one device both leave the program as it was, since XLA on CPU drops the barriers before it fuses;
a kernel gradient of one image copies that image.
"""

import jax
import jax.numpy as jnp
from jax import lax


def own_copy(x: jax.Array) -> jax.Array:
    """`x`, as another array to the partitioner: one that nobody else pads, with another value."""
    return lax.optimization_barrier(x)


def spatially_whole(x: jax.Array) -> jax.Array:
    """`x` (n, *spatial, c) with its spatial axes whole on every device; images stay split.

    Images and spatial axes become one axis and two again. Of an axis that is split, XLA can only
    tell how its first factor was split, which are the images. A barrier before that, too: XLA on
    CPU (jaxlib 0.10.2) mixes up elements where the caller's own reshape is joined to these.
    """
    if x.ndim < 3 or x.size == 0:
        return x
    images = x if len(x) > 1 else jnp.concatenate([x, x])  # one image is no factor
    images = lax.optimization_barrier(images)
    flat = lax.optimization_barrier(images.reshape(-1, x.shape[-1]))
    return flat.reshape(images.shape)[: len(x)]
