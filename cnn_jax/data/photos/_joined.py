"""`Joined`: photographs of several sizes as one array, of which parts are cut out on the device."""

from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer


class Joined(NamedTuple):
    """The pixels of photographs, row after row, one photograph after the other.

    A program that has them inside is as large as their pixels, and no larger: XLA compiles it for
    seconds longer if they are filled up to the size of the largest.
    """

    pixels: jax.Array
    """(n, channels), of all photographs."""
    first: jax.Array
    """(k,) int32: the number of the first pixel of each."""
    sizes: jax.Array
    """(k, 2) int32: the height and width of each."""

    @classmethod
    def of(cls, photographs: Sequence[jax.Array | np.ndarray]) -> "Joined":
        """Join photographs (height, width, channels) of one dtype and as many channels."""
        traced = any(isinstance(photograph, Tracer) for photograph in photographs)
        ours = jnp if traced else np  # XLA would join them anew in each program
        flat = [ours.reshape(p, (-1, p.shape[-1])) for p in photographs]
        first = [0, *accumulate(len(pixels) for pixels in flat)][:-1]
        sizes = np.array([p.shape[:2] for p in photographs], np.int32)
        return cls(
            jnp.asarray(ours.concatenate(flat)), jnp.array(first, jnp.int32), jnp.asarray(sizes)
        )

    def cut(self, number: jax.Array, corner: jax.Array, size: int) -> jax.Array:
        """Cut out a square.

        Args:
            number: () int32, of the photograph.
            corner: (2,) int32: the row and column of the square's first pixel.
            size: height and width of the square, which lies in the photograph.

        Returns:
            (size, size, channels).
        """
        width = self.sizes[number, 1]
        starts = (
            self.first[number] + corner[1] + width * (corner[0] + jnp.arange(size, dtype=jnp.int32))
        )
        row = partial(lax.dynamic_slice_in_dim, self.pixels, slice_size=size)
        return jax.vmap(row)(starts)

    def drawn(self, numbers: jax.Array, size: int) -> jax.Array:
        """Cut out a square at random: each photograph is equally likely, and each place in it.

        Args:
            numbers: (3,) in [0, 1): which photograph, and where in it.
            size: height and width of the square.

        Returns:
            (size, size, channels).
        """
        number = jnp.floor(numbers[0] * len(self.sizes)).astype(jnp.int32)
        room = (self.sizes[number] - (size - 1)).astype(jnp.float32)
        return self.cut(number, jnp.floor(numbers[1:] * room).astype(jnp.int32), size)
