"""Loss, accuracy and predictions of a split."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax import training
from tests.derivatives import double_precision

from . import tiny


@pytest.mark.parametrize("examples", [1, 7, 8, 9, 20])
def test_every_example_counts_exactly_once(examples):
    state, apply, _ = tiny.linear()
    images, labels = tiny.numbers(examples)
    images[-1] *= 100  # the example that fills up the last batch: counted twice, it would show
    ours = training.make_evaluate(apply, 8)(state, images, labels)
    logits = images @ np.asarray(state.params["kernel"]) + np.asarray(state.params["bias"])
    logits = logits.astype(np.float64)
    losses = np.log(np.exp(logits - logits.max(-1, keepdims=True)).sum(-1)) + logits.max(-1)
    losses -= logits[np.arange(examples), labels]
    np.testing.assert_allclose(ours.losses, losses, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ours.loss, losses.mean(), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(ours.predictions, logits.argmax(-1))
    assert float(ours.accuracy) == pytest.approx(np.mean(logits.argmax(-1) == labels), rel=1e-6)


def test_the_batch_size_changes_nothing():
    state, apply, _ = tiny.start()
    images, labels = map(jnp.asarray, tiny.split(20))
    whole = training.make_evaluate(apply, 20)(state, images, labels)
    for batch_size in (1, 6, 100):
        parts = training.make_evaluate(apply, batch_size)(state, images, labels)
        np.testing.assert_allclose(parts.losses, whole.losses, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(parts.predictions, whole.predictions)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        ((20, 4), (1,), r"n at least 1; got \(20, 4\) and \(1,\)\."),
        ((20, 4), (19,), r"got \(20, 4\) and \(19,\)\."),
        ((20, 4), (20, 3), r"got \(20, 4\) and \(20, 3\)\."),
        ((0, 4), (0,), r"got \(0, 4\) and \(0,\)\."),
    ],
)
@pytest.mark.parametrize("make", [training.make_evaluate, training.make_epoch])
def test_examples_without_a_label_are_refused(make, images, labels, message):
    state, apply, sgd = tiny.linear()
    epoch = make is training.make_epoch
    function = make(training.make_step(apply, sgd) if epoch else apply, 8)
    rest = (jax.random.key(0),) if epoch else ()
    with pytest.raises(ValueError, match=r"`images` must have shape \(n, \.\.\.\) .*" + message):
        function(state, jnp.zeros(images), jnp.zeros(labels, jnp.int32), *rest)
    with pytest.raises(TypeError, match="`labels` must be integers; got float32"):
        function(state, jnp.zeros((9, 4)), jnp.zeros(9), *rest)


def test_scores_of_lists_and_of_labels_that_are_none():
    losses, predictions = training.score([[0.0, 0.0], [0.0, 9.0]], [0, 1])
    np.testing.assert_allclose(losses, [np.log(2), np.log1p(np.exp(-9.0))], atol=1e-6)
    assert predictions.tolist() == [0, 1]
    with pytest.raises(TypeError, match="`labels` must be integers; got float32"):
        training.score(np.zeros((2, 3)), np.zeros(2))
    with pytest.raises(ValueError, match=r"got \(\) for labels \(\)"):
        training.score("logits", 1)


def test_the_state_is_not_donated():
    state, apply, _ = tiny.start()
    training.make_evaluate(apply, 8)(state, *tiny.split(9))
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves(state))


def test_score_is_in_float32_for_bfloat16_logits():
    logits = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    narrow = jnp.asarray(logits, jnp.bfloat16)
    losses, predictions = training.score(narrow, jnp.arange(6) % 4)
    expected, _ = training.score(narrow.astype(jnp.float32), jnp.arange(6) % 4)
    assert losses.dtype == jnp.float32
    assert predictions.dtype == jnp.int32
    np.testing.assert_array_equal(losses, expected)


def test_the_confusion_matrix_counts_rows_by_label_and_columns_by_prediction():
    rng = np.random.default_rng(0)
    labels, predictions = rng.integers(0, 4, (2, 50))
    counts = training.confusion_matrix(labels, jnp.asarray(predictions), classes=5)
    assert counts.shape == (5, 5)
    for row in range(5):
        for column in range(5):
            assert counts[row, column] == np.sum((labels == row) & (predictions == column))


def test_the_confusion_matrix_of_nothing_is_zero():
    empty = np.zeros(0, np.int64)
    np.testing.assert_array_equal(
        training.confusion_matrix(empty, empty, classes=2), np.zeros((2, 2))
    )


@pytest.mark.parametrize(
    ("labels", "predictions", "classes", "error", "message"),
    [
        ([-1, 0], [0, 0], 3, ValueError, r"`labels` must be in \[0, 3\); they go from -1 to 0"),
        ([0, 0], [0, 3], 3, ValueError, r"`predictions` must be in \[0, 3\); they go from 0 to 3"),
        ([0, 1, 2], [0], 3, ValueError, r"both have shape \(n,\); got \(3,\) and \(1,\)\."),
        (1, [0, 1], 3, ValueError, r"both have shape \(n,\); got \(\) and \(2,\)\."),
        ([[0, 1]], [[0, 1]], 3, ValueError, r"got \(1, 2\) and \(1, 2\)\."),
        ([0.0], [0], 3, TypeError, "`labels` must be integers; got float64"),
        ([0], [True], 3, TypeError, "`predictions` must be integers; got bool"),
        (None, [0], 3, TypeError, "`labels` must be an array of numbers; got object"),
        ([0], [2**40], 3, ValueError, "`predictions` must fit into int32"),
        ([0], [0], 0, ValueError, "`classes` must be a positive int; got 0"),
        ([0], [0], 2.0, TypeError, r"`classes` must be a positive int; got 2\.0"),
        ([0], [0], [3], TypeError, r"`classes` must be a positive int; got \[3\]"),
    ],
)
def test_what_has_no_confusion_matrix_is_refused(labels, predictions, classes, error, message):
    with pytest.raises(error, match=message):
        training.confusion_matrix(labels, predictions, classes=classes)


def test_labels_of_64_bits_do_not_wrap():
    with double_precision(), pytest.raises(ValueError, match="`labels` must fit into int32"):
        training.confusion_matrix(jnp.array([2**32]), [0], classes=1)
