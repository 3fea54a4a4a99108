"""Pictures that several sections need."""

import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

NODE = {"boxstyle": "circle", "facecolor": "white", "edgecolor": "0.4"}
CHOSEN = NODE | {"facecolor": "#ffe08a"}


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


def nodes(
    axes: Any,
    places: Sequence[float],
    values: Iterable[float],
    height: float = 0,
    chosen: Collection[int] = (),
) -> None:
    """Draw the nodes of a layer beside each other.

    Args:
        axes: to draw on.
        places: of the nodes, from left to right.
        values: written into them.
        height: of the layer.
        chosen: indices of nodes to color.
    """
    for number, (place, value) in enumerate(zip(places, values)):
        box = CHOSEN if number in chosen else NODE
        axes.text(place, height, f"{value:g}", ha="center", va="center", bbox=box)


def arrows(
    axes: Any,
    matrix: Any,
    places: tuple[Sequence[float], Sequence[float]],
    color: Callable[[int, int], str],
    height: float = 0,
) -> None:
    """Draw an arrow for each connection of a layer with the one above it.

    Args:
        axes: to draw on.
        matrix: (nodes above, nodes below) of booleans: what is connected.
        places: of the nodes below and of those above, from left to right.
        color: of the arrow to a node above from one below, by their indices.
        height: of the layer below; the other is higher by 1.
    """
    below, above = places
    for output, node in np.argwhere(matrix):
        ends = {"xy": (above[output], height + 0.88), "xytext": (below[node], height + 0.12)}
        style = {"arrowstyle": "->", "color": color(output, node)}
        axes.annotate("", **ends, arrowprops=style)
