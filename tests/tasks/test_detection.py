"""Detection: targets, loss, peaks and NMS against NumPy, written as one reads the paper."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax.tasks import detection

GRID, CLASSES, STRIDE = (12, 16), 3, 4


def drawn(seed=0, n=4, m=5):
    """Boxes in a picture of 48 x 64, some of which do not count, no two centers in one cell."""
    rng = np.random.default_rng(seed)
    boxes = np.zeros((n, m, 4), np.float32)
    for scene in range(n):
        cells = rng.choice(GRID[0] * GRID[1], m, replace=False)
        center = np.stack(np.divmod(cells, GRID[1]), -1) * 4 + rng.integers(0, 16, (m, 2)) / 4
        half = rng.integers(4, 60, (m, 2)) / 4
        boxes[scene] = np.concatenate([center - half, center + half], -1)
    return {
        "boxes": jnp.asarray(boxes),
        "boxes_valid": jnp.asarray(rng.random((n, m)) < 0.8),
        "classes": jnp.asarray(rng.integers(0, CLASSES, (n, m)), jnp.int32),
    }


def made(batch, grid=GRID):
    return jax.jit(
        lambda batch: detection.targets(batch, grid=grid, classes=CLASSES, stride=STRIDE)
    )(batch)


def outputs_of(batch):
    """What a network would say that had learnt the targets by heart."""
    truth = jax.device_get(made(batch))
    heat = np.clip(truth["heatmap"], 1e-4, 1 - 1e-4)
    outputs = np.zeros((*heat.shape[:3], CLASSES + 4), np.float32)
    outputs[..., :CLASSES] = np.log(heat / (1 - heat))
    for scene, place in np.argwhere(truth["counts"]):
        row, column = divmod(truth["cell"][scene, place], GRID[1])
        outputs[scene, row, column, CLASSES : CLASSES + 2] = truth["size"][scene, place]
        outputs[scene, row, column, CLASSES + 2 :] = truth["offset"][scene, place]
    return jnp.asarray(outputs)


def intersection_over_union(a, b):
    down = max(min(a[2], b[2]) - max(a[0], b[0]), 0)
    right = max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    both = down * right
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def worst_overlap(height, width, r):
    """Of a box with itself, its corners moved by r: both alike, inward, outward."""
    box = (0, 0, height, width)
    moved = [(r, r, height + r, width + r), (r, r, height - r, width - r)]
    moved.append((-r, -r, height + r, width + r))
    if 2 * r >= min(height, width):
        return 0.0
    return min(intersection_over_union(box, other) for other in moved)


def test_the_radius_is_the_largest_that_keeps_the_overlap():
    sizes = np.random.default_rng(0).uniform(1, 40, (50, 2))
    found = np.asarray(detection.radius(jnp.asarray(sizes, jnp.float32)))
    for (height, width), r in zip(sizes, found):
        low, high = 0.0, min(height, width)
        for _ in range(50):
            middle = (low + high) / 2
            enough = worst_overlap(height, width, middle) >= 0.7
            low, high = (middle, high) if enough else (low, middle)
        assert r == pytest.approx(low, rel=1e-4)


def test_targets_are_those_of_the_paper():
    batch = drawn()
    found, given = jax.device_get(made(batch)), jax.device_get(batch)
    heat = np.zeros((4, *GRID, CLASSES))
    for scene, place in np.argwhere(given["boxes_valid"]):
        top, left, bottom, right = given["boxes"][scene, place] / STRIDE
        y, x = (top + bottom) / 2, (left + right) / 2
        row, column = int(y), int(x)
        assert found["cell"][scene, place] == row * GRID[1] + column
        np.testing.assert_allclose(found["size"][scene, place], [bottom - top, right - left])
        np.testing.assert_allclose(found["offset"][scene, place], [y - row, x - column])
        reach = int(detection.radius(jnp.asarray([bottom - top, right - left])))
        sigma = (2 * reach + 1) / 6
        for i in range(max(row - reach, 0), min(row + reach + 1, GRID[0])):
            for j in range(max(column - reach, 0), min(column + reach + 1, GRID[1])):
                value = np.exp(-((i - row) ** 2 + (j - column) ** 2) / (2 * sigma**2))
                kind = given["classes"][scene, place]
                heat[scene, i, j, kind] = max(heat[scene, i, j, kind], value)
    np.testing.assert_array_equal(found["counts"], given["boxes_valid"])
    np.testing.assert_allclose(found["heatmap"], heat, rtol=1e-5, atol=1e-7)
    assert (found["heatmap"] == 1).sum() == given["boxes_valid"].sum()


def test_what_does_not_count():
    boxes = [[0, 0, 8, 8], [60, 0, 90, 8], [4, 4, 4, 9], [0, 0, np.nan, 8], [0, -20, 8, 4]]
    boxes += [[8, 8, 16, 16], [8, 8, 16, 16]]
    batch = {
        "boxes": jnp.asarray([boxes], jnp.float32),
        "boxes_valid": jnp.asarray([[True] * 6 + [False]]),
        "classes": jnp.asarray([[0, 0, 0, 0, 0, 9, 0]]),
    }
    found = jax.device_get(made(batch))
    assert found["counts"].tolist() == [[True] + [False] * 6]
    assert (found["heatmap"] == 1).sum() == 1
    assert all(np.isfinite(value).all() for value in found.values())
    nothing = jax.device_get(made(jax.tree.map(lambda a: a[:, 1:], batch)))
    assert not nothing["heatmap"].any()
    losses, _ = detection.loss()(jnp.zeros((1, *GRID, CLASSES + 4)), batch)
    assert np.isfinite(losses).all()
    none = jax.tree.map(lambda a: a[:, :0], batch)
    losses, _ = detection.loss()(jnp.zeros((1, *GRID, CLASSES + 4)), none)
    # All logits are 0: each of the cells costs 0.5^2 log 2.
    assert losses[0] == pytest.approx(GRID[0] * GRID[1] * CLASSES * 0.25 * np.log(2), rel=1e-5)


def test_the_loss_by_hand():
    batch = drawn(1)
    outputs = jax.random.normal(jax.random.key(0), (4, *GRID, CLASSES + 4))
    losses, parts = jax.jit(detection.loss(size_weight=0.3, offset_weight=2.0))(outputs, batch)
    truth, said = jax.device_get(made(batch)), np.asarray(outputs, np.float64)
    for scene in range(4):
        places = np.flatnonzero(truth["counts"][scene])
        p = 1 / (1 + np.exp(-said[scene, ..., :CLASSES]))
        y = truth["heatmap"][scene].astype(np.float64)
        focal = np.where(y == 1, (1 - p) ** 2 * np.log(p), (1 - y) ** 4 * p**2 * np.log(1 - p))
        flat = said[scene].reshape(-1, CLASSES + 4)[truth["cell"][scene, places]]
        size = np.abs(flat[:, -4:-2] - truth["size"][scene, places]).sum()
        offset = np.abs(flat[:, -2:] - truth["offset"][scene, places]).sum()
        expected = np.array([-focal.sum(), size, offset]) / max(len(places), 1)
        found = [parts[name][scene] for name in ("heatmap", "size", "offset")]
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        np.testing.assert_allclose(losses[scene], expected @ [1, 0.3, 2], rtol=1e-5)


def test_the_targets_are_nearly_the_best_outputs():
    batch = drawn(2)
    best, _ = detection.loss()(outputs_of(batch), batch)
    worse, _ = detection.loss()(outputs_of(batch) + 0.5, batch)
    assert best.max() < 2
    assert (best < worse).all()


@pytest.mark.parametrize("seed", range(3))
def test_targets_decode_to_the_boxes(seed):
    batch = drawn(seed)
    found = jax.device_get(jax.jit(detection.decode)(outputs_of(batch)))
    given = jax.device_get(batch)
    for scene in range(4):
        valid = given["boxes_valid"][scene]
        boxes, classes = given["boxes"][scene][valid], given["classes"][scene][valid]
        sure = found["scores"][scene] > 0.999
        expected = sorted(zip(classes.tolist(), boxes.tolist()))
        said = zip(found["classes"][scene][sure].tolist(), found["boxes"][scene][sure].tolist())
        assert sorted(said) == expected  # all bits
        assert (np.diff(found["scores"][scene]) <= 0).all()


def test_peaks_against_a_loop():
    outputs = np.asarray(jax.random.normal(jax.random.key(1), (2, 6, 7, 2 + 4)))
    found = jax.device_get(detection.decode(outputs, top=1000, stride=1))
    assert found["scores"].shape == (2, 84)
    for scene in range(2):
        peaks = []
        padded = np.pad(outputs[scene, ..., :2], ((1, 1), (1, 1), (0, 0)), constant_values=-9)
        for i, j, kind in np.ndindex(6, 7, 2):
            if outputs[scene, i, j, kind] == padded[i : i + 3, j : j + 3, kind].max():
                height, width, down, right = outputs[scene, i, j, 2:]
                top, left = i + down - max(height, 0) / 2, j + right - max(width, 0) / 2
                bottom, right = i + down + max(height, 0) / 2, j + right + max(width, 0) / 2
                peaks.append((-outputs[scene, i, j, kind], kind, top, left, bottom, right))
        peaks = np.array(sorted(peaks))
        assert (found["scores"][scene] > 0).sum() == len(peaks) > 5
        np.testing.assert_array_equal(found["classes"][scene, : len(peaks)], peaks[:, 1])
        np.testing.assert_allclose(
            found["boxes"][scene, : len(peaks)], peaks[:, 2:], rtol=1e-5, atol=1e-5
        )
        np.testing.assert_allclose(
            found["scores"][scene, : len(peaks)], 1 / (1 + np.exp(peaks[:, 0])), rtol=1e-5
        )


def suppressed(boxes, scores, classes, most):
    """Greedy non-maximum suppression."""
    kept = []
    for place in np.argsort(-scores, kind="stable"):
        rivals = [k for k in kept if classes[k] == classes[place]]
        if scores[place] > 0 and all(
            intersection_over_union(boxes[place], boxes[k]) <= most for k in rivals
        ):
            kept.append(place)
    return np.where(np.isin(np.arange(len(scores)), kept), scores, 0)


@pytest.mark.parametrize("most", [0.3, 0.5])
def test_nms_against_a_loop(most):
    rng = np.random.default_rng(0)
    low = rng.integers(0, 20, (6, 40, 2))
    boxes = np.concatenate([low, low + rng.integers(5, 20, (6, 40, 2))], -1).astype(np.float32)
    scores = rng.permuted(np.linspace(0, 1, 40, dtype=np.float32)[None].repeat(6, 0), axis=1)
    classes = rng.integers(0, 2, (6, 40))
    found = {"boxes": boxes, "scores": scores, "classes": classes}
    thinned = jax.jit(lambda found: detection.nms(found, overlap=most))(found)
    expected = [suppressed(b, s, c, most) for b, s, c in zip(boxes, scores, classes)]
    np.testing.assert_array_equal(thinned["scores"], expected)
    assert 0 < np.count_nonzero(expected) < 200
    np.testing.assert_array_equal(thinned["boxes"], boxes)


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        ({"boxes": jnp.zeros((4, 5))}, ValueError, "`boxes` must have the shape (n, m, 4)"),
        ({"boxes": jnp.zeros((4, 5, 4), int)}, TypeError, "`boxes` must hold floats; got int32."),
        ({"classes": jnp.zeros((4, 2), int)}, ValueError, "`classes` must have one entry for each"),
        ({"classes": jnp.zeros((4, 5))}, TypeError, "`classes` must hold integers"),
        ({"boxes_valid": jnp.zeros((4, 5))}, TypeError, "`boxes_valid` must hold bools"),
    ],
)
def test_a_wrong_batch_is_told_what_is_wrong(change, kind, text):
    with pytest.raises(kind, match=re.escape(text)):
        made({**drawn(), **change})


def test_wrong_calls():
    with pytest.raises(ValueError, match="`outputs` must be"):
        detection.decode(jnp.zeros((1, 4, 4, 4)))
    some = {name: value for name, value in drawn().items() if name != "classes"}
    with pytest.raises(ValueError, match="no \\['classes'\\]"):
        made(some)
    with pytest.raises(ValueError, match="`overlap` must be"):
        detection.nms({}, overlap=2)
    with pytest.raises(ValueError, match="`size_weight` must be"):
        detection.loss(size_weight=-1)


def test_of_two_sure_cells_side_by_side_the_surer_is_the_peak():
    outputs = jnp.full((1, 3, 4, 5), -9.0).at[0, 1, 1, 0].set(20.0).at[0, 1, 2, 0].set(30.0)
    found = detection.decode(outputs, top=3)
    assert (found["scores"][0] > 0.5).tolist() == [True, False, False]
