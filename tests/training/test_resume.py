"""A run that stopped goes on to the same bits as one that did not."""

import dataclasses
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
from .tiny import assert_same_bits

TRAIN, TEST = tiny.split(20, seed=1), tiny.split(7, seed=2)
EPOCHS = 4


def fit(state, **options):
    apply, _ = tiny.program()
    return training.fit(
        state,
        apply,
        tiny.optimizer(),
        TRAIN,
        TEST,
        epochs=EPOCHS,
        batch_size=8,
        key=jax.random.key(5),
        **options,
    )


def numbers(record):
    return dataclasses.astuple(dataclasses.replace(record, seconds=0.0))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The directory of a whole run with all its checkpoints, its records, and its last state."""
    directory = tmp_path_factory.mktemp("whole")
    run = fit(tiny.start()[0], checkpoints=training.Checkpoints(directory, {}, keep=100))
    records, states = zip(*run)
    return directory, records, states[-1]


def test_what_is_compared_is_not_trivial(uninterrupted):
    _, records, state = uninterrupted
    start, _, _ = tiny.start()
    moved = jax.tree.map(lambda one, other: not np.array_equal(one, other), state, start)
    assert all(jax.tree.leaves(moved))
    assert len({record.train_loss for record in records}) == EPOCHS


@pytest.mark.parametrize("stopped", [0, EPOCHS])
def test_a_resumed_run_ends_in_the_same_bits(uninterrupted, tmp_path, stopped):
    directory, records, end = uninterrupted
    checkpoints = training.Checkpoints(tmp_path, {})
    for epoch in range(stopped + 1):
        shutil.copytree(
            training.Checkpoints(directory, {}).folder(epoch), checkpoints.folder(epoch)
        )
    state, history = checkpoints.restore(tiny.start()[0])
    assert len(history) == stopped
    resumed = list(fit(state, checkpoints=checkpoints, history=history))
    state = resumed[-1][1] if resumed else state
    history = (*history, *(record for record, _ in resumed))
    assert_same_bits(state, end)
    assert [numbers(record) for record in history] == [numbers(record) for record in records]
    # And so are the checkpoints that it wrote.
    again, saved = checkpoints.restore(tiny.start()[0])
    assert_same_bits(again, end)
    assert [numbers(record) for record in saved] == [numbers(record) for record in records]


def test_a_batch_size_that_changed_is_noticed(uninterrupted):
    directory, _, _ = uninterrupted
    state, history = training.Checkpoints(directory, {}).restore(tiny.start()[0])
    images, labels = TRAIN
    apply, _ = tiny.program()
    with pytest.raises(ValueError, match=r"4 epochs of 5 steps; it has made 8 steps\. Were"):
        training.fit(
            state,
            apply,
            tiny.optimizer(),
            (images, labels),
            TEST,
            epochs=9,
            batch_size=4,
            key=jax.random.key(5),
            history=history,
        )


def test_a_run_that_is_interrupted_ends_cleanly_and_goes_on_to_the_same_bits(
    uninterrupted, tmp_path
):
    script = """
        import signal, sys, time
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & may have ignored it
        from cnn_jax import training
        from tests.training import test_resume, tiny
        checkpoints = training.Checkpoints(sys.argv[1], {})
        with training.stop_on_interrupt() as stop:
            for record, state in test_resume.fit(tiny.start()[0], checkpoints=checkpoints):
                print("finished", record.epoch, flush=True)
                while not stop.is_set():  # the test has heard of epoch 1 and sends the signal
                    time.sleep(0.01)
                if record.epoch == 2:  # as if it had come while epoch 2 ran
                    break
        print("ended cleanly", flush=True)
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
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=600)
    assert (process.returncode, rest, errors) == (0, "finished 2\nended cleanly\n", "")

    checkpoints = training.Checkpoints(tmp_path, {})
    state, history = checkpoints.restore(tiny.start()[0])
    assert len(history) == 2
    *_, (record, state) = fit(state, checkpoints=checkpoints, history=history)
    _, records, end = uninterrupted
    assert_same_bits(state, end)
    assert numbers(record) == numbers(records[-1])
