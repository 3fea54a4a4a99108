"""One training step."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from cnn_jax import training

from . import tiny
from .tiny import KEY, LOSS, assert_same_bits, softmax


def test_a_step_is_gradient_descent_on_the_mean_loss():
    state, _, step = tiny.linear()
    batch = tiny.numbers(8)
    images, labels = batch["image"], batch["label"]
    kernel, bias = np.array(state.params["kernel"]), np.array(state.params["bias"])
    after, metrics = step(state, batch, KEY)

    chance = softmax(images @ kernel + bias)
    slope = (chance - np.eye(tiny.CLASSES)[labels]) / 8
    np.testing.assert_allclose(after.params["kernel"], kernel - 0.1 * images.T @ slope, rtol=1e-5)
    np.testing.assert_allclose(after.params["bias"], bias - 0.1 * slope.sum(0), atol=1e-6)
    loss = -np.log(chance[np.arange(8), labels]).mean()
    np.testing.assert_allclose(metrics["loss"], loss, rtol=1e-6)
    assert float(metrics["accuracy"]) == np.mean(chance.argmax(-1) == labels)
    assert after.step == 1
    assert metrics.keys() == {"loss", "accuracy"}


def test_regression_with_any_batch_and_any_outputs():
    # Two inputs and two outputs with trees of their own: nothing knows of images or labels.
    model = nnx.Linear(2, 1, rngs=nnx.Rngs(0))

    def forward(model, batch):
        return {"sum": model(batch["a"]) + model(batch["b"]), "square": model(batch["a"]) ** 2}

    def loss(outputs, batch):
        error = jnp.abs(outputs["sum"][:, 0] - batch["truth"]["sum"])
        return error, {"square": outputs["square"][:, 0]}

    state, apply = training.init(model, optax.sgd(0.0), forward=forward)
    step = training.make_step(apply, optax.sgd(0.0), loss)
    rng = np.random.default_rng(0)
    a, b, truth = rng.normal(size=(5, 2)), rng.normal(size=(5, 2)), rng.normal(size=5)
    batch = {"a": a, "b": b, "truth": {"sum": truth}}
    _, metrics = jax.jit(step)(state, jax.tree.map(np.float32, batch), KEY)
    kernel, bias = np.asarray(state.params["kernel"])[:, 0], float(state.params["bias"][0])
    expected = np.abs((a + b) @ kernel + 2 * bias - truth).mean()
    np.testing.assert_allclose(metrics["loss"], expected, rtol=1e-5)
    np.testing.assert_allclose(metrics["square"], ((a @ kernel + bias) ** 2).mean(), rtol=1e-5)


def test_prepare_gets_a_key_of_its_own_in_training():
    keys = []

    def prepare(batch, key):
        keys.append(key)
        noise = jax.random.normal(key, batch["image"].shape)
        return {**batch, "image": batch["image"] + noise}

    state, apply, _ = tiny.linear()
    step = training.make_step(apply, optax.sgd(0.1), LOSS, prepare=prepare)
    losses = {float(step(state, tiny.numbers(8), key)[1]["loss"]) for key in (KEY, KEY, keys_of(2))}
    assert len(losses) == 2
    bits = [jax.random.key_data(key).tolist() for key in keys]
    assert bits[0] == bits[1] != bits[2]
    assert bits[0] != jax.random.key_data(KEY).tolist()


def keys_of(seed):
    return jax.random.key(seed)


def test_the_key_decides_what_is_dropped():
    _, step = tiny.program()
    batch = tiny.split(8)
    state = tiny.start()
    one, again, other = (step(state, batch, jax.random.key(seed)) for seed in (1, 1, 2))
    assert_same_bits(one, again)
    assert float(one[1]["loss"]) != float(other[1]["loss"])


def test_a_step_that_is_not_finite_is_skipped_if_asked():
    state, apply, plain = tiny.linear(optimizer=optax.adam(0.1))
    skipping = jax.jit(training.make_step(apply, optax.adam(0.1), LOSS, skip_nonfinite=True))
    good, bad = tiny.numbers(8), tiny.numbers(8)
    bad["image"] = np.where(np.arange(8)[:, None] == 3, np.nan, bad["image"])
    after, metrics = skipping(state, bad, KEY)
    assert_same_bits(after.params, state.params)
    assert_same_bits(after.opt_state, state.opt_state)
    assert after.step == 1
    assert (float(metrics["skipped"]), float(metrics["loss"])) == (1, 0)
    after, metrics = skipping(state, good, KEY)
    expected, others = plain(state, good, KEY)
    assert_same_bits(after, expected)
    assert metrics.pop("skipped") == 0
    assert_same_bits(metrics, others)


def test_a_gradient_that_is_not_finite_is_skipped_too():
    def loss(outputs, batch):  # finite, with an infinite slope at 0
        return jnp.sqrt(jnp.abs(outputs[:, 0] * 0)), {}

    state, apply, _ = tiny.linear()
    step = training.make_step(apply, optax.sgd(0.1), loss, skip_nonfinite=True)
    after, metrics = step(state, tiny.numbers(4), KEY)
    assert_same_bits(after.params, state.params)
    assert metrics["skipped"] == 1


@pytest.mark.parametrize(
    ("result", "error", "message"),
    [
        (jnp.ones(8), TypeError, r"`loss` must return \(losses, others\): .* got .*float32\[8\]"),
        ((jnp.ones(()), {}), ValueError, r"one number for each example, \(8,\); its 'loss' has"),
        ((jnp.ones(8), {"a": jnp.ones(3)}), ValueError, r"\(8,\); its 'a' has the shape \(3,\)"),
        ((jnp.ones(8), {"loss": jnp.ones(8)}), ValueError, "something else than 'loss'"),
    ],
)
def test_what_is_no_loss_is_refused(result, error, message):
    state, apply, _ = tiny.linear()
    step = training.make_step(apply, optax.sgd(0.1), lambda outputs, batch: result)
    with pytest.raises(error, match=message):
        step(state, tiny.numbers(8), KEY)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"apply": 0}, r"`apply` must be a function of \(params, stats, batch, key\); got 0"),
        ({"loss": "mse"}, r"`loss` must be a function of \(outputs, batch\); got 'mse'"),
        ({"prepare": 255}, r"`prepare` must be a function of \(batch, key\); got 255"),
        ({"optimizer": optax.adam}, r"`optimizer` must be an optax\.GradientTransformation"),
        ({"skip_nonfinite": "yes"}, "`skip_nonfinite` must be True or False; got 'yes'"),
    ],
)
def test_what_makes_no_step_is_refused(options, message):
    _, apply, _ = tiny.linear()
    given = {"apply": apply, "optimizer": optax.sgd(0.1), "loss": LOSS, **options}
    with pytest.raises(TypeError, match=message):
        training.make_step(**given)
