"""Average precision: that of pycocotools, on 1,000 drawn cases of boxes and 200 of masks."""

import contextlib
import io
import math

import numpy as np
import pytest
from pycocotools import mask as runs
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from cnn_jax.tasks import instances
from cnn_jax.tasks.detection import average_precision

CASES, PARTS = 1000, 10
CLASSES = 3


def drawn(rng):
    """True boxes of a few pictures, and boxes found: some of them moved, some of them wrong."""
    n, m, k = rng.integers(1, 5), rng.integers(1, 6), rng.integers(1, 9)
    whole = rng.random() < 0.3  # many equal overlaps and scores
    low = rng.uniform(0, 40, (n, m, 2))
    boxes = np.concatenate([low, low + rng.uniform(1, 30, (n, m, 2))], -1)
    classes = rng.integers(0, CLASSES, (n, m))
    pick = rng.integers(0, m, (n, k))
    rows = np.arange(n)[:, None]
    said = boxes[rows, pick] + rng.normal(0, rng.choice([0.2, 1.5, 4]), (n, k, 4))
    said[..., 2:] = np.maximum(said[..., 2:], said[..., :2] + 0.5)
    labels = np.where(rng.random((n, k)) < 0.8, classes[rows, pick], rng.integers(0, CLASSES))
    scores = rng.uniform(0.01, 1, (n, k)) * (rng.random((n, k)) < 0.9)
    if whole:
        boxes, said, scores = np.round(boxes / 8) * 8, np.round(said / 8) * 8, np.ceil(scores * 3)
        boxes[..., 2:], said[..., 2:] = boxes[..., :2] + 16, said[..., :2] + 16
    truth = {"boxes": boxes, "boxes_valid": rng.random((n, m)) < 0.8, "classes": classes}
    return {"boxes": said, "scores": scores, "classes": labels}, truth


def drawn_masks(rng):
    """True masks of a few pictures, and masks found: some moved, some with pixels of chance."""
    found, truth = drawn(rng)

    def filled(boxes):
        rows, columns = np.arange(48)[:, None], np.arange(56)[None]
        top, left, bottom, right = (boxes[..., i, None, None] for i in range(4))
        return (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)

    found["masks"], truth["masks"] = filled(found.pop("boxes")), filled(truth.pop("boxes"))
    chance = rng.random(found["masks"].shape)
    found["masks"] &= chance < rng.choice([0.7, 0.95, 2])
    truth["boxes_valid"] &= truth["masks"].any((2, 3))
    return found, truth


def of_coco(found, truth, kind="bbox"):
    """The same by pycocotools: stats 0, 1 and 2."""

    def region(shape):
        if kind == "segm":
            coded = runs.encode(np.asfortranarray(shape.astype(np.uint8)))
            return {"segmentation": coded, "area": int(shape.sum()), "bbox": [0, 0, 1, 1]}
        top, left, bottom, right = shape.tolist()
        area = (right - left) * (bottom - top)
        return {"bbox": [left, top, right - left, bottom - top], "area": area}

    def entries(shapes, counts, classes, scores=None):
        made = []
        for scene, place in np.argwhere(counts):
            entry = {"image_id": int(scene) + 1, "category_id": int(classes[scene, place])}
            entry |= {**region(shapes[scene, place]), "iscrowd": 0, "id": len(made) + 1}
            if scores is not None:
                entry["score"] = float(scores[scene, place])
            made.append(entry)
        return made

    size = {"height": 48, "width": 56}  # of masks

    def coco(annotations):
        made = COCO()
        made.dataset = {
            "images": [{"id": number + 1, **size} for number in range(len(found["scores"]))],
            "categories": [{"id": kind} for kind in range(CLASSES)],
            "annotations": annotations,
        }
        made.createIndex()
        return made

    with contextlib.redirect_stdout(io.StringIO()):
        name, scores = {"bbox": "boxes", "segm": "masks"}[kind], found["scores"]
        true = coco(entries(truth[name], truth["boxes_valid"], truth["classes"]))
        said = coco(entries(found[name], scores > 0, found["classes"], scores))
        judge = COCOeval(true, said, kind)
        judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]], ["all"]
        judge.params.maxDets = [100]
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"][..., 0, 0]  # (thresholds, recalls, classes)

    def mean(part):
        return part[part > -1].mean() if (part > -1).any() else math.nan

    return {"ap": mean(precision), "ap50": mean(precision[0]), "ap75": mean(precision[5])}


