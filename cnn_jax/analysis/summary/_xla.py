"""XLA's own count of operations, and how it relates to the multiply-adds."""

from dataclasses import dataclass

import jax

from cnn_jax import functional as F

from ..program import Apart


@dataclass(frozen=True)
class XlaCost:
    """XLA's count of floating-point operations.

    ``flops = 2 * macs_inside + others``: XLA counts a multiply-add as two operations and leaves
    out taps on padding; the others are biases, pooling and elementwise operations.

    Attributes:
        flops: XLA's count for the program before it is optimized.
        macs_inside: multiply-adds without taps on padding.
    """

    flops: int
    macs_inside: int

    @property
    def others(self) -> int:
        """Operations that are no multiply-adds."""
        return self.flops - 2 * self.macs_inside


def xla_cost(apart: Apart, macs_inside: int) -> XlaCost:
    """Ask XLA for its count of a function's operations; nothing is compiled."""
    with F.using(algorithm="xla"):
        lowered = jax.jit(apart.call).lower(apart.arrays, *apart.data)
    counted = lowered.cost_analysis() or {}
    return XlaCost(round(counted.get("flops", 0)), macs_inside)
