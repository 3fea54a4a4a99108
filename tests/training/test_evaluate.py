"""What a state makes of a split."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax import training
from cnn_jax.tasks import Accumulator, classification

from . import tiny
from .tiny import LOSS, assert_same_bits


def make(apply, split, batch_size=8, **options):
    return training.make_evaluate(apply, LOSS, training.batches(split, batch_size), **options)


@pytest.mark.parametrize("examples", [8, 9, 20])
@pytest.mark.parametrize("resident", [True, False])
def test_every_example_counts_exactly_once(examples, resident):
    state, apply, _ = tiny.linear()
    split = tiny.numbers(examples)
    split["image"][-1] *= 100  # counted twice or not at all, it would show
    batches = training.batches(split, 8, resident=resident)
    values = training.make_evaluate(apply, LOSS, batches)(state)
    outputs = training.make_predict(apply, batches)(state)
    logits = split["image"] @ np.asarray(state.params["kernel"], np.float64)
    logits += np.asarray(state.params["bias"])
    labels = split["label"]
    chance = tiny.softmax(logits)[np.arange(examples), labels]
    np.testing.assert_allclose(outputs, logits, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(values["loss"], -np.log(chance).mean(), rtol=1e-4)
    assert values["accuracy"] == pytest.approx(np.mean(logits.argmax(-1) == labels))


def test_the_batch_size_and_the_devices_change_nothing():
    state = tiny.start()
    apply, _ = tiny.program()
    split, results = tiny.split(20), []
    for options in (
        {"batch_size": 20},
        {"batch_size": 1},
        {"batch_size": 6},
        {"batch_size": 8, "mesh": training.make_mesh()},
        {"batch_size": 8, "mesh": training.make_mesh(), "resident": False},
    ):
        batches = training.batches(split, **options)
        placed = training.place(state, batches.mesh) if batches.mesh else state
        evaluate = training.make_evaluate(apply, LOSS, batches, prepare=tiny.prepare)
        predict = training.make_predict(apply, batches, prepare=tiny.prepare)
        results.append((evaluate(placed), predict(placed)))
    for values, outputs in results[1:]:
        assert values == pytest.approx(results[0][0], rel=1e-5)
        np.testing.assert_allclose(outputs, results[0][1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("batch_size", [3, 7, 20])
def test_metrics_that_are_no_means(batch_size):
    state, apply, _ = tiny.linear()
    split = tiny.numbers(20)
    largest = Accumulator(
        lambda: jnp.float32(-jnp.inf),
        lambda total, outputs, batch: jnp.maximum(total, (outputs[:, 0] - outputs[:, 1]).max()),
        float,
    )
    metrics = {"largest": largest, "confusion": classification.confusion(tiny.CLASSES)}
    values = make(apply, split, batch_size, metrics=metrics)(state)
    logits = training.make_predict(apply, training.batches(split, 20))(state)
    np.testing.assert_allclose(values["largest"], (logits[:, 0] - logits[:, 1]).max(), rtol=1e-6)
    counts = np.zeros((3, 3), int)
    np.add.at(counts, (split["label"], logits.argmax(-1)), 1)
    np.testing.assert_array_equal(values["confusion"], counts)


def test_outputs_may_be_trees():
    state, apply, _ = tiny.linear()

    def both(params, stats, batch, key=None):
        logits, stats = apply(params, stats, batch, key)
        return {"logits": logits, "best": logits.argmax(-1)}, stats

    outputs = training.make_predict(both, training.batches(tiny.numbers(11), 4))(state)
    np.testing.assert_array_equal(outputs["best"], outputs["logits"].argmax(-1))
    assert outputs["logits"].shape == (11, 3)


def test_the_state_is_not_donated_and_no_random_number_is_drawn():
    state = tiny.start()
    before = jax.tree.map(np.array, state)
    apply, _ = tiny.program()
    seen = []

    def prepare(batch, key):
        seen.append(key)
        return tiny.prepare(batch)

    evaluate = make(apply, tiny.split(9), prepare=prepare)
    assert evaluate(state) == evaluate(state)
    assert set(seen) == {None}
    assert_same_bits(state, before)


def test_wrong_arguments_are_refused():
    state, apply, _ = tiny.linear()
    batches = training.batches(tiny.numbers(8), 4)
    with pytest.raises(TypeError, match=r"`apply` must be a function of \(params, stats, batch\)"):
        training.make_evaluate(0, LOSS, batches)
    with pytest.raises(TypeError, match=r"`loss` must be a function of \(outputs, batch\)"):
        training.make_evaluate(apply, None, batches)
    with pytest.raises(TypeError, match=r"`prepare` must be a function of \(batch, key\)"):
        training.make_predict(apply, batches, prepare=3)
    metrics = {"accuracy": classification.confusion(3)}
    with pytest.raises(ValueError, match=r"called as measures of the loss; got \['accuracy'\]"):
        training.make_evaluate(apply, LOSS, batches, metrics=metrics)(state)
