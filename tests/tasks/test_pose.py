"""Pose: heatmaps, loss, peaks and correct keypoints against NumPy, written as one reads them."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax.tasks import pose

GRID, STRIDE, JOINTS, N = (12, 16), 4, 5, 12
HEIGHT, WIDTH = GRID[0] * STRIDE, GRID[1] * STRIDE


def drawn(seed=0):
    """Joints in and around a picture of 48 x 64, some of which do not count."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-6, [HEIGHT + 6, WIDTH + 6], (N, JOINTS, 2)).astype(np.float32)
    points[0, 1, 0], points[1, 2] = np.nan, np.inf
    return {
        "keypoints": points,
        "keypoints_visible": rng.random((N, JOINTS)) < 0.8,
        "torso": rng.uniform(5, 30, N).astype(np.float32),
    }


def those_that_count(batch):
    for n, j in np.ndindex(N, JOINTS):
        row, column = batch["keypoints"][n, j]
        inside = 0 <= row <= HEIGHT and 0 <= column <= WIDTH  # NaN is not
        if batch["keypoints_visible"][n, j] and inside:
            yield n, j, row, column


def expected_heatmaps(batch, sigma):
    heatmaps, counts = np.zeros((N, *GRID, JOINTS)), np.zeros((N, JOINTS), bool)
    for n, j, row, column in those_that_count(batch):
        counts[n, j] = True
        for i, k in np.ndindex(*GRID):
            squares = (i + 0.5 - row / STRIDE) ** 2 + (k + 0.5 - column / STRIDE) ** 2
            heatmaps[n, i, k, j] = np.exp(-squares / (2 * sigma**2))
    return heatmaps, counts


