"""One pass over the training data in one dispatch."""

import dataclasses
import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax import training

from . import tiny

KEY = jax.random.key(7)


def watch(state, images, labels, key):
    """A step that trains nothing: as metrics, the images it saw and the key it was given."""
    seen = training.Metrics(images, jax.random.key_data(key))
    return dataclasses.replace(state, step=state.step + 1), seen


def orders(examples, batch_size, epochs, key=KEY):
    """Which examples each step of each epoch saw, (epochs, steps, batch_size); and all keys."""
    epoch = training.make_epoch(watch, batch_size)
    state = training.TrainState(jnp.int32(0), {}, {}, ())
    numbers = jnp.arange(examples)
    seen, keys = [], []
    for _ in range(epochs):
        state, metrics = epoch(state, numbers, numbers, key)
        seen.append(np.asarray(metrics.loss))
        keys.append(np.asarray(metrics.accuracy))
    assert state.step == epochs * (examples // batch_size)
    return np.stack(seen), np.concatenate(keys)


@pytest.mark.parametrize(("examples", "batch_size"), [(24, 8), (29, 8), (8, 8), (5, 1)])
def test_an_epoch_sees_each_example_at_most_once_and_only_a_remainder_not(examples, batch_size):
    seen, _ = orders(examples, batch_size, epochs=3)
    assert seen.shape == (3, examples // batch_size, batch_size)
    for epoch in seen:
        assert len(np.unique(epoch)) == examples // batch_size * batch_size


def test_each_epoch_and_each_key_has_its_own_order():
    seen, keys = orders(24, 8, epochs=3)
    again, _ = orders(24, 8, epochs=3)
    other, _ = orders(24, 8, epochs=3, key=jax.random.key(8))
    np.testing.assert_array_equal(seen, again)
    rows = {tuple(epoch.ravel()) for epoch in (*seen, *other)}
    assert len(rows) == 6
    assert tuple(range(24)) not in rows
    assert len(np.unique(keys, axis=0)) == 1  # the step folds its number into it


def test_no_example_is_left_out_for_good():
    seen, _ = orders(11, 4, epochs=20)
    assert set(seen.ravel()) == set(range(11))


def test_an_epoch_is_its_steps_one_after_the_other():
    images, labels = map(jnp.asarray, tiny.split(20))
    order, keys = orders(20, 8, epochs=2)
    key = jax.random.wrap_key_data(jnp.asarray(keys[0]))
    _, step = tiny.program()
    state, by_hand = tiny.start()[0], tiny.start()[0]
    epoch = training.make_epoch(step, 8)
    for rows in order:
        state, metrics = epoch(state, images, labels, KEY)
        for number, row in enumerate(rows):
            by_hand, expected = step(by_hand, images[row], labels[row], key)
            np.testing.assert_allclose(metrics.loss[number], expected.loss, rtol=1e-4)
            assert metrics.accuracy[number] == expected.accuracy
    jax.tree.map(
        lambda ours, theirs: np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5),
        (state.params, state.stats),
        (by_hand.params, by_hand.stats),
    )


def test_an_epoch_is_compiled_once_and_dispatches_one_program(caplog):
    images, labels = map(jnp.asarray, tiny.numbers(20))
    state, apply, optimizer = tiny.linear()
    epoch = training.make_epoch(training.make_step(apply, optimizer), 8)
    given = state
    state, _ = epoch(state, images, labels, KEY)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(given))
    with jax.log_compiles(), caplog.at_level(logging.DEBUG):
        for _ in range(2):
            state, _ = epoch(state, images, labels, KEY)
        assert not [record for record in caplog.records if "ompil" in record.getMessage()]
        # The log does speak when something is compiled:
        jax.jit(lambda x: x * 3)(images)
        assert [record for record in caplog.records if "ompil" in record.getMessage()]


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(ValueError, match=r"`batch_size` must be at most the number of training ex"):
        orders(7, 8, epochs=1)


@pytest.mark.parametrize(
    ("batch_size", "error", "message"),
    [
        (0, ValueError, r"`batch_size` must be a positive int; got 0\."),
        (2.0, TypeError, r"`batch_size` must be a positive int; got 2\.0\."),
        (True, TypeError, r"`batch_size` must be a positive int; got True"),
    ],
)
def test_a_batch_size_that_is_none_is_refused(batch_size, error, message):
    with pytest.raises(error, match=message):
        training.make_epoch(watch, batch_size)


def test_what_is_no_step_is_refused():
    with pytest.raises(
        TypeError, match=r"`step` must be a function of \(state, images, labels, key"
    ):
        training.make_epoch(None, 8)
