"""`average_precision`: how good boxes or masks with scores are, as COCO computes it."""

import math
from collections.abc import Mapping

import numpy as np
from jax.typing import ArrayLike

from cnn_jax import arguments

OVERLAPS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)


def average_precision(
    found: Mapping[str, ArrayLike],
    truth: Mapping[str, ArrayLike],
    *,
    classes: int,
    most: int = 100,
    of: str = "boxes",
) -> dict[str, float]:
    """Return the mean average precision of boxes or masks, at several demands on their overlap.

    In each picture, for each class, boxes are matched from the most certain to the least, each to
    the free true box with which its intersection over union is the largest and at least a
    threshold. Over all pictures, a box that found a match is right. The average precision is the
    mean, at the recalls 0, 0.01, ..., 1, of the largest precision at that recall or a higher one;
    then the mean over the classes that have a true box.

    Args:
        found: `boxes` (n, k, 4), `scores` (n, k) and `classes` (n, k), as `decode` gives them;
            scores of 0 do not count.
        truth: `boxes` (n, m, 4), `boxes_valid` (n, m) and `classes` (n, m).
        classes: how many.
        most: boxes of one class in one picture, the most certain; COCO has 100.
        of: ``"boxes"``; or ``"masks"``, which `found` and `truth` then have instead: bools
            (n, k, height, width) and (n, m, height, width).

    Returns:
        `ap`: the mean over the thresholds 0.5, 0.55, ..., 0.95; `ap50` and `ap75`: at 0.5 and 0.75.
        NaN if there is no true box.

    Raises:
        TypeError, ValueError: an argument is wrong.

    References:
        Lin et al., *Microsoft COCO*, 2014, arXiv:1405.0312; and pycocotools' `COCOeval`, whose
        `stats` these are, of boxes or masks, all areas and at most 100 of them.

    Example:
        >>> truth = {"boxes": np.array([[[0.0, 0, 10, 10]]]), "classes": np.array([[0]])}
        >>> found = {**truth, "scores": np.array([[0.5]])}
        >>> truth["boxes_valid"] = np.array([[True]])
        >>> {n: round(v, 3) for n, v in average_precision(found, truth, classes=1).items()}
        {'ap': 1.0, 'ap50': 1.0, 'ap75': 1.0}
    """
    arguments.integer("classes", classes, at_least=1)
    arguments.integer("most", most, at_least=1)
    overlaps = OVERLAPS_OF[arguments.one_of("of", of, OVERLAPS_OF)]
    shapes, scores, labels = (np.asarray(found[n]) for n in (of, "scores", "classes"))
    true, valid, kinds = (np.asarray(truth[n]) for n in (of, "boxes_valid", "classes"))
    each = (4,) if of == "boxes" else true.shape[2:]
    written = "4" if of == "boxes" else "height, width"
    if shapes.shape != (*scores.shape, *each) or labels.shape != scores.shape:
        raise ValueError(
            f"`found` must have {of} (n, k, {written}), scores (n, k) and classes (n, k); got "
            f"{shapes.shape}, {scores.shape} and {labels.shape}."
        )
    if true.shape != (*valid.shape, *each) or kinds.shape != valid.shape:
        raise ValueError(
            f"`truth` must have {of} (n, m, {written}), boxes_valid (n, m) and classes (n, m); got "
            f"{true.shape}, {valid.shape} and {kinds.shape}."
        )
    if valid.dtype != bool:
        raise TypeError(f"`boxes_valid` must hold bools; got {valid.dtype}.")
    if of == "masks" and not shapes.dtype == true.dtype == bool:
        raise TypeError(f"`masks` must hold bools; got {shapes.dtype} and {true.dtype}.")
    if len(shapes) != len(true):
        raise ValueError(
            f"`found` and `truth` must be of the same pictures; got {len(shapes)} and {len(true)}."
        )
    of_classes = []
    for kind in range(classes):
        right, certain, number = [], [], 0
        for picture in range(len(shapes)):
            chosen = np.flatnonzero((labels[picture] == kind) & (scores[picture] > 0))
            chosen = chosen[np.argsort(-scores[picture, chosen], kind="stable")][:most]
            goal = true[picture][valid[picture] & (kinds[picture] == kind)]
            right.append(_matched(overlaps(shapes[picture, chosen], goal)))
            certain.append(scores[picture, chosen])
            number += len(goal)
        if number:
            order = np.argsort(-np.concatenate(certain), kind="stable")
            of_classes.append(_precisions(np.concatenate(right, 1)[:, order], number))
    if not of_classes:
        return {"ap": float("nan"), "ap50": float("nan"), "ap75": float("nan")}
    by_threshold = np.mean(of_classes, (0, 2))
    return {
        "ap": float(by_threshold.mean()),
        "ap50": float(by_threshold[0]),
        "ap75": float(by_threshold[5]),
    }


def _overlaps_of_boxes(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union (j, k), rounded as by pycocotools, from corners and sizes."""
    one, other = (np.asarray(b, np.float64).reshape(-1, 4) for b in (boxes, others))
    low, size = one[:, None, :2], (one[:, 2:] - one[:, :2])[:, None]
    low_of_other, size_of_other = other[None, :, :2], (other[:, 2:] - other[:, :2])[None]
    common = np.minimum(low + size, low_of_other + size_of_other) - np.maximum(low, low_of_other)
    both = np.where((common > 0).all(-1), common.prod(-1), 0.0)
    union = size.prod(-1) + size_of_other.prod(-1) - both
    return both / np.where(union > 0, union, 1)


def _overlaps_of_masks(masks: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union (j, k), of whole numbers of pixels."""
    pixels = math.prod(others.shape[1:])
    one, other = (m.reshape(len(m), pixels).astype(np.float64) for m in (masks, others))
    both = one @ other.T
    union = one.sum(1)[:, None] + other.sum(1)[None] - both
    return both / np.where(union > 0, union, 1)


OVERLAPS_OF = {"boxes": _overlaps_of_boxes, "masks": _overlaps_of_masks}


def _matched(overlap: np.ndarray) -> np.ndarray:
    """Which boxes (k) find a true one (g), at each threshold: (10, k)."""
    right = np.zeros((len(OVERLAPS), len(overlap)), bool)
    if not overlap.size:
        return right
    free = np.ones((len(OVERLAPS), overlap.shape[1]), bool)
    every = np.arange(len(OVERLAPS))
    for number, of_box in enumerate(overlap):
        fits = free & (of_box[None] >= OVERLAPS[:, None])
        # Of equal overlaps the last one, as in pycocotools.
        best = of_box.size - 1 - np.argmax(np.where(fits, of_box[None], -1)[:, ::-1], 1)
        right[:, number] = fits[every, best]
        free[every[right[:, number]], best[right[:, number]]] = False
    return right


def _precisions(right: np.ndarray, number: int) -> np.ndarray:
    """Precision at each of the recalls, (10, 101), of boxes by falling score."""
    hits = np.cumsum(right, 1)
    recall = hits / number
    precision = hits / (np.arange(1, right.shape[1] + 1) + np.spacing(1))
    precision = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]
    made = np.zeros((len(OVERLAPS), len(RECALLS)))
    for row, (r, p) in enumerate(zip(recall, precision)):
        places = np.searchsorted(r, RECALLS, side="left")
        reached = places < len(r)
        made[row, reached] = p[places[reached]]
    return made
