"""Pictures of a detector: boxes on scenes, the right ones and the worst."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.axes import Axes

from cnn_jax.tasks import detection
from experiments.drawing import plots

SURE = 0.3  # boxes with a lower score are not drawn


def mistakes(found: Mapping[str, Any], truth: Mapping[str, Any]) -> np.ndarray:
    """How many boxes of each scene are missed, or drawn where there is none of that class."""
    counts = []
    every_overlap = np.asarray(
        jax.jit(jax.vmap(detection.overlaps))(found["boxes"], truth["boxes"])
    )
    for scene, overlap in enumerate(every_overlap):
        sure = found["scores"][scene] > SURE
        true = truth["boxes_valid"][scene]
        overlap = overlap[sure][:, true]
        same = found["classes"][scene][sure][:, None] == truth["classes"][scene][true][None]
        overlap, hits = np.where(same, overlap, 0), 0
        while overlap.size and overlap.max() >= 0.5:
            row, column = np.unravel_index(overlap.argmax(), overlap.shape)
            overlap[row], overlap[:, column] = 0, 0
            hits += 1
        counts.append(sure.sum() + true.sum() - 2 * hits)
    return np.array(counts)


def scenes(
    file: Path, found: Mapping[str, Any], truth: Mapping[str, Any], classes: Sequence[str]
) -> None:
    """Draw boxes on scenes: those without a mistake and many objects above, the worst below.

    Args:
        file: to write.
        found: from `detection.decode`, as NumPy arrays.
        truth: `image`, `boxes`, `boxes_valid` and `classes`, likewise; true boxes are dashed.
        classes: their names.
    """
    wrong, objects = mistakes(found, truth), truth["boxes_valid"].sum(1)
    title = f"boxes with scores above {SURE}; dashed: the truth"
    draw = partial(_scene, found=found, truth=truth, classes=classes)
    plots.best_and_worst(file, title, wrong, objects, draw)


def _scene(axes: Axes, scene: int, found: Any, truth: Any, classes: Sequence[str]) -> None:
    size = truth["image"].shape[1]
    axes.imshow(truth["image"][scene])
    for box in truth["boxes"][scene][truth["boxes_valid"][scene]]:
        _outline(axes, box, "white", "--")
    for box, score, kind in zip(*(found[n][scene] for n in ("boxes", "scores", "classes"))):
        if score > SURE:
            color = f"C{kind}"
            _outline(axes, box, color, "-")
            label = f"{classes[kind]} {score:.2f}"
            top, left = np.clip(box[:2], 0, size - 1)  # a box may begin outside of the picture
            said = axes.text(left, top, label, fontsize=6, color="white", backgroundcolor=color)
            said.set_in_layout(False)
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5))


def _outline(axes: Axes, box: np.ndarray, color: str, style: str) -> None:
    top, left, bottom, right = box - 0.5  # imshow has the first pixel's center at 0
    corners = [left, right, right, left, left], [top, top, bottom, bottom, top]
    axes.plot(*corners, style, color=color, linewidth=1.5)
