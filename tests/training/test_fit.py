"""The training loop."""

import dataclasses
import json
import threading

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from cnn_jax import training

from . import tiny
from .tiny import KEY, LOSS, assert_same_bits

TRAIN, TEST = tiny.numbers(20, seed=1), tiny.numbers(11, seed=2)


def fit(start=None, step=None, train=TRAIN, *, epochs=3, batch_size=8, **options):
    state, _, sgd = tiny.linear()
    batches = options.pop("batches", None) or training.batches(train, batch_size)
    return training.fit(
        state if start is None else start,
        step or sgd,
        batches,
        epochs=epochs,
        key=options.pop("key", KEY),
        **options,
    )


def evaluation(split=TEST):
    _, apply, _ = tiny.linear()
    return {"test": training.make_evaluate(apply, LOSS, training.batches(split, 8))}


def test_records_are_the_numbers_of_each_epoch(capfd):
    state, _, step = tiny.linear()
    batches, evaluate, number = training.batches(TRAIN, 8), evaluation(), 0
    for number, (record, reached) in enumerate(fit(evaluate=evaluate), 1):
        means = []
        for i in range(2 * number - 2, 2 * number):
            rows = batches.indices(KEY, i)
            batch = {name: array[rows] for name, array in TRAIN.items()}
            state, metrics = step(state, batch, jax.random.fold_in(KEY, i))
            means.append(metrics)
        for name, value in state.params.items():
            np.testing.assert_allclose(reached.params[name], value, rtol=1e-5, atol=1e-7)
        assert (record["epoch"], record["step"]) == (number, 2 * number)
        for name in ("loss", "accuracy"):
            mean = np.mean([float(m[name]) for m in means])
            assert record[f"train_{name}"] == pytest.approx(mean, rel=1e-5)
            tested = evaluate["test"](reached)[name]
            assert record[f"test_{name}"] == pytest.approx(tested, rel=1e-6)
        assert 0 < record["seconds"] < 600
        assert json.loads(json.dumps(record)) == record
    assert number == 3
    assert capfd.readouterr() == ("", "")


def test_training_learns_and_needs_no_evaluation():
    records = [record for record, _ in fit(train=tiny.numbers(200), epochs=20)]
    assert records[-1]["train_loss"] < 0.7 * records[0]["train_loss"]
    assert records[0].keys() == {"epoch", "step", "train_loss", "train_accuracy", "seconds"}


def test_the_given_state_stays_usable():
    state, _, _ = tiny.linear()
    before = jax.tree.map(np.array, state)
    first = [record["train_loss"] for record, _ in fit(state)]
    assert_same_bits(state, before)
    assert first == [record["train_loss"] for record, _ in fit(state)]


def test_how_many_steps_are_asked_for_at_once_changes_no_bit(monkeypatch, tmp_path):
    whole = list(fit(epochs=2))
    monkeypatch.setattr("cnn_jax.training._run.SECONDS", 0.0)  # one by one, after the first time
    parts = list(fit(epochs=2))
    saved = list(fit(epochs=2, save_every=1, checkpoints=training.Checkpoints(tmp_path, {})))
    for other in (parts, saved):
        assert tiny.without_seconds(r for r, _ in other) == tiny.without_seconds(
            r for r, _ in whole
        )
        assert_same_bits(other[-1][1].params, whole[-1][1].params)


def test_resident_and_streamed_data_and_eight_devices_train_alike():
    split, ends = tiny.split(40), []
    for options in (
        {},
        {"resident": False},
        {"mesh": training.make_mesh()},
        {"mesh": training.make_mesh(), "resident": False},
        {"mesh": training.make_mesh(), "fully_sharded": True},
    ):
        fully = options.pop("fully_sharded", False)
        batches = training.batches(split, 8, **options)
        run = training.fit(
            tiny.start(width=8),
            program_of(8),
            batches,
            epochs=2,
            key=KEY,
            fully_sharded=fully,
        )
        *_, (record, state) = run
        ends.append((record["train_loss"], training.fetch(state)))
    for loss, state in ends[1:]:
        assert loss == pytest.approx(ends[0][0], abs=1e-5)
        for one, other in zip(jax.tree.leaves(state), jax.tree.leaves(ends[0][1]), strict=True):
            np.testing.assert_allclose(one, other, rtol=2e-3, atol=2e-4)


def program_of(width):
    model = tiny.Tiny(width, rngs=nnx.Rngs(0))
    _, apply = training.init(model, tiny.optimizer())
    return training.make_step(apply, tiny.optimizer(), LOSS, prepare=tiny.prepare)


def test_an_epoch_is_saved_before_it_is_yielded_and_then_the_next_takes_its_buffers(tmp_path):
    checkpoints = training.Checkpoints(tmp_path, {})
    run = fit(checkpoints=checkpoints)
    assert checkpoints.steps() == [0]
    record, state = next(run)
    assert checkpoints.steps() == [0, 2]
    restored = checkpoints.restore(tiny.linear()[0])
    assert restored.history == (record,)
    assert_same_bits(restored.state, state)
    next(run)
    assert state.step.is_deleted()


