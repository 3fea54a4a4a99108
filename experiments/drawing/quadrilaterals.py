"""Pictures of two views of a plane: where the second one lies in the first, and both as one."""

from collections.abc import Mapping
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cnn_jax.tasks import homography
from experiments.baselines import keypoints
from experiments.drawing import plots

EACH = 6  # pairs of the best, and of the worst
GRAY = {"cmap": "gray", "vmin": 0, "vmax": 255}


def chosen(errors: np.ndarray) -> np.ndarray:
    """The numbers of the pairs to draw: the best and the worst."""
    order = np.argsort(errors, kind="stable")
    return np.concatenate([order[:EACH], order[::-1][:EACH]])


def estimates(
    file: Path, truth: Mapping[str, np.ndarray], offsets: np.ndarray, orb: np.ndarray
) -> None:
    """Draw the second view's quadrilateral on the photograph: the truth, and both estimates.

    Args:
        file: to write.
        truth: `first`, `second`, `scene` and `corners`, from `data.views`.
        offsets: of the network, (n, 4, 2).
        orb: of ORB and RANSAC, likewise.
    """
    errors = keypoints.errors(offsets, truth["corners"])
    others = keypoints.errors(orb, truth["corners"])
    figure = Figure(figsize=(2 * EACH, 8.6), layout="constrained")
    grid = figure.subplots(4, EACH)
    for number, pair in enumerate(chosen(errors)):
        row, column = divmod(number, EACH)
        above, below = grid[2 * row, column], grid[2 * row + 1, column]
        for axes in (above, below):
            axes.axis("off")
        scene, second = truth["scene"][pair], truth["second"][pair]
        above.imshow(scene[..., 0], **GRAY)
        below.imshow(second[..., 0], **GRAY)
        size = len(second)
        corners = homography.CORNERS * size + (len(scene) - size) // 2
        _outline(above, corners + truth["corners"][pair], "white", "-", 2.5)
        _outline(above, corners + orb[pair], "tab:orange", ":", 1.5)
        _outline(above, corners + offsets[pair], "tab:blue", "-", 1.2)
        above.set(xlim=(-0.5, len(scene) - 0.5), ylim=(len(scene) - 0.5, -0.5))
        above.set_title(f"{errors[pair]:.1f} pixels; ORB {others[pair]:.1f}", fontsize=8)
    figure.suptitle(
        "white: where the second view (below) truly lies, blue: the network, dotted orange: ORB. "
        "Above the network's best pairs, below its worst",
        fontsize=9,
    )
    plots.save(figure, file)


def warped(file: Path, truth: Mapping[str, np.ndarray], offsets: np.ndarray) -> None:
    """Draw the second view in cyan over the first one in red: as they are, and after warping.

    Where they fit the picture is gray.

    Args:
        file: to write.
        truth: see `estimates`.
        offsets: of the network, (n, 4, 2).
    """
    errors = keypoints.errors(offsets, truth["corners"])
    pairs = chosen(errors)
    first, second = (truth[n][pairs].astype(np.float32) / 255 for n in ("first", "second"))
    first, second = (v - v.mean((1, 2, 3), keepdims=True) for v in (first, second))
    matrices = homography.from_corners(jnp.asarray(offsets[pairs], jnp.float32), first.shape[1])
    moved = np.asarray(homography.warp(first, matrices))
    figure = Figure(figsize=(2 * EACH, 8.6), layout="constrained")
    grid = figure.subplots(4, EACH)
    for number, pair in enumerate(pairs):
        row, column = divmod(number, EACH)
        for axes, view in zip(grid[2 * row : 2 * row + 2, column], (first, moved)):
            axes.axis("off")
            both = [view[number], second[number], second[number]]
            axes.imshow(np.clip(np.concatenate(both, -1) * 1.5 + 0.5, 0, 1))
        grid[2 * row, column].set_title("as they are", fontsize=8)
        grid[2 * row + 1, column].set_title(f"warped, {errors[pair]:.1f} pixels", fontsize=8)
    figure.suptitle("first view in red, second one in cyan: gray where they fit", fontsize=9)
    plots.save(figure, file)


def _outline(axes: Axes, corners: np.ndarray, color: str, style: str, width: float) -> None:
    y, x = np.concatenate([corners, corners[:1]]).T - 0.5  # imshow has the first center at 0
    axes.plot(x, y, style, color=color, linewidth=width)
