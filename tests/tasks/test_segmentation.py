"""Semantic segmentation: labels, losses and scores against NumPy, PyTorch and scikit-image."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage.metrics import contingency_table

from cnn_jax.tasks import segmentation

from ..compilation import jit

RNG = np.random.default_rng(0)
CLASSES = 4
OUTPUTS = RNG.normal(0, 2, (3, 6, 5, CLASSES)).astype(np.float32)
LABEL = RNG.integers(0, CLASSES, (3, 6, 5))
LABEL[0, :2], LABEL[1] = 255, -1  # borders; and an image of which nothing counts
BATCH = {"label": jnp.asarray(LABEL)}


def softmax(x):
    e = np.exp(x.astype(np.float64) - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def by_hand(ignore=None):
    """Cross entropy, Dice and accuracy of each image, pixel by pixel."""
    made = []
    for p, label in zip(softmax(OUTPUTS), LABEL):
        pixels = [(p[i], k) for i, k in np.ndenumerate(label) if 0 <= k < CLASSES and k != ignore]
        if not pixels:
            made.append((0.0, 0.0, 0.0))  # Dice: 1 / 1 for each class
            continue
        dice = []
        for kind in range(CLASSES):
            common = sum(q[kind] for q, k in pixels if k == kind)
            total = sum(q[kind] for q, _ in pixels) + sum(k == kind for _, k in pixels)
            dice.append((2 * common + 1) / (total + 1))
        entropy = np.mean([-np.log(q[k]) for q, k in pixels])
        made.append((entropy, 1 - np.mean(dice), np.mean([q.argmax() == k for q, k in pixels])))
    return np.array(made).T


@pytest.mark.parametrize("ignore", [None, 2])
@pytest.mark.parametrize(("entropy", "dice"), [(1, 0), (0, 1), (0.5, 2)])
def test_the_loss_is_its_formula(entropy, dice, ignore):
    loss = jit(segmentation.loss(entropy=entropy, dice=dice, ignore=ignore))
    losses, parts = loss(OUTPUTS, BATCH)
    expected = dict(zip(("entropy", "dice", "accuracy"), by_hand(ignore)))
    for name, values in expected.items():
        np.testing.assert_allclose(parts[name], values, rtol=1e-5, atol=1e-6, err_msg=name)
    total = entropy * expected["entropy"] + dice * expected["dice"]
    np.testing.assert_allclose(losses, total, rtol=1e-5, atol=1e-6)


def test_the_cross_entropy_and_its_gradient_are_those_of_torch():
    torch = pytest.importorskip("torch")
    x = torch.tensor(np.moveaxis(OUTPUTS[[0, 2]], -1, 1).copy(), requires_grad=True)
    labels = torch.tensor(LABEL[[0, 2]])
    cross = torch.nn.functional.cross_entropy
    losses = torch.stack([cross(a[None], b[None], ignore_index=255) for a, b in zip(x, labels)])
    losses.sum().backward()
    batch = {"label": BATCH["label"][jnp.array([0, 2])]}
    value, gradient = jit(
        jax.value_and_grad(lambda y: segmentation.loss(ignore=255)(y, batch)[0].sum())
    )(jnp.asarray(OUTPUTS[[0, 2]]))
    assert float(value) == pytest.approx(float(losses.sum().detach()), rel=1e-6)
    theirs = np.moveaxis(x.grad.numpy(), 1, -1)
    np.testing.assert_allclose(gradient, theirs, rtol=1e-4, atol=1e-7)


def test_nothing_that_counts_is_no_error():
    loss = segmentation.loss(dice=1)
    for y, label in ((OUTPUTS[1:2], LABEL[1:2]), (OUTPUTS[:0], LABEL[:0])):
        y, batch = jnp.asarray(y), {"label": jnp.asarray(label)}
        gradient = jax.grad(lambda y, batch=batch: loss(y, batch)[0].sum())(y)
        np.testing.assert_array_equal(gradient, np.zeros(y.shape))


@pytest.mark.parametrize("ignore", [None, 2])
def test_scores_are_those_of_scikit_image(ignore):
    metric = segmentation.confusion(CLASSES, ignore=ignore)
    total, add = metric.start(), jit(metric.add)
    for i in range(3):  # a batch at a time
        total = add(total, OUTPUTS[i : i + 1], {"label": BATCH["label"][i : i + 1]})
    counts = metric.result(jax.device_get(total))
    kept = (LABEL >= 0) & (LABEL < CLASSES) & (ignore != LABEL)
    true, said = LABEL[kept], OUTPUTS.argmax(-1)[kept]
    theirs = contingency_table(true, said).toarray()
    np.testing.assert_array_equal(counts[: len(theirs), : theirs.shape[1]], theirs)
    assert counts.sum() == kept.sum()
    assert counts.dtype == np.int64

    found = segmentation.scores(counts, ["a", "b", "c", "d"])
    overlaps = [
        np.sum((true == k) & (said == k)) / np.sum((true == k) | (said == k))
        for k in range(CLASSES)
    ]
    assert [found[f"iou of {name}"] for name in "abcd"] == pytest.approx(overlaps)
    assert found["miou"] == pytest.approx(np.mean(overlaps))
    assert found["accuracy"] == pytest.approx(np.mean(true == said))


def test_counts_of_more_than_32_bits():
    metric, near = segmentation.confusion(2), np.uint32(2**32 - 2)
    total = {"low": jnp.full((2, 2), near), "high": jnp.full((2, 2), jnp.uint32(1))}
    right = jnp.zeros((1, 2, 2, 2)).at[..., 0].set(1)
    total = metric.add(total, right, {"label": jnp.zeros((1, 2, 2), jnp.int32)})
    first, *others = metric.result(total).ravel().tolist()
    assert first == 2**32 + 2**32 - 2 + 4
    assert others == [2**33 - 2] * 3


def test_classes_that_are_nowhere_are_left_out_of_the_mean():
    found = segmentation.scores([[3, 1, 0], [0, 0, 0], [0, 0, 0]])
    assert (found["iou of 0"], found["iou of 1"]) == (0.75, 0)
    assert np.isnan(found["iou of 2"])
    assert found["miou"] == 0.375
    assert np.isnan(segmentation.scores(np.zeros((2, 2)))["miou"])


def test_labels_are_those_of_the_masks():
    masks = RNG.random((2, 3, 7, 6)) < 0.5
    valid = np.array([[True, False, True], [False, False, False]])
    classes = np.array([[4, 2, 0], [1, 1, 1]])
    expected = np.zeros((2, 7, 6), int)
    for n, m, i, j in np.ndindex(masks.shape):  # a later one lies on top
        if valid[n, m] and masks[n, m, i, j]:
            expected[n, i, j] = classes[n, m] + 1
    batch = {"masks": masks, "boxes_valid": valid, "classes": classes}
    found = jit(segmentation.targets)(batch)["label"]
    np.testing.assert_array_equal(found, expected)
    assert (expected[1] == 0).all()  # without objects
    nothing = {"masks": masks[:, :0], "boxes_valid": valid[:, :0], "classes": classes[:, :0]}
    assert (segmentation.targets(nothing)["label"] == 0).all()


def test_decode_is_the_softmax():
    found = segmentation.decode(OUTPUTS)
    np.testing.assert_array_equal(found["label"], OUTPUTS.argmax(-1))
    np.testing.assert_allclose(found["probability"], softmax(OUTPUTS).max(-1), rtol=1e-5)


MASKS = {
    "masks": np.zeros((2, 3, 4, 4), bool),
    "boxes_valid": np.ones((2, 3), bool),
    "classes": np.zeros((2, 3), int),
}


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: segmentation.targets({**MASKS, "masks": np.zeros((2, 3, 4, 4))}),
            ValueError,
            "`masks` must be bools (n, m, height, width); got float32 (2, 3, 4, 4).",
        ),
        (
            lambda: segmentation.targets({**MASKS, "classes": np.zeros((2, 2), int)}),
            ValueError,
            "`classes` must have one entry for each of `masks` (2, 3, 4, 4); got (2, 2).",
        ),
        (
            lambda: segmentation.targets({**MASKS, "classes": np.zeros((2, 3))}),
            TypeError,
            "`classes` must hold integers; got float32.",
        ),
        (
            lambda: segmentation.targets({**MASKS, "boxes_valid": np.ones((2, 3), int)}),
            TypeError,
            "`boxes_valid` must hold bools; got int32.",
        ),
        (lambda: segmentation.targets({"masks": 0}), ValueError, "no ['boxes_valid', 'classes']"),
        (
            lambda: segmentation.loss()(OUTPUTS, {"label": LABEL[:, :4]}),
            ValueError,
            "`label` must be a class for each pixel of `outputs`, (3, 6, 5); got (3, 4, 5).",
        ),
        (
            lambda: segmentation.loss()(OUTPUTS, {"label": LABEL.astype(np.float32)}),
            TypeError,
            "`label` must hold integers; got float32.",
        ),
        (
            lambda: segmentation.decode(LABEL),
            ValueError,
            "`outputs` must be logits (n, height, width, classes), floats; got int",
        ),
        (
            lambda: segmentation.loss(entropy=0),
            ValueError,
            "`entropy` or `dice` must be positive; got 0 and 0.",
        ),
        (
            lambda: segmentation.loss(dice=-1),
            ValueError,
            "`dice` must be a finite number",
        ),
        (lambda: segmentation.loss(ignore="x"), TypeError, "`ignore` must be an int; got 'x'."),
        (
            lambda: segmentation.confusion(3).add(
                segmentation.confusion(3).start(), OUTPUTS, BATCH
            ),
            ValueError,
            "`outputs` must have 3 classes, as the metric; got (3, 6, 5, 4).",
        ),
        (
            lambda: segmentation.scores(np.zeros((2, 3))),
            ValueError,
            "`counts` must be (classes, classes); got (2, 3).",
        ),
        (
            lambda: segmentation.scores(np.zeros((2, 2)), ["a"]),
            ValueError,
            "`names` must be one of each of 2 classes; got 1.",
        ),
    ],
)
def test_a_mistake_is_told_what_is_wrong(call, error, text):
    with pytest.raises(error, match=re.escape(text)):
        call()


def test_an_ignored_class_is_left_out_of_the_mean():
    counts = [[0, 0, 0], [1, 9, 0], [1, 0, 9]]
    assert segmentation.scores(counts)["miou"] == pytest.approx(0.6)
    found = segmentation.scores(counts, ignore=0)
    assert found["miou"] == pytest.approx(0.9)
    assert np.isnan(found["iou of 0"])
