"""What a choice of algorithm may depend on: one side of one convolution, or one pool, by shapes."""

import math
from dataclasses import dataclass

import jax.numpy as jnp

from cnn_jax.geometry import Window


@dataclass(frozen=True)
class Problem:
    """One thing to compute, without its numbers.

    Attributes:
        side: a function of an algorithm: ``"output"``, ``"input_grad"``, ``"kernel_grad"`` of a
            convolution, or ``"max_pool"``, ``"min_pool"``, ``"sum_pool"``.
        x: the shape of the input, (n, *spatial, c).
        kernel: that of the kernel, (*size, c // groups, o); empty for a pool.
        window: an exact window.
        groups: how many groups the channels fall into.
        dtype: the name of the dtype that is computed in.
    """

    side: str
    x: tuple[int, ...]
    kernel: tuple[int, ...]
    window: Window
    groups: int
    dtype: str

    @property
    def positions(self) -> tuple[int, ...]:
        """The number of positions on each axis."""
        return self.window.output_size(self.x[1:-1])

    @property
    def taps(self) -> int:
        """The number of taps of the window."""
        return math.prod(self.window.size)

    @property
    def itemsize(self) -> int:
        """Bytes of a number."""
        return jnp.dtype(self.dtype).itemsize

    @property
    def is_float(self) -> bool:
        return jnp.issubdtype(jnp.dtype(self.dtype), jnp.floating)

    @property
    def multiplications(self) -> int:
        """Products of an element and a weight, those with padding counted: the MACs."""
        return self.x[0] * math.prod(self.positions) * math.prod(self.kernel)
