"""Poses of figures: how many joints are found, and pictures of limbs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cnn_jax.data.figures import JOINTS, LIMBS
from cnn_jax.tasks import pose
from experiments.drawing import plots

ACROSS, DOWN = 6, 2
SIDES = {"right": "deepskyblue", "left": "magenta", "": "yellow"}


def judge(found: np.ndarray, truth: Mapping[str, Any]) -> dict[str, float]:
    """How many joints are found, by the longer side of the person's box and by the torso.

    Args:
        found: (n, 14, 2), places in pixels.
        truth: from `data.figures`, as NumPy arrays.

    Returns:
        `pck`, at 0.1 of the box; `pck_torso`, at 0.2 of the torso; and the first of those joints
        over which something lies, and of each joint by its name.
    """
    right, counts = map(np.asarray, pose.hits(found, truth))
    torso, _ = map(np.asarray, pose.hits(found, truth, share=0.2, of="torso"))
    hidden = counts & truth["keypoints_hidden"]
    return {
        "pck": share(right, counts),
        "pck_torso": share(torso, counts),
        "pck of hidden ones": share(right, hidden),
        **{f"pck of {name}": share(right[:, j], counts[:, j]) for j, name in enumerate(JOINTS)},
    }


def share(right: np.ndarray, counts: np.ndarray) -> float:
    """Of those that count, how many are right; 0 if none counts."""
    return float((right & counts).sum() / max(counts.sum(), 1))


def figures(file: Path, found: np.ndarray, truth: Mapping[str, Any]) -> None:
    """Draw limbs on figures: some of which all joints are found above, the worst below.

    Args:
        file: to write.
        found: (n, 14, 2), places in pixels.
        truth: from `data.figures`; its limbs are thin and white, missed joints are circled.
    """
    right, counts = map(np.asarray, pose.hits(found, truth))
    missed = (counts & ~right).sum(1)
    each = ACROSS * DOWN
    best = np.argsort(missed, kind="stable")[:each]
    worst = np.argsort(-missed, kind="stable")[:each]
    figure = Figure(figsize=(2.2 * ACROSS, 2.4 * 2 * DOWN), layout="constrained")
    grid = figure.subplots(2 * DOWN, ACROSS).ravel()
    for axes, number in zip(grid, [*best, *worst]):
        axes.imshow(truth["image"][number])
        axes.axis("off")
        _skeleton(axes, truth["keypoints"][number], dict.fromkeys(SIDES, "white"), 0.8)
        _skeleton(axes, found[number], SIDES, 1.6)
        rows, columns = found[number][(counts & ~right)[number]].T - 0.5
        axes.scatter(columns, rows, s=40, facecolors="none", edgecolors="red")
        size = truth["image"].shape[1]
        axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5))
        count = f"{missed[number]} missed" if missed[number] else "all found"
        axes.set_title(count + (", looks away" if truth["away"][number] else ""), fontsize=8)
    figure.suptitle(
        "blue: the person's right side, pink: the left one; white: the truth; red: missed",
        fontsize=9,
    )
    plots.save(figure, file)


def _skeleton(axes: Axes, joints: np.ndarray, colors: Mapping[str, str], width: float) -> None:
    joints = joints - 0.5  # imshow has the first pixel's center at 0
    for start, end in LIMBS:
        names = JOINTS[start].split() + JOINTS[end].split()
        sides = {name for name in names if name in SIDES}
        color = colors[sides.pop() if len(sides) == 1 else ""]
        axes.plot(joints[[start, end], 1], joints[[start, end], 0], color=color, linewidth=width)
