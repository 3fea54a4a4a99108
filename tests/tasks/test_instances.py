"""Instance segmentation: targets, loss and decoding against NumPy, pixel by pixel."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax.tasks import instances
from cnn_jax.tasks.instances import UNIT

from ..compilation import jit

RNG = np.random.default_rng(0)
CLASSES = 3


def drawn(n=3, m=4, size=(14, 12)):
    """Masks that do not overlap, some of them empty, some places without an object."""
    owner = RNG.integers(-1, m, (n, *size))
    owner = np.where(RNG.random(owner.shape) < 0.3, -1, owner)
    masks = owner[:, None] == np.arange(m)[None, :, None, None]
    masks[0, 1] = False
    valid = RNG.random((n, m)) < 0.7
    valid[-1] = False  # a picture without objects
    valid[0] = True
    return {"masks": masks, "boxes_valid": valid, "classes": RNG.integers(0, CLASSES, (n, m))}


def by_hand(batch, sigma):
    """Labels, heatmaps and votes, object by object."""
    n, m, height, width = batch["masks"].shape
    label = np.zeros((n, height, width), int)
    heatmap, votes = np.zeros((n, height, width)), np.zeros((n, height, width, 2))
    for i in range(n):
        for j in range(m):
            pixels = np.argwhere(batch["masks"][i, j])
            if not batch["boxes_valid"][i, j] or not len(pixels):
                continue
            center = pixels.mean(0)
            for r, c in np.ndindex(height, width):
                bump = np.exp(-((r - center[0]) ** 2 + (c - center[1]) ** 2) / (2 * sigma**2))
                heatmap[i, r, c] = max(heatmap[i, r, c], bump)
            for r, c in pixels:
                label[i, r, c] = batch["classes"][i, j] + 1
                votes[i, r, c] = (center - [r, c]) / UNIT
    return {"label": label, "heatmap": heatmap, "votes": votes}


@pytest.mark.parametrize("sigma", [1.0, 3])
def test_targets_are_those_of_each_object(sigma):
    batch = drawn()
    found = jit(lambda b: instances.targets(b, sigma=sigma))(batch)
    expected = by_hand(batch, sigma)
    assert (expected["heatmap"][-1] == 0).all()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-5, atol=1e-5, err_msg=name)


def test_the_loss_is_its_formula():
    batch = drawn()
    outputs = RNG.normal(0, 1, (3, 14, 12, CLASSES + 4)).astype(np.float32)
    loss = jit(instances.loss(heatmap_weight=3, vote_weight=0.5, sigma=2))
    losses, parts = loss(outputs, batch)
    truth = by_hand(batch, 2)
    for i in range(3):
        logits = outputs[i, ..., : CLASSES + 1].astype(np.float64)
        logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        entropy = -np.mean([logs[(*place, k)] for place, k in np.ndenumerate(truth["label"][i])])
        heatmap = np.mean((outputs[i, ..., CLASSES + 1] - truth["heatmap"][i]) ** 2)
        inside = truth["label"][i] > 0
        away = np.abs(outputs[i, ..., CLASSES + 2 :] - truth["votes"][i]).sum(-1)[inside]
        votes = UNIT * away.mean() if inside.any() else 0
        found = [float(parts[name][i]) for name in ("entropy", "heatmap", "votes")]
        assert found == pytest.approx([entropy, heatmap, votes], rel=1e-5)
        assert float(losses[i]) == pytest.approx(entropy + 3 * heatmap + 0.5 * votes, rel=1e-5)
        right = logits.argmax(-1) == truth["label"][i]
        assert float(parts["accuracy"][i]) == pytest.approx(right.mean())
    assert not inside.any()  # of the last picture, whose loss is finite


def perfect(batch):
    """Outputs that say the truth."""
    truth = jax.device_get(instances.targets(batch))
    logits = 20 * np.eye(CLASSES + 1, dtype=np.float32)[truth["label"]]
    return np.concatenate([logits, truth["heatmap"][..., None], truth["votes"]], -1)


def squares():
    """Three squares, one of them under another; a picture without objects."""
    masks = np.zeros((2, 3, 24, 24), bool)
    masks[0, 0, 2:10, 2:10] = masks[0, 1, 6:16, 8:18] = masks[0, 2, 17:24, 0:7] = True
    masks[0, 0] &= ~masks[0, 1]
    valid = np.array([[True, True, True], [False, False, False]])
    return {"masks": masks, "boxes_valid": valid, "classes": np.array([[2, 0, 1], [0, 0, 0]])}


def test_the_truth_is_decoded_to_the_truth():
    batch = squares()
    found = jax.device_get(jit(lambda y: instances.decode(y, top=5))(perfect(batch)))
    assert (found["scores"][1] == 0).all()
    assert not found["masks"][1].any()
    assert (found["scores"][0] > 0).sum() == 3
    for place in range(3):
        (match,) = np.flatnonzero((found["masks"][0] == batch["masks"][0, place]).all((1, 2)))
        assert found["classes"][0, match] == batch["classes"][0, place]
        assert found["scores"][0, match] > 0.85
    precision = instances.average_precision(found, batch, classes=CLASSES)
    assert precision == pytest.approx({"ap": 1, "ap50": 1, "ap75": 1})


def test_decode_is_a_loop_over_pixels_and_peaks():
    outputs = RNG.normal(0, 1, (2, 9, 8, CLASSES + 4)).astype(np.float32)
    outputs[..., CLASSES + 1] = RNG.random((2, 9, 8))
    found = jax.device_get(jit(lambda y: instances.decode(y, top=6, least=0.5, kinds=2))(outputs))
    for y, masks, scores, classes in zip(
        outputs, *(found[n] for n in ("masks", "scores", "classes"))
    ):
        heights = y[..., CLASSES + 1]
        peaks = []
        for r, c in np.ndindex(9, 8):
            near = heights[max(r - 2, 0) : r + 3, max(c - 2, 0) : c + 3]
            if heights[r, c] == near.max() and heights[r, c] > 0.5:
                peaks.append((-heights[r, c], r, c))
        peaks = sorted(peaks)[:6]
        assert len(peaks) > 1
        shares = np.exp(y[..., : CLASSES + 1].astype(np.float64))
        shares /= shares.sum(-1, keepdims=True)
        owner = np.full((9, 8), -1)
        for r, c in np.ndindex(9, 8):
            if shares[r, c, 0] < 0.5:
                vote = UNIT * y[r, c, CLASSES + 2 :] + [r, c]
                owner[r, c] = np.argmin([np.hypot(*(vote - p[1:])) for p in peaks])
        for number in range(6):
            mask = owner == number
            both = slice(2 * number, 2 * number + 2)
            assert (masks[both] == mask).all()
            if number >= len(peaks) or not mask.any():
                assert (scores[both] == 0).all()
                continue
            means = shares[mask][:, 1:].mean(0)
            order = np.argsort(-means)[:2]
            assert classes[both].tolist() == order.tolist()
            assert scores[both] == pytest.approx(-peaks[number][0] * means[order], rel=1e-4)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: instances.decode(np.zeros((1, 4, 4, 4), np.float32)),
            "`outputs` must be floats (n, height, width, classes + 4): logits of background and "
            "classes, a height and two votes; got float32 (1, 4, 4, 4).",
        ),
        (lambda: instances.decode(jnp.zeros((1, 4, 4, 6)), apart=4), "`apart` must be odd; got 4."),
        (lambda: instances.decode(jnp.zeros((1, 4, 4, 6)), least=2), "`least` must be a number"),
        (
            lambda: instances.loss(vote_weight=-1),
            "`vote_weight` must be a finite number of at least 0",
        ),
        (lambda: instances.targets(squares(), sigma=0), "`sigma` must be a"),
        (
            lambda: instances.loss()(jnp.zeros((2, 20, 24, 7)), squares()),
            "`label` must be a class for each pixel of `outputs`, (2, 20, 24); got (2, 24, 24).",
        ),
    ],
)
def test_a_mistake_is_told_what_is_wrong(call, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        call()
