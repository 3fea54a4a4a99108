"""The training loop."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from cnn_jax import training

from . import tiny
from .tiny import assert_same_bits

TRAIN, TEST = tiny.numbers(20, seed=1), tiny.numbers(11, seed=2)
KEY = jax.random.key(3)


def fit(state=None, train=TRAIN, test=TEST, *, epochs=3, batch_size=8, key=KEY, **options):
    start, apply, sgd = tiny.linear()
    apply, sgd = options.pop("apply", apply), options.pop("optimizer", sgd)
    state = start if state is None else state
    return training.fit(
        state, apply, sgd, train, test, epochs=epochs, batch_size=batch_size, key=key, **options
    )


def test_records_are_the_numbers_of_each_epoch(capfd):
    state, apply, sgd = tiny.linear()
    epoch = training.make_epoch(training.make_step(apply, sgd), 8)
    evaluate = training.make_evaluate(apply, 8)
    train, test = map(jnp.asarray, TRAIN), map(jnp.asarray, TEST)
    train, test = list(train), list(test)
    number = 0
    for number, (record, reached) in enumerate(fit(), 1):
        state, metrics = epoch(state, *train, KEY)
        evaluation = evaluate(state, *test)
        assert_same_bits(reached, state)
        assert (record.epoch, record.step) == (number, 2 * number)
        assert record.train_loss == float(np.asarray(metrics.loss).mean())
        assert record.train_accuracy == float(np.asarray(metrics.accuracy).mean())
        assert record.test_loss == float(evaluation.loss)
        assert record.test_accuracy == float(evaluation.accuracy)
        assert 0 < record.seconds < 600
        assert all(type(value) in (int, float) for value in dataclasses.astuple(record))
    assert number == 3
    assert capfd.readouterr() == ("", "")


def test_training_learns():
    records = [record for record, _ in fit(train=tiny.numbers(200), epochs=20)]
    assert records[-1].test_loss < 0.7 * records[0].test_loss
    assert records[-1].train_loss < 0.7 * records[0].train_loss


def test_the_given_state_stays_usable():
    state, _, _ = tiny.linear()
    before = jax.tree.map(np.array, state)
    first = [record.test_loss for record, _ in fit(state)]
    assert_same_bits(state, before)
    assert first == [record.test_loss for record, _ in fit(state)]


def test_an_epoch_is_saved_before_it_is_yielded_and_then_the_next_takes_its_buffers(tmp_path):
    checkpoints = training.Checkpoints(tmp_path, {})
    run = fit(checkpoints=checkpoints)
    assert checkpoints.epochs() == [0]
    record, state = next(run)
    assert checkpoints.epochs() == [0, 1]
    restored, history = checkpoints.restore(tiny.linear()[0])
    assert history == (record,)
    assert_same_bits(restored, state)
    next(run)
    assert state.step.is_deleted()


def test_a_run_holds_its_folder_until_it_ends(tmp_path):
    checkpoints = training.Checkpoints(tmp_path, {})
    run = fit(checkpoints=checkpoints)
    next(run)
    state, history = checkpoints.restore(tiny.linear()[0])
    with pytest.raises(training.CheckpointError, match="Another process trains in"):
        fit(state, checkpoints=checkpoints, history=history)
    assert checkpoints.epochs() == [0, 1]
    run.close()
    assert len(list(fit(state, checkpoints=checkpoints, history=history))) == 2


def test_no_epochs_are_no_records():
    assert list(fit(epochs=0)) == []


def test_the_step_at_fault_is_named_and_its_epoch_is_not_saved(tmp_path):
    # An infinite learning rate in step 5, at 2 steps an epoch: the loss is not finite in step 6.
    state, apply, _ = tiny.linear()
    sgd = optax.sgd(lambda count: jnp.where(count < 4, 0.1, jnp.inf))
    state = dataclasses.replace(state, opt_state=sgd.init(state.params))
    checkpoints = training.Checkpoints(tmp_path, {})
    run = training.fit(
        state, apply, sgd, TRAIN, TEST, epochs=9, batch_size=8, key=KEY, checkpoints=checkpoints
    )
    with pytest.raises(training.NonFiniteLossError) as caught:
        list(run)
    assert (caught.value.step, caught.value.epoch) == (6, 3)
    text = str(caught.value)
    assert text.startswith("The training loss became nan at step 6, in epoch 3. Try a smaller lea")
    assert text.endswith(f"The last good checkpoint is {checkpoints.folder(2)}.")
    assert checkpoints.epochs() == [0, 1, 2]
    good, history = checkpoints.restore(state)
    assert len(history) == 2
    assert np.isfinite(good.params["kernel"]).all()


def test_a_loss_that_is_not_finite_stops_a_run_that_is_not_saved():
    images, labels = TRAIN
    with pytest.raises(
        training.NonFiniteLossError, match=r"at step 1, in epoch 1\. .* Nothing was"
    ):
        list(fit(train=(np.full_like(images, np.nan), labels)))


def test_a_test_loss_that_is_nan_stops_too(tmp_path):
    checkpoints = training.Checkpoints(tmp_path, {})
    images, labels = TEST
    images = np.where(np.arange(11)[:, None] == 10, np.nan, images)
    with pytest.raises(training.NonFiniteLossError, match=r"test loss became nan after step 2, in"):
        list(fit(test=(images, labels), checkpoints=checkpoints))
    assert checkpoints.epochs() == [0]


IMAGES, LABELS = TRAIN
WRONG = {
    "epochs": ({"epochs": -1}, ValueError, r"`epochs` must be an int of at least 0; got -1\."),
    "epochs float": ({"epochs": 1.5}, TypeError, r"`epochs` must be an int of .* got 1\.5"),
    "batch size": ({"batch_size": 21}, ValueError, r"`batch_size` must be at most .* 20; got 21"),
    "epochs huge": ({"epochs": 2**40}, ValueError, r"`epochs` must be at most 2147483647"),
    "epochs array": (
        {"epochs": np.ones(3)},
        TypeError,
        r"`epochs` .* got an array of float64\[3\]",
    ),
    "seed as key": ({"key": 0}, TypeError, r"`key` must be one typed key, .* got 0\."),
    "two keys": ({"key": jax.random.split(KEY)}, TypeError, r"`key` .* got key<fry>\[2\]"),
    "state": ({"state": {}}, TypeError, r"`state` must be a TrainState, as `init` .* got dict\."),
    "apply": (
        {"apply": None},
        TypeError,
        r"`apply` must be a function of \(params, stats, images,",
    ),
    "optimizer": (
        {"optimizer": 0.1},
        TypeError,
        r"`optimizer` must be an optax\.GradientTransformation, such as .* got float\.",
    ),
    "optimizer not called": ({"optimizer": optax.adam}, TypeError, r"`optimizer` .* got function"),
    "another optimizer": (
        {"optimizer": optax.adam(0.1)},
        ValueError,
        r"`optimizer` must be the one that `init` was given; .* 0\.mu\.kernel is float32\[4, 3\] ",
    ),
    "checkpoints": (
        {"checkpoints": "runs"},
        TypeError,
        r"`checkpoints` must be training\.Checkpoints or None; got str\.",
    ),
    "history": (
        {"history": [1]},
        TypeError,
        r"`history` must be a sequence of EpochRecord; got int\.",
    ),
    "ragged": (
        {"train": ([[1], [1, 2]], [0, 1])},
        TypeError,
        r"The images of `train` must be an ar",
    ),
    "words": ({"train": (["a", "b"], [0, 1])}, TypeError, r"images of `train` .* numbers; got <U1"),
    "wide label": (
        {"test": (IMAGES, LABELS + 2**32)},
        ValueError,
        r"The labels of `test` must fit into int32; they go from 4294967296 to 4294967298\.",
    ),
    "no pair": ({"train": IMAGES}, TypeError, r"`train` must be a pair .*; got ndarray"),
    "lengths": (
        {"test": (IMAGES, LABELS[:-1])},
        ValueError,
        r"`test` must have one label per image; got 20 images and 19 labels\.",
    ),
    "one hot": ({"train": (IMAGES, np.eye(3)[LABELS])}, ValueError, r"`train` .* and \(20, 3\)"),
    "empty": ({"test": (IMAGES[:0], LABELS[:0])}, ValueError, r"`test` .* images \(0, 4\)"),
    "float labels": (
        {"train": (IMAGES, LABELS.astype(np.float32))},
        TypeError,
        r"The labels of `train` must be integers; got float32\.",
    ),
    "high label": (
        {"test": (IMAGES, LABELS + 1)},
        ValueError,
        r"The labels of `test` must be in \[0, 3\), .* they go from 1 to 3\.",
    ),
    "negative label": ({"train": (IMAGES, LABELS - 1)}, ValueError, r"`train` .* from -1 to 1\."),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_argument_is_named_by_the_call_itself(name, tmp_path):
    options, error, message = WRONG[name]
    with pytest.raises(error, match=message):
        fit(**{"checkpoints": training.Checkpoints(tmp_path / "run", {}), **options})
    assert not (tmp_path / "run").exists()


def test_a_state_that_is_not_where_its_history_ends_is_refused():
    state = dataclasses.replace(tiny.linear()[0], step=jnp.int32(2))
    with pytest.raises(ValueError, match=r"`state` must stand at the end of `history`, 0 epochs"):
        fit(state)
