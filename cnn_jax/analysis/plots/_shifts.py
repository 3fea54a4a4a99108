"""Figures of the effect of shifts: on feature maps, on classes, on each layer."""

from collections.abc import Sequence
from os import PathLike

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from ..probes import Equivariance, Invariance, LayerInvariance, Shift
from ._figures import COLORS, figure, finished, found_by

# A heat map with more rows or columns has no numbers in its cells.
MOST_NUMBERS = 9
# So many layers can be told apart in a figure.
MOST_LAYERS = 10


def plot_equivariance(found: Equivariance, *, path: str | PathLike | None = None) -> Figure:
    """Draw the error over the shift: a curve, or a heat map if the shifts are a grid on two axes.

    ```
    >>> import jax
    >>> from cnn_jax import functional as F
    >>> from cnn_jax.analysis import equivariance
    >>> x = jax.random.normal(jax.random.key(0), (8, 1))
    >>> found = equivariance(lambda x: F.max_pool(x, (2,)), x, range(5), boundary="circular")
    >>> plot_equivariance(found).axes[0].get_xlabel()
    'shift along axis 0'

    ```

    Args:
        found: what `equivariance` returns.
        path: where to write the picture, if anywhere.

    Returns:
        The figure. Hollow points are shifts that are no multiple of the effective stride.

    Raises:
        TypeError: if `found` is something else.
        ValueError: if the shifts are neither all of a grid nor all along one line.
    """
    strides = " x ".join(map(str, found_by("equivariance", found, Equivariance).stride))
    title = f"equivariance, {found.boundary}, stride {strides}"
    label = "relative L2 error"
    made = _picture(found.shifts, found.axes, found.errors, found.multiple, title, label)
    return finished(made, path)


def plot_invariance(found: Invariance, *, path: str | PathLike | None = None) -> Figure:
    """Draw how often the class stays the same over the shift: a curve, or a heat map.

    ```
    >>> import jax
    >>> from cnn_jax.analysis import invariance
    >>> x = jax.random.normal(jax.random.key(0), (4, 6, 2))
    >>> found = invariance(lambda x: x.mean(axis=1), x, range(3))
    >>> plot_invariance(found).axes[0].get_title()
    'invariance, circular, consistency 100.0 %'

    ```

    Args:
        found: what `invariance` returns.
        path: where to write the picture, if anywhere.

    Returns:
        The figure.

    Raises:
        TypeError: if `found` is something else.
        ValueError: if the shifts are neither all of a grid nor all along one line.
    """
    title = f"invariance, {found_by('invariance', found, Invariance).boundary}"
    if found.consistency is not None:
        title += f", consistency {100 * found.consistency:.1f} %"
    every = np.ones(len(found.shifts), bool)
    made = _picture(found.shifts, found.axes, found.agreement, every, title, "same class")
    return finished(made, path)


def plot_invariance_by_layer(
    found: LayerInvariance, *, path: str | PathLike | None = None
) -> Figure:
    """Draw how much each layer changes over the shift: a curve for each, the first ones dark.

    ```
    >>> import jax
    >>> from cnn_jax.analysis import invariance_by_layer
    >>> x = jax.random.normal(jax.random.key(0), (1, 8, 2))
    >>> found = invariance_by_layer(lambda x: {"x": x, "mean": x.mean(1)}, x, range(4))
    >>> [line.get_label() for line in plot_invariance_by_layer(found).axes[0].lines]
    ['x', 'mean']

    ```

    Args:
        found: what `invariance_by_layer` returns; of more than 10 layers 10 are drawn, from the
            first to the last.
        path: where to write the picture, if anywhere.

    Returns:
        The figure.

    Raises:
        TypeError: if `found` is something else.
        ValueError: if the shifts are not all along one line.
    """
    layers = found_by("invariance_by_layer", found, LayerInvariance).layers
    places, name = _along_a_line(found.shifts, found.axes)
    order = np.argsort(places, kind="stable")
    drawn = np.unique(np.linspace(0, len(layers) - 1, min(len(layers), MOST_LAYERS)).round())
    made, ((ax,),) = figure(6, 3.8)
    for rank, number in enumerate(drawn.astype(int)):
        color = colormaps[COLORS](0.9 * rank / max(len(drawn) - 1, 1))
        values = found.changes[number, order]
        label = layers[number] or "the output"
        ax.plot(places[order], values, marker=".", color=color, label=label)
    made.legend(loc="outside right center", frameon=False, fontsize="small")
    ax.set_ylim(bottom=0)
    ax.set(xlabel=name, ylabel="relative L2 change")
    ax.set_title(f"invariance by layer, {found.boundary}", fontsize="medium")
    ax.xaxis.get_major_locator().set_params(integer=True)
    return finished(made, path)


