"""Pictures of disparities beside the truth, and of what block matching says."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.drawing import plots

WORST = 6.0  # pixels of error that are drawn as the last color
EACH = 3  # pairs that are drawn above, and below


def compare_pairs(file: Path, truth: Mapping[str, Any], found: Any, matched: Any) -> None:
    """Draw pairs, the network's best above and its worst below, with the errors of both ways.

    Args:
        file: to write.
        truth: `image` and `disparity`.
        found: by the network, (n, height, width).
        matched: by blocks.
    """
    true = truth["disparity"]
    errors = [np.where(np.isfinite(true), np.abs(maps - true), np.nan) for maps in (found, matched)]
    order = np.argsort(np.nanmean(errors[0], (1, 2)), kind="stable")
    rows = [*order[:EACH], *order[-EACH:]] if len(order) >= 2 * EACH else list(order)
    height, width = true.shape[1:]
    wide = 2.6 if len(rows) > 1 else 4.2
    across, down = (6, len(rows)) if len(rows) > 1 else (3, 2)
    figure = Figure(figsize=(wide * across, wide * down * (height / width + 0.1)))
    figure.set_layout_engine("constrained")
    grid = figure.subplots(down, across, squeeze=False)
    grid = grid if len(rows) > 1 else grid.T.reshape(1, 6)  # one below the other, by columns
    for line, pair in zip(grid, rows):
        known = np.where(np.isfinite(true[pair]), true[pair], np.nan)
        limit = np.nanmax(known)
        line[0].imshow(truth["image"][pair, 0])
        line[0].set_title("left view", fontsize=8)
        shown = (known, found[pair], errors[0][pair], matched[pair], errors[1][pair])
        names = ("truth", "network", "its error", "block matching", "its error")
        for axes, values, name in zip(line[1:], shown, names):
            error = name == "its error"
            drawn = _map(axes, values, "magma" if error else "turbo", WORST if error else limit)
            mean = f" {np.nanmean(values):.2f} px" if error else ""
            axes.set_title(f"{name}{mean}", fontsize=8)
            if error and len(rows) == 1:
                figure.colorbar(drawn, ax=axes, shrink=0.7, label="pixels")
        for axes in line:
            axes.set(xticks=[], yticks=[])
    plots.save(figure, file)


def _map(axes: Axes, values: np.ndarray, colors: str, high: float) -> Any:
    axes.set_facecolor("lightgray")  # where it is unknown
    return axes.imshow(values, cmap=colors, vmin=0, vmax=high, interpolation="nearest")
