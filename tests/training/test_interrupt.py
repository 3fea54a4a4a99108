"""Ctrl-C."""

import os
import signal
import threading
import time

import jax
import jax.numpy as jnp
import optax
import pytest
from flax import nnx

from cnn_jax import training

from . import tiny


def test_the_first_interrupt_asks_and_the_second_raises():
    before = signal.getsignal(signal.SIGINT)
    with training.stop_on_interrupt() as stop:
        assert not stop.is_set()
        signal.raise_signal(signal.SIGINT)
        assert stop.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_the_handler_before_is_put_back():
    def handler(signum, frame):
        raise ZeroDivisionError

    before = signal.signal(signal.SIGINT, handler)
    try:
        with training.stop_on_interrupt():
            assert signal.getsignal(signal.SIGINT) is not handler
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_outside_the_main_thread_nothing_happens():
    seen = []

    def run():
        with training.stop_on_interrupt() as stop:
            seen.append((signal.getsignal(signal.SIGINT), stop.is_set()))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [(before, False)]


@pytest.mark.skipif(jax.__version_info__ < (0, 8), reason="0.7.2 computes before a call returns")
def test_an_interrupt_is_heard_in_the_middle_of_an_epoch():
    def slow(images):
        start = jnp.full((300, 300), images[0, 0])
        factor = jax.lax.fori_loop(0, 120, lambda _, x: jnp.tanh(x @ x), start)
        return images * factor[0, 0]

    model, sgd = nnx.Linear(4, tiny.CLASSES, rngs=nnx.Rngs(0)), optax.sgd(0.1)
    state, apply = training.init(model, sgd, slow)
    train, test = tiny.numbers(32), tiny.numbers(4)
    run = training.fit(
        state, apply, sgd, train, test, epochs=9, batch_size=4, key=jax.random.key(0)
    )
    next(run)  # compiles
    record, _ = next(run)
    start = time.perf_counter()
    threading.Timer(0.1 * record.seconds, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        next(run)
    assert time.perf_counter() - start < 0.7 * record.seconds