def test_a_run_holds_its_folder_until_it_ends(tmp_path):
    checkpoints = training.Checkpoints(tmp_path, {})
    run = fit(checkpoints=checkpoints)
    next(run)
    progress = checkpoints.restore(tiny.linear()[0])
    with pytest.raises(training.CheckpointError, match="Another process trains in"):
        fit(progress, checkpoints=checkpoints)
    assert checkpoints.steps() == [0, 2]
    run.close()
    assert len(list(fit(progress, checkpoints=checkpoints))) == 2


def test_no_epochs_are_no_records():
    assert list(fit(epochs=0)) == []


def test_a_request_to_stop_is_heard_in_the_middle_of_an_epoch(tmp_path, monkeypatch):
    monkeypatch.setattr("cnn_jax.training._run.SECONDS", 0.0)
    stop, made = threading.Event(), []

    def report(steps):
        made.append(steps)
        if steps == 7:
            stop.set()

    options = {"train": tiny.numbers(50), "batch_size": 10, "epochs": 4}
    checkpoints = training.Checkpoints(tmp_path, {})
    records = list(fit(stop=stop, report=report, checkpoints=checkpoints, **options))
    assert made == [5, 6, 7]  # the first time, how long a step takes is unknown
    assert [record["epoch"] for record, _ in records] == [1]
    assert checkpoints.steps() == [0, 5, 7]
    progress = checkpoints.restore(tiny.linear()[0])
    assert (progress.epoch, int(progress.state.step), len(progress.partial["loss"])) == (1, 7, 2)
    rest = list(fit(progress, checkpoints=checkpoints, **options))
    whole = list(fit(**options))
    assert_same_bits(rest[-1][1], whole[-1][1])
    assert tiny.without_seconds(r for r, _ in records + rest) == tiny.without_seconds(
        r for r, _ in whole
    )


def test_a_rule_ends_a_run_early_and_again_when_it_is_resumed(tmp_path):
    best = training.Best("train_loss", "max")  # the first epoch is the best
    until = training.no_better(best, epochs=2)
    options = {"train": tiny.numbers(200), "epochs": 20, "until": until}
    checkpoints = training.Checkpoints(tmp_path, {})
    records = [record["epoch"] for record, _ in fit(checkpoints=checkpoints, **options)]
    assert records == [1, 2, 3]
    progress = checkpoints.restore(tiny.linear()[0])
    assert list(fit(progress, checkpoints=checkpoints, **options)) == []


def test_a_step_of_ones_own_with_two_networks():
    @jax.tree_util.register_dataclass
    @dataclasses.dataclass(frozen=True)
    class Pair:
        step: jax.Array
        one: jax.Array
        other: jax.Array

    def against(state, batch, key):
        """Each goes to the other's place, and a noise of the key's."""
        noise = 0.01 * jax.random.normal(key)
        one = state.one + 0.5 * (state.other - state.one) + noise
        other = state.other + 0.5 * (state.one - state.other)
        gap = jnp.abs(one - other)
        return Pair(state.step + 1, one, other), {"loss": gap, "noise": noise}

    start = Pair(jnp.int32(0), jnp.float32(1), jnp.float32(-1))
    *_, (record, state) = fit(start, against)
    assert record.keys() == {"epoch", "step", "train_loss", "train_noise", "seconds"}
    assert record["train_loss"] < 0.1
    assert isinstance(state, Pair)


def test_evaluations_have_names_and_only_numbers_come_into_the_record():
    def evaluate(state):
        return {"score": 0.5, "count": 3, "matrix": np.eye(2), "text": "a"}

    (record, _), *_ = fit(evaluate={"val": evaluate, "test": evaluate})
    assert {name for name in record if "_" in name and "train" not in name} == {
        "val_score",
        "val_count",
        "test_score",
        "test_count",
    }


def infinite_from(step):
    return optax.sgd(lambda count: jnp.where(count < step, 0.1, jnp.inf))


@pytest.mark.parametrize("resident", [True, False])
def test_the_step_at_fault_is_named_and_its_epoch_is_not_saved(tmp_path, resident):
    # An infinite learning rate in step 5, at 2 steps an epoch: the loss is not finite in step 6.
    state, _, step = tiny.linear(optimizer=infinite_from(4))
    checkpoints = training.Checkpoints(tmp_path, {})
    batches = training.batches(TRAIN, 8, resident=resident)
    run = fit(state, step, batches=batches, epochs=9, checkpoints=checkpoints)
    with pytest.raises(training.NonFiniteLossError) as caught:
        list(run)
    assert (caught.value.step, caught.value.epoch) == (6, 3)
    rows = batches.indices(KEY, 5)
    assert caught.value.examples.tolist() == rows.tolist()
    text = str(caught.value)
    assert text.startswith("The training loss became nan at step 6, in epoch 3. Its examples are ")
    assert ", ".join(map(str, rows.tolist())) in text
    assert text.endswith(f"The last good checkpoint is {checkpoints.folder(4)}.")
    assert checkpoints.steps() == [0, 2, 4]
    good = checkpoints.restore(state)
    assert good.epoch == 2
    assert np.isfinite(good.state.params["kernel"]).all()


