"""A run that stopped goes on to the same bits as one that did not."""

import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import jax
import numpy as np
import pytest

from cnn_jax import training

from . import tiny
from .tiny import KEY, LOSS, assert_same_bits, without_seconds

TRAIN, TEST = tiny.split(20, seed=1), tiny.split(7, seed=2)
EPOCHS = 4


WAYS = {
    "resident": {"resident": True},
    "stream": {"resident": False},
    "eight devices": {"resident": True, "devices": 8},
    "stream to eight devices": {"resident": False, "devices": 8},
}


def fit(start, way="resident", **options):
    apply, step = tiny.program()
    options_of_way = dict(WAYS[way])
    mesh = training.make_mesh() if options_of_way.pop("devices", 1) > 1 else None
    test = training.batches(TEST, 4)
    return training.fit(
        start,
        step,
        training.batches(TRAIN, 8, mesh=mesh, **options_of_way),
        epochs=EPOCHS,
        key=KEY,
        evaluate={"test": training.make_evaluate(apply, LOSS, test, prepare=tiny.prepare)}
        if mesh is None
        else None,
        **options,
    )


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The folder of a whole run with all its checkpoints, its records, and its last state."""
    folder = tmp_path_factory.mktemp("whole")
    checkpoints = training.Checkpoints(folder, {}, keep=100)
    run = [
        (record, jax.tree.map(np.array, state))
        for record, state in fit(tiny.start(), checkpoints=checkpoints, save_every=1)
    ]
    records, states = zip(*run)
    return folder, records, states[-1]


def test_what_is_compared_is_not_trivial(uninterrupted):
    _, records, state = uninterrupted
    moved = jax.tree.map(lambda one, other: not np.array_equal(one, other), state, tiny.start())
    assert all(jax.tree.leaves(moved))
    assert len({record["train_loss"] for record in records}) == EPOCHS


@pytest.mark.parametrize("stopped", [0, 1, 4, 5, 8])
def test_a_resumed_run_ends_in_the_same_bits(uninterrupted, tmp_path, stopped):
    folder, records, end = uninterrupted  # of 2 steps an epoch
    checkpoints = training.Checkpoints(tmp_path, {})
    for step in range(stopped + 1):
        shutil.copytree(training.Checkpoints(folder, {}).folder(step), checkpoints.folder(step))
    start = checkpoints.restore(tiny.start())
    assert (int(start.state.step), start.epoch) == (stopped, stopped // 2)
    resumed = list(fit(start, checkpoints=checkpoints))
    assert_same_bits(resumed[-1][1] if resumed else start.state, end)
    history = (*start.history, *(record for record, _ in resumed))
    assert without_seconds(history) == without_seconds(records)
    # And so are the checkpoints that it wrote.
    again = checkpoints.restore(tiny.start())
    assert_same_bits(again.state, end)
    assert without_seconds(again.history) == without_seconds(records)


def test_a_run_goes_on_by_another_way_and_on_other_devices(uninterrupted, tmp_path):
    folder, records, end = uninterrupted
    for way in ("stream", "eight devices"):
        checkpoints = training.Checkpoints(tmp_path / way, {})
        shutil.copytree(training.Checkpoints(folder, {}).folder(3), checkpoints.folder(3))
        *_, (record, state) = fit(checkpoints.restore(tiny.start()), way, checkpoints=checkpoints)
        close = pytest.approx(records[-1]["train_loss"], rel=1e-4)
        assert record["train_loss"] == close
        for one, other in zip(jax.tree.leaves(training.fetch(state)), jax.tree.leaves(end)):
            np.testing.assert_allclose(one, other, rtol=1e-2, atol=1e-4)


CHANGED = {
    "batch size": (lambda: training.batches(TRAIN, 4), "batch_size is 4 here and 8 there"),
    "fewer examples": (
        lambda: training.batches(tiny.split(19, seed=1), 8),
        "examples is 19 here and 20 there",
    ),
    "other examples": (lambda: training.batches(tiny.split(20, seed=9), 8), "sha256 is .* here a"),
    "no arrays": (
        lambda: training.Own(lambda epoch: [], steps=2, batch_size=8),
        "own is  here and absent there",
    ),
}


@pytest.mark.parametrize("change", CHANGED)
def test_data_that_changed_are_noticed(uninterrupted, change):
    batches, message = CHANGED[change]
    start = training.Checkpoints(uninterrupted[0], {}).restore(tiny.start())
    _, step = tiny.program()
    with pytest.raises(ValueError, match=f"`batches` must be those that .*{message}"):
        training.fit(start, step, batches(), epochs=9, key=KEY)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted_ends_cleanly_and_goes_on_to_the_same_bits(
    uninterrupted, tmp_path, number
):
    script = """
        import signal, sys, time
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & may have ignored it
        from cnn_jax import training
        from tests.training import test_resume, tiny
        checkpoints = training.Checkpoints(sys.argv[1], {})
        with training.stop_on_signal() as stop:
            def report(steps):
                if steps == 3:
                    print("in epoch 2", flush=True)
                    while not stop.is_set():  # the test has heard of it and sends the signal
                        time.sleep(0.01)
            run = test_resume.fit(
                tiny.start(), checkpoints=checkpoints, save_every=1, stop=stop, report=report
            )
            for record, state in run:
                print("finished", record["epoch"], flush=True)
        print("ended cleanly", flush=True)
        sys.exit(stop.exit_code)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline() == "finished 1\n"
        assert process.stdout.readline() == "in epoch 2\n"
        process.send_signal(number)
        rest, errors = process.communicate(timeout=600)
    assert (process.returncode, rest, errors) == (128 + number, "ended cleanly\n", "")

    checkpoints = training.Checkpoints(tmp_path, {})
    start = checkpoints.restore(tiny.start())
    assert (start.epoch, int(start.state.step)) == (1, 3)
    *_, (record, state) = fit(start, checkpoints=checkpoints)
    _, records, end = uninterrupted
    assert_same_bits(state, end)
    assert without_seconds([record]) == without_seconds(records[-1:])
