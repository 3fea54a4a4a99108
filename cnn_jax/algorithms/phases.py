"""Strides undone phase by phase: transposed convolutions, and inputs with gaps, by XLA.

The gradient of a convolution with stride s is a convolution of the cotangent with s - 1 zeros put
between its elements, and XLA on CPU multiplies by the zeros (or leaves its fast path because of
them). At all positions with the same remainder modulo s, the same taps meet elements and all others
meet zeros. So each such phase is an ordinary convolution with a part of the taps, computed here by
XLA, and the phases are interleaved (`parts.gaps`).
"""

import jax

from cnn_jax.geometry import Window

from . import xla
from ._contract import Algorithm, Problem
from .parts.backwards import backwards
from .parts.gaps import in_phases


def unsupported(problem: Problem) -> str | None:
    """Why this algorithm does not compute `problem`, or None if it does."""
    window = problem.window
    steps = zip(window.stride, window.base_dilation)
    return (
        "it takes a stride or gaps in the input, not both"
        if any(s > 1 < b for s, b in steps)
        else None
    )


def output(x: jax.Array, kernel: jax.Array, window: Window, groups: int) -> jax.Array:
    """The convolution of an input with gaps, x (n, *spatial, c), into (n, *positions, o)."""
    return in_phases(xla.output)(x, kernel, window, groups)


def input_grad(kernel: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
    """The convolution of g, with stride - 1 zeros between its elements, with the flipped kernel."""
    return backwards(output, kernel, g, window, groups)


ALGORITHM = Algorithm(
    output=output,
    input_grad=input_grad,
    kernel_grad=xla.kernel_grad,
    widens=True,
    unsupported=unsupported,
)
