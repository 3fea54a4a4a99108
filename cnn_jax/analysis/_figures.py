"""Figures that stand alone: no window, no state that outlives them."""

from os import PathLike
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Light to dark in gray as well.
COLORS = "viridis"


def figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, Any]:
    """A figure of so many inches, and an array (rows, columns) of its axes."""
    made = Figure(figsize=(width, height), layout="constrained")
    return made, made.subplots(rows, columns, squeeze=False)


def finished(made: Figure, path: str | PathLike | None) -> Figure:
    """The figure, written to `path` if there is one."""
    if path is not None:
        made.savefig(path, dpi=150)
    return made


def bare(axes: Axes, title: str = "") -> None:
    """Leave nothing of some axes but what is drawn in them."""
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_color("0.8")
    axes.set_title(title, fontsize="small")
