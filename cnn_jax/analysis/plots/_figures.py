"""Figures that stand alone: no window, no state that outlives them."""

from os import PathLike
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cnn_jax import files

# Light to dark in gray as well.
COLORS = "viridis"


def figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, Any]:
    """A figure of so many inches, and an array (rows, columns) of its axes."""
    made = Figure(figsize=(width, height), layout="constrained")
    return made, made.subplots(rows, columns, squeeze=False)


def finished(made: Figure, path: str | PathLike | None) -> Figure:
    """The figure, written to `path` if there is one."""
    if path is not None:
        with files.replacing(path) as new:
            made.savefig(new, dpi=150)
    return made


def found_by(function: str, found: Any, kind: type) -> Any:
    """`found`, if it is of the kind that a function of the analysis returns.

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
    """Leave nothing of some axes but what is drawn in them."""
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_color("0.8")
    axes.set_title(title, fontsize="small")
