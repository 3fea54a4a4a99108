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

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import acceleration as acceleration
    from . import algorithms as algorithms
    from . import analysis as analysis
    from . import data as data
    from . import functional as functional
    from . import geometry as geometry
    from . import models as models
    from . import nn as nn
    from . import tasks as tasks
    from . import training as training
    from .acceleration import accelerate as accelerate
    from .algorithms import autotune as autotune

__version__ = "0.1.0"

_SUBMODULES = (
    "acceleration",
    "algorithms",
    "analysis",
    "data",
    "functional",
    "geometry",
    "models",
    "nn",
    "tasks",
    "training",
)


def __getattr__(name: str) -> Any:
    """A submodule, `accelerate` or `autotune`: imported when first asked for: they need JAX."""
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    if name == "accelerate":
        from .acceleration import accelerate

        return accelerate
    if name == "autotune":
        from .algorithms import autotune

        return autotune
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_SUBMODULES, "accelerate", "autotune"])
