"""Convolution and pooling for JAX: one signature, every algorithm, proven equal.

The contract, everywhere in the library:

- Arrays are channels last: ``x`` is ``(*batch, *spatial, channels)`` with any number of batch axes,
  none included; a kernel is ``(*window, in_channels // groups, out_channels)``. The spatial rank
  comes from the kernel or from the length of a window, never from ``x``.
- Arrays are positional, options keyword-only. A per-axis option takes an int for all axes or one
  entry per spatial axis.
- Results have the input's dtype; sums of bfloat16 and float16 run in float32; convolutions of
  narrow integers return int32.
- Every function is pure and works under ``jit``, ``grad``, ``jvp``, ``vmap``, ``scan`` and
  ``shard_map``, to any order.
- A wrong call raises ``ValueError`` or ``TypeError`` that names the argument and the rule.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .algorithms._tuning.measure import autotune as autotune

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "autotune":  # which needs JAX and every algorithm: imported when first asked for
        from .algorithms._tuning.measure import autotune

        return autotune
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
