"""Classification: against NumPy in double precision, and by counting."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax.tasks import classification

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(40, 7)).astype(np.float32) * 3
LABELS = RNG.integers(0, 7, 40)


def log_softmax(logits):
    logits = logits.astype(np.float64)
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def batch(label=LABELS):
    return {"label": jnp.asarray(label)}


def accumulated(metric, parts, logits=LOGITS, labels=LABELS):
    """The result of a metric that sees the examples in so many parts."""
    total = metric.start()
    for some, label in zip(np.array_split(logits, parts), np.array_split(labels, parts)):
        total = jax.jit(metric.add)(total, jnp.asarray(some), batch(label))
    return metric.result(total)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_the_cross_entropy_of_smoothed_labels(smoothing):
    loss = classification.loss(label_smoothing=smoothing)
    losses, others = jax.jit(loss)(jnp.asarray(LOGITS), batch())
    shares = (1 - smoothing) * np.eye(7)[LABELS] + smoothing / 7
    np.testing.assert_allclose(losses, -(shares * log_softmax(LOGITS)).sum(-1), rtol=1e-5)
    np.testing.assert_array_equal(others["accuracy"], LOGITS.argmax(-1) == LABELS)
    assert losses.dtype == others["accuracy"].dtype == jnp.float32


def test_the_gradient_is_that_of_the_softmax():
    gradient = jax.grad(lambda logits: classification.loss()(logits, batch())[0].sum())
    expected = np.exp(log_softmax(LOGITS)) - np.eye(7)[LABELS]
    np.testing.assert_allclose(gradient(jnp.asarray(LOGITS)), expected, atol=1e-6)


def test_mixed_labels_are_shares():
    shares = RNG.dirichlet(np.ones(7), 40).astype(np.float32)
    losses, others = classification.loss()(jnp.asarray(LOGITS), batch(shares))
    np.testing.assert_allclose(losses, -(shares * log_softmax(LOGITS)).sum(-1), rtol=1e-5)
    np.testing.assert_array_equal(others["accuracy"], LOGITS.argmax(-1) == shares.argmax(-1))


@pytest.mark.parametrize("k", [1, 2, 5, 7, 9])
def test_the_label_is_among_the_k_largest(k):
    logits = LOGITS.round()  # with ties, of which the first counts as larger
    order = np.argsort(-logits, axis=-1, kind="stable")[:, :k]
    _, others = classification.loss(top=(1, k))(jnp.asarray(logits), batch())
    name = "accuracy" if k == 1 else f"top{k}"
    np.testing.assert_array_equal(others[name], (order == LABELS[:, None]).any(-1))
    np.testing.assert_array_equal(others["accuracy"], logits.argmax(-1) == LABELS)


def test_bfloat16_logits_are_scored_in_float32():
    narrow = jnp.asarray(LOGITS, jnp.bfloat16)
    losses, _ = classification.loss()(narrow, batch())
    expected, _ = classification.loss()(narrow.astype(jnp.float32), batch())
    np.testing.assert_array_equal(losses, expected)


@pytest.mark.parametrize("parts", [1, 3])
def test_the_confusion_matrix_counts(parts):
    counts = accumulated(classification.confusion(7), parts)
    for row in range(7):
        for column in range(7):
            assert counts[row, column] == np.sum((row == LABELS) & (LOGITS.argmax(-1) == column))


@pytest.mark.parametrize(("parts", "bins"), [(1, 15), (3, 15), (2, 4)])
def test_the_calibration_error_by_its_definition(parts, bins):
    chance = np.exp(log_softmax(LOGITS))
    confidence, right = chance.max(-1), LOGITS.argmax(-1) == LABELS
    error = 0.0
    for i in range(bins):
        inside = (confidence > i / bins) & (confidence <= (i + 1) / bins)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert accumulated(classification.calibration(bins), parts) == pytest.approx(error, abs=1e-6)


def test_a_network_that_is_always_right_and_sure_is_calibrated():
    sure = 50.0 * np.eye(7, dtype=np.float32)[LABELS]
    assert accumulated(classification.calibration(), 2, logits=sure) < 1e-6
    wrong = accumulated(classification.calibration(), 2, logits=sure, labels=(LABELS + 1) % 7)
    assert wrong == pytest.approx(1, abs=1e-6)


def test_the_most_likely_classes_come_first():
    classes, chances = classification.decode(LOGITS, top=3)
    np.testing.assert_array_equal(classes, np.argsort(-LOGITS, axis=-1)[:, :3])
    expected = np.take_along_axis(np.exp(log_softmax(LOGITS)), classes, -1)
    np.testing.assert_allclose(chances, expected, rtol=1e-5)
    assert classification.decode(LOGITS, top=50)[0].shape == (40, 7)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"label_smoothing": 1}, ValueError, r"`label_smoothing` must be a number in \[0, 1\)"),
        ({"label_smoothing": "0.1"}, TypeError, "`label_smoothing` must be a number"),
        ({"top": (0,)}, ValueError, r"`top` must be a positive int; got 0"),
        ({"top": (1.5,)}, TypeError, r"`top` must be a positive int; got 1\.5"),
    ],
)
def test_wrong_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        classification.loss(**options)


@pytest.mark.parametrize(
    ("logits", "label", "error", "message"),
    [
        ((8, 2, 3), np.zeros(8, int), ValueError, r"logits \(n, classes\).*got logits \(8, 2, 3\)"),
        ((4, 3), np.zeros(8, int), ValueError, r"got logits \(4, 3\) and labels \(8,\)"),
        ((8, 3), np.zeros((8, 2)), ValueError, r"got logits \(8, 3\) and labels \(8, 2\)"),
        ((8, 3), np.zeros(8, np.float32), TypeError, r"`label` must be integers or shares; got fl"),
    ],
)
def test_logits_and_labels_that_do_not_fit_are_refused(logits, label, error, message):
    for use in (
        classification.loss(),
        lambda *given: classification.confusion(3).add(jnp.zeros((3, 3), jnp.int32), *given),
        lambda *given: classification.calibration().add(jnp.zeros((15, 3)), *given),
    ):
        with pytest.raises(error, match=message):
            use(jnp.zeros(logits), batch(label))


@pytest.mark.parametrize(
    ("labels", "classes", "error", "message"),
    [
        ([0, -1], 3, ValueError, r"must be in \[0, 3\); they go from -1 to 0"),
        ([0.0], 3, TypeError, "must be integers; got float64"),
        ([[0, 1]], 3, ValueError, r"must have the shape \(n,\); got \(1, 2\)"),
        (np.ones((4, 2)), 3, ValueError, r"a share for each of 3 classes; got \(4, 2\)"),
        ([0], 0, ValueError, "`classes` must be a positive int"),
    ],
)
def test_labels_that_no_logit_is_for_are_refused(labels, classes, error, message):
    with pytest.raises(error, match=message):
        classification.check_labels(labels, classes)
    classification.check_labels(LABELS, 7)
    classification.check_labels(np.ones((4, 7)), 7)


@pytest.mark.parametrize(("logits", "label"), [([jnp.nan] * 3, 2), ([1.0, 0, 0], 3)])
def test_no_number_and_no_class_are_not_among_the_largest(logits, label):
    for k in (1, 3):
        found = classification.in_top(jnp.array([logits]), jnp.array([label]), k)
        assert found.tolist() == [0]


def test_a_class_that_is_masked_out_costs_nothing():
    logits = jnp.array([[0.0, -jnp.inf]])
    losses, slope = jax.value_and_grad(
        lambda y: classification.loss()(y, {"label": jnp.array([0])})[0].sum()
    )(logits)
    assert losses == 0
    assert np.isfinite(slope).all()


def test_confusion_counts_classes_alone():
    metric = classification.confusion(2)
    batch = {"label": jnp.array([-1, 2, 1])}
    counts = metric.add(metric.start(), jnp.eye(3)[:, :2], batch)
    assert metric.result(counts).tolist() == [[0, 0], [1, 0]]
    shares = {"label": jnp.array([[0.3, 0.7], [0.9, 0.1]])}
    counts = metric.add(metric.start(), jnp.eye(2), shares)
    assert metric.result(counts).tolist() == [[0, 1], [1, 0]]
    error = classification.calibration()
    assert error.result(error.add(error.start(), 20 * jnp.eye(2), shares)) == pytest.approx(1)
    with pytest.raises(ValueError, match="must have 2 classes, as the metric"):
        metric.add(metric.start(), jnp.eye(3), {"label": jnp.arange(3)})
