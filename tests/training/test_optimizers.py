"""Averages of the parameters, rates and decay by path."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from cnn_jax import models, training

from . import tiny
from .tiny import assert_same_bits

RNG = np.random.default_rng(0)


def params():
    return {
        "stem": {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)},
        "stage1": {0: {"kernel": jnp.ones((2, 2))}},
        "stage10": {"kernel": jnp.ones((2, 2))},
    }


def test_decay_is_for_kernels():
    state, _ = training.init(models.locally_connected(rngs=nnx.Rngs(0)), optax.sgd(0.1))
    leaves = jax.tree_util.tree_leaves_with_path(training.decayed(state.params))
    found = {str(path[-1].key): decays for path, decays in leaves}
    assert found == {"kernel": True, "bias": False}  # its biases have several axes
    state = tiny.start()
    assert training.decayed(state.params)["norm"] == {"scale": False, "bias": False}


def test_decay_spares_what_the_mask_spares():
    decay = optax.add_decayed_weights(0.5, mask=training.decayed)
    zeros = jax.tree.map(jnp.zeros_like, params())
    updates, _ = decay.update(zeros, decay.init(params()), params())
    assert updates["stem"]["kernel"].tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert updates["stem"]["bias"].tolist() == [0, 0]


def test_a_rate_is_that_of_the_longest_path():
    rates = training.scale_by_path({"stem": 0.1, "stem.bias": 3, "stage*.kernel": 0.0})
    updates, _ = rates.update(params(), rates.init(params()))
    assert jax.tree.map(lambda a: float(a.ravel()[0]), updates) == {
        "stem": {"kernel": pytest.approx(0.1), "bias": 3},
        "stage1": {0: {"kernel": 0}},
        "stage10": {"kernel": 0},
    }
    rates = training.scale_by_path({"stage1": 2})
    updates, _ = rates.update(params(), rates.init(params()))
    assert updates["stage1"][0]["kernel"][0, 0] == 2
    assert updates["stage10"]["kernel"][0, 0] == updates["stem"]["bias"][0] == 1


@pytest.mark.parametrize(
    ("factors", "error", "message"),
    [
        ({"stm": 0.1}, ValueError, r"none of its arrays is in 'stm'\. .* Did you mean 'stem'\?"),
        ({3: 0.1}, TypeError, r"`factors` must hold paths, such as 'conv1'"),
        (
            {"stem": -1},
            ValueError,
            r"`factors\['stem'\]` must be a finite number of at least 0; got -1",
        ),
        ({"stem": "0"}, TypeError, r"`factors\['stem'\]` must be a finite number"),
        (["stem"], TypeError, r"`factors` must map paths to numbers"),
    ],
)
def test_wrong_rates_are_refused(factors, error, message):
    with pytest.raises(error, match=message):
        training.scale_by_path(factors).init(params())


def test_the_average_by_hand():
    optimizer = optax.chain(optax.sgd(1.0), training.average_params(0.5))
    value = {"w": jnp.zeros(3)}
    state, average = optimizer.init(value), np.zeros(3)
    for t in range(12):
        step = RNG.normal(size=3).astype(np.float32)
        updates, state = optimizer.update({"w": -jnp.asarray(step)}, state, value)
        value = optax.apply_updates(value, updates)
        d = min(0.5, (1 + t) / (10 + t))
        average = d * average + (1 - d) * np.asarray(value["w"], np.float64)
        np.testing.assert_allclose(state[-1].average["w"], average, rtol=1e-5, atol=1e-6)


def test_a_trained_state_has_its_average_beside_it_and_evaluates_with_it():
    optimizer = optax.chain(optax.adam(0.1), training.average_params(0.9))
    plain, _, _ = tiny.linear()
    model = nnx.Linear(4, tiny.CLASSES, rngs=nnx.Rngs(0))
    state, apply = training.init(model, optimizer)
    assert training.has_average(state)
    assert not training.has_average(plain)
    assert_same_bits(training.averaged(state).params, state.params)
    step = training.make_step(apply, optimizer, tiny.LOSS)
    split = tiny.numbers(32)
    path = []
    for _ in range(5):
        state, _ = step(state, split, tiny.KEY)
        path.append(np.asarray(state.params["kernel"]))
    average = training.averaged(state)
    assert (average.params["kernel"] != state.params["kernel"]).all()
    mean, last = np.abs(average.params["kernel"] - path[0]), np.abs(path[-1] - path[0])
    assert mean.sum() < last.sum()
    evaluate = training.make_evaluate(apply, tiny.LOSS, training.batches(split, 8))
    assert evaluate(average)["loss"] != evaluate(state)["loss"]


def test_gradients_that_are_accumulated_move_the_average_once():
    optimizer = optax.MultiSteps(
        optax.chain(optax.sgd(1.0), training.average_params(0.0)), every_k_schedule=2
    )
    value = {"w": jnp.zeros(1)}
    state, seen = optimizer.init(value), []
    for gradient in (1.0, 3.0, 5.0, 7.0):
        with jax.numpy_dtype_promotion("standard"):  # as a step does for optax
            updates, state = optimizer.update({"w": jnp.array([-gradient])}, state, value)
        value = optax.apply_updates(value, updates)
        whole = training.TrainState(jnp.int32(0), value, {}, state)
        seen.append(float(training.averaged(whole).params["w"][0]))
    # Two of four steps update, by the mean of two gradients: by 2, then by 6 more. With a decay of
    # 0 the average is the newest value.
    assert seen == [0, 2, 2, 8]


def test_no_average_or_two_are_refused():
    state, _, _ = tiny.linear()
    with pytest.raises(ValueError, match=r"must have one training\.average_params in it; it has 0"):
        training.averaged(state)
    two = optax.chain(training.average_params(0.5), training.average_params(0.9))
    model = nnx.Linear(4, 3, rngs=nnx.Rngs(0))
    state, _ = training.init(model, two)
    with pytest.raises(ValueError, match=r"in it; it has 2\."):
        training.averaged(state)
    with pytest.raises(ValueError, match="`average_params` needs the parameters"):
        two.update(state.params, state.opt_state)
    for decay, error in ((1, ValueError), (-0.1, ValueError), ("0.9", TypeError)):
        with pytest.raises(error, match="`decay` must be a number"):
            training.average_params(decay)


def test_the_average_is_restored_with_the_rest(tmp_path):
    optimizer = optax.chain(optax.sgd(0.1), training.average_params(0.9))
    model = nnx.Linear(4, 3, rngs=nnx.Rngs(0))
    state, apply = training.init(model, optimizer)
    checkpoints = training.Checkpoints(tmp_path, {})
    step = training.make_step(apply, optimizer, tiny.LOSS)
    batches = training.batches(tiny.numbers(16), 8)
    run = training.fit(state, step, batches, epochs=2, key=tiny.KEY, checkpoints=checkpoints)
    *_, (_, reached) = run
    restored = checkpoints.restore(state).state
    assert_same_bits(training.averaged(restored), training.averaged(reached))
