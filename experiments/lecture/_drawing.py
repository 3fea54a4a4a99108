"""Pictures that several sections need."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure


def row(
    pictures: Mapping[str, Any], *, columns: int = 4, side: float = 2.2, **shown: Any
) -> Figure:
    """Draw pictures beside each other, each under its name.

    Args:
        pictures: (height, width), (height, width, 1) or (height, width, 3), by name.
        columns: pictures in a line.
        side: the width of each, in inches.
        shown: for Matplotlib's `imshow`; by default gray from black to white.
    """
    columns = min(columns, len(pictures))
    lines = -(-len(pictures) // columns)
    height = side * max(
        np.shape(picture)[0] / np.shape(picture)[1] for picture in pictures.values()
    )
    titles = [textwrap.fill(name, int(13 * side)) for name in pictures]
    above = 0.1 + 0.15 * max(title.count("\n") + 1 for title in titles)
    figure = Figure(figsize=(side * columns, (height + above) * lines), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, title, picture in zip(grid, titles, pictures.values()):
        picture = np.asarray(picture)
        picture = picture[..., 0] if picture.ndim == 3 and picture.shape[-1] == 1 else picture
        axes.imshow(picture, **{"cmap": "gray", "interpolation": "nearest", **shown})
        axes.set_title(title, fontsize=9)
    return figure


def table_of(
    values: Any, axes: Any, title: str = "", marks: Sequence[tuple[int, int]] = ()
) -> None:
    """Write the numbers of a matrix into a grid.

    Args:
        values: (rows, columns).
        axes: to draw on.
        title: above.
        marks: (row, column) of cells to color.
    """
    values = np.asarray(values)
    shades = np.zeros(values.shape)
    for place in marks:
        shades[place] = 1
    axes.imshow(shades, cmap="YlOrBr", vmin=0, vmax=3)
    for (line, column), value in np.ndenumerate(values):
        axes.text(column, line, f"{value:g}", ha="center", va="center", fontsize=8)
    axes.set_xticks(np.arange(values.shape[1] + 1) - 0.5, labels=[])
    axes.set_yticks(np.arange(values.shape[0] + 1) - 0.5, labels=[])
    axes.grid(color="0.7", linewidth=0.5)
    axes.tick_params(length=0)
    axes.set_title(title, fontsize=9)