@pytest.mark.parametrize("part", range(PARTS))
def test_it_is_that_of_pycocotools(part):
    rng, seen = np.random.default_rng(part), []
    for _ in range(CASES // PARTS):
        found, truth = drawn(rng)
        ours, theirs = average_precision(found, truth, classes=CLASSES), of_coco(found, truth)
        for name, value in theirs.items():
            assert ours[name] == pytest.approx(value, abs=1e-6, nan_ok=True), name
        seen.append(ours["ap"])
    assert np.nanmin(seen) < 0.2
    assert np.nanmax(seen) > 0.8


@pytest.mark.parametrize("part", range(2))
def test_of_masks_it_is_that_of_pycocotools(part):
    rng, seen = np.random.default_rng(part), []
    for _ in range(100):
        found, truth = drawn_masks(rng)
        ours = instances.average_precision(found, truth, classes=CLASSES)
        theirs = of_coco(found, truth, "segm")
        for name, value in theirs.items():
            assert ours[name] == pytest.approx(value, abs=1e-6, nan_ok=True), name
        seen.append(ours["ap"])
    assert np.nanmin(seen) < 0.2
    assert np.nanmax(seen) > 0.8


def test_only_the_most_certain_count():
    rng = np.random.default_rng(0)
    true = np.array([[[0.0, 0, 10, 10]]])
    boxes = np.concatenate([true.repeat(101, 1) + 50, true], 1)
    scores = np.concatenate([rng.uniform(0.5, 1, (1, 101)), [[0.1]]], 1)
    found = {"boxes": boxes, "scores": scores, "classes": np.zeros((1, 102), int)}
    truth = {"boxes": true, "boxes_valid": np.ones((1, 1), bool), "classes": np.zeros((1, 1), int)}
    assert average_precision(found, truth, classes=1)["ap"] == 0
    assert average_precision(found, truth, classes=1, most=102)["ap"] == pytest.approx(1 / 102)
    assert of_coco(found, truth)["ap"] == 0


def test_without_true_boxes_or_found_ones():
    truth = {"boxes": np.zeros((2, 1, 4)), "boxes_valid": np.zeros((2, 1), bool)}
    truth["classes"] = np.zeros((2, 1), int)
    found = {"boxes": np.ones((2, 3, 4)), "scores": np.zeros((2, 3)), "classes": np.zeros((2, 3))}
    assert math.isnan(average_precision(found, truth, classes=1)["ap"])
    truth["boxes_valid"][:] = True
    assert average_precision(found, truth, classes=1) == {"ap": 0, "ap50": 0, "ap75": 0}


def test_wrong_shapes():
    found, truth = drawn(np.random.default_rng(0))
    with pytest.raises(ValueError, match="`found` must have boxes"):
        average_precision({**found, "scores": found["scores"][0]}, truth, classes=3)
    with pytest.raises(ValueError, match="`truth` must have boxes"):
        average_precision(found, {**truth, "classes": truth["classes"][:, :0]}, classes=3)
    one = {name: np.concatenate([value, value]) for name, value in found.items()}
    with pytest.raises(ValueError, match="must be of the same pictures"):
        average_precision(one, truth, classes=3)


def test_wrong_masks():
    found, truth = drawn_masks(np.random.default_rng(0))
    other = {**found, "masks": found["masks"][..., 1:]}
    with pytest.raises(ValueError, match=r"`found` must have masks \(n, k, height, width\)"):
        instances.average_precision(other, truth, classes=3)
    with pytest.raises(ValueError, match=r"`truth` must have masks \(n, m, height, width\)"):
        instances.average_precision(found, {**truth, "masks": truth["masks"][:, :0]}, classes=3)
    with pytest.raises(ValueError, match="`of` must be one of 'boxes', 'masks'"):
        average_precision(found, truth, classes=3, of="mask")


def test_what_counts_is_said_by_bools():
    boxes = np.array([[[0.0, 0, 9, 9], [0, 0, 5, 5]]])
    truth = {"boxes": boxes, "classes": np.zeros((1, 2), int), "boxes_valid": np.array([[1, 0]])}
    found = {"boxes": boxes, "classes": truth["classes"], "scores": np.ones((1, 2))}
    with pytest.raises(TypeError, match="`boxes_valid` must hold bools; got int64"):
        average_precision(found, truth, classes=1)
    masks = {"masks": np.ones((1, 2, 4, 4), np.uint8)}
    truth = {**truth, **masks, "boxes_valid": np.ones((1, 2), bool)}
    with pytest.raises(TypeError, match="`masks` must hold bools; got uint8 and uint8"):
        average_precision({**found, **masks}, truth, classes=1, of="masks")