def _picture(
    shifts: Sequence[Shift],
    axes: tuple[int, ...],
    values: np.ndarray,
    filled: np.ndarray,
    title: str,
    label: str,
) -> Figure:
    places = np.array(shifts)
    varying = [i for i in range(places.shape[1]) if len(set(places[:, i])) > 1]
    if len(varying) == 2:
        rows, columns = (np.unique(places[:, i]) for i in varying)
        if len(shifts) == len(rows) * len(columns) == len(set(shifts)):
            names = [f"shift along axis {axes[i]}" for i in varying]
            order = np.lexsort((places[:, varying[1]], places[:, varying[0]]))
            grid = values[order].reshape(len(rows), len(columns))
            return _heat_map(grid, rows, columns, names, title, label)
    along, name = _along_a_line(shifts, axes)
    return _line(along, values, filled, name, title, label)


def _along_a_line(shifts: Sequence[Shift], axes: tuple[int, ...]) -> tuple[np.ndarray, str]:
    """How far each shift is, and along what, if they are all along one axis or all axes."""
    places = np.array(shifts)
    varying = [i for i in range(places.shape[1]) if len(set(places[:, i])) > 1]
    first = (varying or [0])[0]
    if any((places[:, i] != places[:, first]).any() for i in varying):
        raise ValueError(
            "`found` must hold all shifts of a grid on two axes, or shifts along one axis or as "
            f"far along all, to be drawn; got {list(shifts)[:6]} and so on."
        )
    along = "all axes at once" if len(varying) > 1 else f"axis {axes[first]}"
    return places[:, first], f"shift along {along}"


def _line(
    shifts: np.ndarray, values: np.ndarray, filled: np.ndarray, name: str, title: str, label: str
) -> Figure:
    made, ((ax,),) = figure(6, 3.4)
    order = np.argsort(shifts, kind="stable")
    ax.plot(shifts[order], values[order], color="0.6", zorder=1)
    for kind, face, words in (
        (filled, "black", "multiple of the stride"),
        (~filled, "white", "between two units"),
    ):
        if kind.any():
            ax.scatter(
                shifts[kind],
                values[kind],
                facecolor=face,
                edgecolor="black",
                label=words,
                clip_on=False,
                zorder=2,
            )
    if not filled.all():
        made.legend(loc="outside lower center", ncols=2, frameon=False, fontsize="small")
    ax.set_ylim(bottom=0)
    ax.set(xlabel=name, ylabel=label)
    ax.set_title(title, fontsize="medium")
    ax.xaxis.get_major_locator().set_params(integer=True)
    return made


def _heat_map(
    grid: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    names: Sequence[str],
    title: str,
    label: str,
) -> Figure:
    made, ((ax,),) = figure(6, 5)
    image = ax.imshow(grid, cmap=COLORS, vmin=0)
    for places, show in ((columns, ax.set_xticks), (rows, ax.set_yticks)):
        every = -(-len(places) // 12)  # 12 labels at most
        show(range(0, len(places), every), [str(place) for place in places[::every]])
    ax.set(xlabel=names[1], ylabel=names[0])
    ax.set_title(title, fontsize="medium")
    if max(grid.shape) <= MOST_NUMBERS:
        middle = grid.max() / 2
        for (i, j), value in np.ndenumerate(grid):
            color = "white" if value <= middle else "black"
            ax.text(j, i, f"{value:.2f}", ha="center", va="center", color=color, fontsize="small")
    made.colorbar(image, label=label)
    return made
