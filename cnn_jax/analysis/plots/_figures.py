"""Make and save figures, without a window and without global state."""

from os import PathLike
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cnn_jax import files

# Its lightness grows with the value, so it can be printed in gray.
COLORS = "viridis"


def figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, Any]:
    """A figure of this size in inches, and an array (rows, columns) of its axes."""
    made = Figure(figsize=(width, height), layout="constrained")
    return made, made.subplots(rows, columns, squeeze=False)


def finished(made: Figure, path: str | PathLike | None) -> Figure:
    """The figure, written to `path` if there is one."""
    if path is not None:
        with files.replacing(path) as new:
            made.savefig(new, dpi=150)
    return made


def found_by(function: str, found: Any, kind: type) -> Any:
    """`found`, if it is of `kind`, which `function` of the analysis returns.

    Raises:
        TypeError: if it is not.
    """
    if not isinstance(found, kind):
        raise TypeError(
            f"What is to be drawn must be what `{function}` returns; got {type(found).__name__}."
        )
    return found


def pixels(name: str, array: Any, such_as: str) -> np.ndarray:
    """An array of numbers, as float32.

    Raises:
        TypeError: if it is none, such as a module; then `such_as` is suggested.
    """
    if not (hasattr(array, "shape") and hasattr(array, "dtype")):
        raise TypeError(
            f"`{name}` must be an array, such as {such_as}; got {type(array).__name__}."
        )
    return np.asarray(array, np.float32)


def bare(axes: Axes, title: str = "") -> None:
    """Remove the ticks of some axes, lighten the frame, and set the title."""
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_color("0.8")
    axes.set_title(title, fontsize="small")