@pytest.mark.parametrize("sigma", [1.5, 2])
def test_targets_are_gaussians(sigma):
    batch = drawn()
    make = jax.jit(lambda batch: pose.targets(batch, grid=GRID, stride=STRIDE, sigma=sigma))
    found = make(batch)
    heatmaps, counts = expected_heatmaps(batch, sigma)
    np.testing.assert_allclose(found["heatmap"], heatmaps, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(found["counts"], counts)
    assert 20 < counts.sum() < N * JOINTS - 10
    without = pose.targets({"keypoints": batch["keypoints"]}, grid=GRID, stride=STRIDE)
    assert without["counts"].sum() > counts.sum()


def test_the_loss_by_hand():
    batch = drawn(1)
    outputs = np.random.default_rng(2).normal(size=(N, *GRID, JOINTS)).astype(np.float32)
    losses, others = jax.jit(pose.loss(stride=STRIDE, sigma=1.5))(outputs, batch)
    heatmaps, counts = expected_heatmaps(batch, 1.5)
    squares = (outputs - heatmaps) ** 2 * counts[:, None, None]
    np.testing.assert_allclose(losses, squares.mean((1, 2, 3)) / 2, rtol=1e-5)
    assert others == {}


def test_what_does_not_count_costs_nothing():
    batch = {"keypoints": jnp.full((2, 3, 2), jnp.nan), "keypoints_visible": jnp.ones((2, 3), bool)}
    loss = pose.loss()
    value = jax.value_and_grad(lambda outputs: loss(outputs, batch)[0].sum())
    total, gradient = value(jnp.ones((2, 4, 4, 3)))
    assert total == 0
    assert not np.asarray(gradient).any()
    metric = pose.pck(3)
    result = metric.result(metric.add(metric.start(), jnp.ones((2, 4, 4, 3)), batch))
    assert np.isnan(result["pck"])
    assert np.isnan(result["joints"]).all()


def test_targets_decode_to_the_joints():
    batch = drawn(3)
    made = jax.device_get(pose.targets(batch, grid=GRID, stride=STRIDE, sigma=1.5))
    edge = STRIDE  # in the outermost cells a neighbor is missing
    errors = {}
    for shift in ("none", "quarter", "gaussian"):
        decode = jax.jit(lambda outputs, shift=shift: pose.decode(outputs, shift=shift))
        found = np.asarray(decode(made["heatmap"])["keypoints"])
        errors[shift] = [
            np.abs(found[n, j] - [row, column]).max()
            for n, j, row, column in those_that_count(batch)
            if edge < row < HEIGHT - edge and edge < column < WIDTH - edge
        ]
    assert len(errors["none"]) >= 8
    assert max(errors["none"]) <= STRIDE / 2 + 1e-4
    assert max(errors["quarter"]) <= STRIDE / 4 + 1e-4
    assert max(errors["gaussian"]) < 1e-3


@pytest.mark.parametrize("shift", ["none", "quarter", "gaussian"])
def test_peaks_against_a_loop(shift):
    outputs = np.random.default_rng(0).uniform(0.01, 1, (N, 5, 7, JOINTS)).astype(np.float32)
    found = jax.device_get(pose.decode(outputs, stride=3, shift=shift))
    shifts = set()
    for n, j in np.ndindex(N, JOINTS):
        heatmap = outputs[n, ..., j].astype(np.float64)
        peak = np.unravel_index(heatmap.argmax(), heatmap.shape)
        assert found["scores"][n, j] == pytest.approx(heatmap[peak])
        for axis in (0, 1):
            line = heatmap[:, peak[1]] if axis == 0 else heatmap[peak[0]]
            at, moved = peak[axis], 0.0
            if 0 < at < len(line) - 1 and shift == "quarter":
                moved = 0.25 if line[at + 1] > line[at - 1] else -0.25
            elif 0 < at < len(line) - 1 and shift == "gaussian":
                a, b, _ = np.polyfit([-1, 0, 1], np.log(line[at - 1 : at + 2]), 2)
                moved = -b / (2 * a)
            shifts.add(round(moved, 2))
            assert found["keypoints"][n, j, axis] == pytest.approx(3 * (at + 0.5 + moved), rel=1e-4)
    assert len(shifts) >= {"none": 1, "quarter": 3, "gaussian": 10}[shift]


def test_heatmaps_without_a_peak():
    found = pose.decode(jnp.zeros((1, 4, 4, 1)), shift="gaussian")
    assert found["keypoints"].tolist() == [[[2.0, 2.0]]]
    negative = pose.decode(jnp.full((1, 4, 4, 1), -1.0).at[0, 1, 1].set(-0.5), shift="gaussian")
    assert negative["keypoints"].tolist() == [[[6.0, 6.0]]]


def expected_hits(found, batch, share, of):
    right, counts = np.zeros((N, JOINTS), bool), np.zeros((N, JOINTS), bool)
    inside = list(those_that_count(batch))
    for n, j, row, column in inside:
        counts[n, j] = True
        own = np.array([(r, c) for m, _, r, c in inside if m == n])
        size = batch["torso"][n] if of == "torso" else (own.max(0) - own.min(0)).max()
        right[n, j] = np.hypot(*(found[n, j] - [row, column])) <= share * size
    return right, counts


@pytest.mark.parametrize(("share", "of"), [(0.1, "box"), (0.2, "torso"), (0.3, "box")])
def test_the_percentage_of_correct_keypoints(share, of):
    batch, rng = drawn(4), np.random.default_rng(5)
    points = np.nan_to_num(batch["keypoints"], nan=0, posinf=0)
    found = (points + rng.normal(0, 3, points.shape)).astype(np.float32)
    picture = (HEIGHT, WIDTH)
    hits = jax.jit(lambda f, b: pose.hits(f, b, share=share, of=of, picture=picture))
    right, counts = hits(found, batch)
    expected = expected_hits(found, batch, share, of)
    np.testing.assert_array_equal(right, expected[0])
    np.testing.assert_array_equal(counts, expected[1])
    assert 2 < expected[0].sum() < expected[1].sum()

    outputs = rng.uniform(0, 1, (N, *GRID, JOINTS)).astype(np.float32)
    seen = jax.device_get(pose.targets(batch, grid=GRID, stride=STRIDE, sigma=1.0))["heatmap"]
    outputs = np.where(rng.random((N, 1, 1, JOINTS)) < 0.5, seen + 0.1 * outputs, outputs)
    metric, total = pose.pck(JOINTS, share=share, of=of), None
    total = metric.start()
    for part in (slice(0, 2), slice(2, N)):
        some = {name: value[part] for name, value in batch.items()}
        total = jax.jit(metric.add)(total, outputs[part], some)
    result = metric.result(jax.device_get(total))
    found = np.asarray(pose.decode(outputs)["keypoints"])
    right, counts = expected_hits(found, batch, share, of)
    assert result["pck"] == pytest.approx(right.sum() / counts.sum())
    np.testing.assert_allclose(result["joints"], right.sum(0) / counts.sum(0))
    assert 0 < result["pck"] < 1


def test_left_and_right_are_exchanged():
    names = ("left hip", "neck", "right hip", "upper left arm", "upper right arm")
    order = pose.mirror_order(names)
    assert order == (2, 1, 0, 4, 3)
    batch = {"keypoints": jnp.asarray(np.random.default_rng(0).uniform(0, 32, (2, 5, 2)))}
    batch["keypoints"] = batch["keypoints"].astype(jnp.float32)
    heatmaps = pose.targets(batch, grid=(8, 8))["heatmap"]
    other = jnp.stack([batch["keypoints"][..., 0], 32 - batch["keypoints"][..., 1]], -1)
    expected = pose.targets({"keypoints": other[:, np.array(order)]}, grid=(8, 8))["heatmap"]
    np.testing.assert_allclose(pose.mirrored(heatmaps, order), expected, atol=1e-5)
    np.testing.assert_array_equal(pose.mirrored(pose.mirrored(heatmaps, order), order), heatmaps)


POINTS = jnp.zeros((2, 3, 2))


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: pose.targets({}, grid=(4, 4)), ValueError, "`batch` must have `keypoints`"),
        (lambda: pose.targets({"keypoints": POINTS[0]}, grid=(4, 4)), ValueError, "(n, joints, 2)"),
        (
            lambda: pose.targets({"keypoints": POINTS.astype(int)}, grid=(4, 4)),
            TypeError,
            "`keypoints` must hold floats; got int32.",
        ),
        (
            lambda: pose.hits(POINTS, {"keypoints": POINTS, "keypoints_visible": POINTS[..., 0]}),
            TypeError,
            "`keypoints_visible` must hold bools; got float32.",
        ),
        (
            lambda: pose.hits(POINTS, {"keypoints": POINTS, "keypoints_visible": POINTS[0] > 0}),
            ValueError,
            "`keypoints_visible` must have one entry for each",
        ),
        (
            lambda: pose.hits(POINTS[:1], {"keypoints": POINTS}),
            ValueError,
            "`found` must have the shape of `keypoints`, (2, 3, 2); got (1, 3, 2).",
        ),
        (
            lambda: pose.hits(POINTS, {"keypoints": POINTS}, of="torso"),
            ValueError,
            "`batch` must have `torso`, (n,) floats",
        ),
        (
            lambda: pose.hits(POINTS, {}, of="head"),
            ValueError,
            "`of` must be one of 'box', 'torso'",
        ),
        (lambda: pose.pck(0), ValueError, "`joints` must be a positive int; got 0."),
        (lambda: pose.pck(3, share=-1), ValueError, "`share` must be"),
        (lambda: pose.loss(sigma=0), ValueError, "`sigma` must be"),
        (
            lambda: pose.loss()(jnp.zeros((2, 4, 4, 5)), {"keypoints": POINTS}),
            ValueError,
            "`outputs` must have a heatmap for each of `keypoints` (2, 3, 2); got 5",
        ),
        (lambda: pose.decode(jnp.zeros((4, 4, 3))), ValueError, "`outputs` must be heatmaps"),
        (lambda: pose.decode(jnp.zeros((1, 4, 4, 3)), shift="half"), ValueError, "`shift` must be"),
        (lambda: pose.mirror_order(("left eye", "nose")), ValueError, "and not 'right eye'."),
        (
            lambda: pose.mirrored(jnp.zeros((1, 4, 4, 3)), (0, 1)),
            ValueError,
            "`order` must hold each of 0 to 2 once; got (0, 1).",
        ),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(call, kind, text):
    with pytest.raises(kind, match=re.escape(text)):
        call()


def test_a_metric_of_other_joints_is_told():
    metric, batch = pose.pck(14), {"keypoints": jnp.zeros((1, 1, 2))}
    text = "`outputs` must have 14 heatmaps, as the metric; got (1, 4, 4, 1)."
    with pytest.raises(ValueError, match=re.escape(text)):
        metric.add(metric.start(), jnp.zeros((1, 4, 4, 1)), batch)