def test_a_loss_that_is_not_finite_stops_a_run_that_is_not_saved():
    train = {**TRAIN, "image": np.full_like(TRAIN["image"], np.nan)}
    with pytest.raises(training.NonFiniteLossError, match=r"at step 1, in epoch 1\. .* Nothing wa"):
        list(fit(train=train))


def test_steps_that_are_skipped_are_counted_and_not_averaged():
    images = np.where(np.arange(20)[:, None] == 13, np.nan, TRAIN["image"])
    train = {**TRAIN, "image": images}
    state, apply, _ = tiny.linear()
    step = training.make_step(apply, optax.sgd(0.1), LOSS, skip_nonfinite=True)
    records = [record for record, _ in fit(state, step, train, batch_size=4, epochs=4)]
    assert sum(record["train_skipped"] for record in records) in (3, 4)  # one epoch may omit it
    assert all(np.isfinite(record["train_loss"]) for record in records)
    assert all(0.3 < record["train_loss"] < 3 for record in records)
    images = np.full_like(images, np.nan)
    with pytest.raises(training.NonFiniteLossError, match="was not finite in any step, in epoch 1"):
        list(fit(state, step, {**TRAIN, "image": images}))


def test_a_test_loss_that_is_nan_stops_too(tmp_path):
    checkpoints = training.Checkpoints(tmp_path, {})
    images = np.where(np.arange(11)[:, None] == 10, np.nan, TEST["image"])
    with pytest.raises(training.NonFiniteLossError, match=r"test_loss became nan after step 2, in"):
        list(fit(evaluate=evaluation({**TEST, "image": images}), checkpoints=checkpoints))
    assert checkpoints.steps() == [0]


WRONG = {
    "epochs": ({"epochs": -1}, ValueError, r"`epochs` must be an int of at least 0; got -1\."),
    "epochs float": ({"epochs": 1.5}, TypeError, r"`epochs` must be an int of .* got 1\.5"),
    "batches": (
        {"batches": (TRAIN, 8)},
        TypeError,
        r"`batches` must be what training\.batches\(data, batch_size\) returns; got \(",
    ),
    "seed as key": ({"key": 0}, TypeError, r"`key` must be one typed key, .* got 0\."),
    "two keys": ({"key": jax.random.split(KEY)}, TypeError, r"`key` .* got key<fry>\[2\]"),
    "start": ({"start": {}}, TypeError, r"`start` must be a TrainState, as `init` .* got {}\."),
    "step": ({"step": "sgd"}, TypeError, r"`step` must be a function of \(state, batch, key\)"),
    "evaluate": (
        {"evaluate": {"test": 0.5}},
        TypeError,
        r"`evaluate\['test'\]` must be a function of \(state\); got 0\.5",
    ),
    "evaluate function": ({"evaluate": len}, TypeError, "`evaluate` must be a mapping of names"),
    "checkpoints": (
        {"checkpoints": "runs"},
        TypeError,
        r"`checkpoints` must be training\.Checkpoints or None; got str\.",
    ),
    "save_every": ({"save_every": 0}, ValueError, "`save_every` must be a positive int; got 0"),
    "until": ({"until": 3}, TypeError, r"`until` must be a function of \(history\); got 3"),
    "stop": ({"stop": True}, TypeError, r"`stop` must have `is_set\(\)`, as .* got True"),
    "report": ({"report": "x"}, TypeError, r"`report` must be a function of \(steps\)"),
    "fully_sharded": ({"fully_sharded": 1}, TypeError, "`fully_sharded` must be True or False"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments_are_refused_before_any_training(case):
    options, error, message = WRONG[case]
    with pytest.raises(error, match=message):
        fit(**options)


def test_a_state_of_another_place_is_refused():
    *_, (record, state) = fit(epochs=2)
    with pytest.raises(ValueError, match="in the epoch after its 0 records, at 2 steps each; it h"):
        fit(state)
    progress = training.Progress(state, (record,))
    with pytest.raises(ValueError, match="after its 1 records, at 2 steps each; it has made 4"):
        fit(progress)


def test_a_step_without_a_loss_is_refused():
    def step(state, batch, key):
        return dataclasses.replace(state, step=state.step + 1), {"accuracy": jnp.float32(1)}

    with pytest.raises(ValueError, match="`step` must return a metric called 'loss'"):
        list(fit(step=step))
