"""Pictures of masks of objects on scenes."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from experiments.drawing import plots
from experiments.drawing.segmented import hue

SURE = 0.3  # masks with a lower score are not drawn


def drawn(found: Mapping[str, Any], scene: int) -> np.ndarray:
    """Which masks of a scene are drawn: sure ones, of equal ones that of the likeliest class."""
    chosen, kept = np.flatnonzero(found["scores"][scene] > SURE), []
    for place in chosen[np.argsort(-found["scores"][scene, chosen], kind="stable")]:
        mask = found["masks"][scene, place]
        if not any((mask == found["masks"][scene, other]).all() for other in kept):
            kept.append(place)
    return np.array(kept, int)


def mistakes(found: Mapping[str, Any], truth: Mapping[str, Any]) -> np.ndarray:
    """How many masks of each scene are missed, or drawn where there is none of that class."""
    counts = []
    for scene, valid in enumerate(truth["boxes_valid"]):
        said = drawn(found, scene)
        masks, kinds = found["masks"][scene, said], found["classes"][scene, said]
        true, of_true = truth["masks"][scene, valid], truth["classes"][scene, valid]
        both = (masks[:, None] & true[None]).sum((2, 3))
        either = (masks[:, None] | true[None]).sum((2, 3))
        # Masks do not overlap, so no two have more than half in common with the same one.
        hits = (both > 0.5 * either) & (kinds[:, None] == of_true[None])
        counts.append(len(masks) + len(true) - 2 * hits.sum())
    return np.array(counts)


def scenes(
    file: Path, found: Mapping[str, Any], truth: Mapping[str, Any], classes: Sequence[str]
) -> None:
    """Draw masks on scenes: those without a mistake and many objects above, the worst below.

    Args:
        file: to write.
        found: from `instances.decode` or `connected`, as NumPy arrays.
        truth: `image`, `masks`, `boxes_valid` and `classes`, likewise; true outlines are white.
        classes: their names.
    """
    wrong, objects = mistakes(found, truth), truth["boxes_valid"].sum(1)
    title = f"masks with scores above {SURE}; white: outlines of the truth"
    draw = partial(_scene, found=found, truth=truth, classes=classes)
    plots.best_and_worst(file, title, wrong, objects, draw)


def _scene(axes: Axes, scene: int, found: Any, truth: Any, classes: Sequence[str]) -> None:
    picture = truth["image"][scene] / 255
    said = drawn(found, scene)
    for place in said:
        mask, color = found["masks"][scene, place], hue(found["classes"][scene, place] + 1)
        picture = np.where(mask[..., None], 0.45 * picture + 0.55 * np.array(color), picture)
    axes.imshow(picture)
    for mask in truth["masks"][scene, truth["boxes_valid"][scene]]:
        axes.contour(mask, levels=[0.5], colors="white", linewidths=1)
    for place in said:
        mask, kind = found["masks"][scene, place], found["classes"][scene, place]
        row, column = np.argwhere(mask).mean(0)
        text = f"{classes[kind]} {found['scores'][scene, place]:.2f}"
        style = {"fontsize": 6, "color": "white", "ha": "center", "va": "center"}
        axes.text(column, row, text, **style, bbox={"color": hue(kind + 1), "pad": 1})
    axes.set(xticks=[], yticks=[])
