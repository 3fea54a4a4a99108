"""Ctrl-C."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import jax
import jax.numpy as jnp
import optax
import pytest
from flax import nnx

from cnn_jax import training

from . import tiny


def test_the_first_interrupt_asks_and_the_second_raises():
    before = signal.getsignal(signal.SIGINT)
    with training.stop_on_signal() as stop:
        assert not stop.is_set()
        signal.raise_signal(signal.SIGINT)
        assert stop.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_exit_code_is_that_of_the_signal(number):
    with training.stop_on_signal() as stop:
        assert stop.exit_code == 0
        signal.raise_signal(number)
        assert stop.is_set()
        assert stop.exit_code == 128 + number
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_the_handler_before_is_put_back():
    def handler(signum, frame):
        raise ZeroDivisionError

    before = signal.signal(signal.SIGINT, handler)
    try:
        with training.stop_on_signal():
            assert signal.getsignal(signal.SIGINT) is not handler
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_outside_the_main_thread_nothing_happens():
    seen = []

    def run():
        with training.stop_on_signal() as stop:
            seen.append((signal.getsignal(signal.SIGINT), stop.is_set()))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [(before, False)]


class Endless(nnx.Module):
    """A classifier that never answers from its tenth call on."""

    def __init__(self, *, rngs):
        # Wide: a program of under 1,000 operations XLA runs before the call returns, on a CPU.
        self.widen = nnx.Linear(4, 256, rngs=rngs)
        self.classify = nnx.Linear(256, tiny.CLASSES, rngs=rngs)
        self.calls = nnx.BatchStat(jnp.zeros((), jnp.int32))

    def __call__(self, images):
        self.calls[...] += 1
        hangs = (self.calls[...] > 9).astype(jnp.int32)
        # An odd number stays odd.
        done = jax.lax.while_loop(lambda n: n % 2 == 1, lambda n: (n + 2) % 8, hangs)
        return self.classify(self.widen(images)) + done.astype(jnp.float32)


def interrupted_in_an_endless_epoch():
    """Train, be interrupted while nothing but XLA runs, and end the process."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & may have ignored it
    sgd = optax.sgd(0.1)
    state, apply = training.init(Endless(rngs=nnx.Rngs(0)), sgd)
    step = training.make_step(apply, sgd, tiny.LOSS)
    run = training.fit(state, step, training.batches(tiny.numbers(32), 4), epochs=9, key=tiny.KEY)
    next(run)  # compiles, and calls the model eight times
    threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        next(run)
    except KeyboardInterrupt:
        print("heard", flush=True)
    os._exit(0)  # no thread of XLA is waited for


@pytest.mark.skipif(jax.__version_info__ < (0, 8), reason="0.7.2 computes before a call returns")
def test_an_interrupt_is_heard_in_the_middle_of_an_epoch():
    call = "from tests.training import test_interrupt as t; t.interrupted_in_an_endless_epoch()"
    run = subprocess.run(
        [sys.executable, "-c", call],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "heard\n", "")
