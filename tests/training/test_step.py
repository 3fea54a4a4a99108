"""One training step."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from cnn_jax import training

from . import tiny
from .tiny import assert_same_bits


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def test_a_step_is_gradient_descent_on_the_mean_cross_entropy():
    state, apply, sgd = tiny.linear()
    images, labels = tiny.numbers(8)
    kernel, bias = np.array(state.params["kernel"]), np.array(state.params["bias"])
    after, metrics = training.make_step(apply, sgd)(state, images, labels, jax.random.key(0))

    chance = softmax(images @ kernel + bias)
    slope = (chance - np.eye(tiny.CLASSES)[labels]) / 8
    np.testing.assert_allclose(after.params["kernel"], kernel - 0.1 * images.T @ slope, rtol=1e-5)
    np.testing.assert_allclose(after.params["bias"], bias - 0.1 * slope.sum(0), atol=1e-6)
    loss = -np.log(chance[np.arange(8), labels]).mean()
    np.testing.assert_allclose(metrics.loss, loss, rtol=1e-6)
    assert float(metrics.accuracy) == np.mean(chance.argmax(-1) == labels)
    assert after.step == 1


def test_the_given_state_is_donated_and_the_step_is_traced_once():
    traces = []

    def prepare(images):
        traces.append(images.dtype)
        return images.astype(jnp.float32)

    model, sgd = nnx.Linear(4, tiny.CLASSES, rngs=nnx.Rngs(0)), optax.adam(0.1)
    state, apply = training.init(model, sgd, prepare)
    step = training.make_step(apply, sgd)
    images, labels = tiny.numbers(8)
    images = images.astype(np.int8)
    given = state
    for _ in range(3):
        state, _ = step(state, images, labels, jax.random.key(0))
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(given))
    assert traces == [jnp.int8]
    assert state.step == 3


def test_a_step_depends_on_nothing_but_its_arguments():
    images, labels = tiny.split(8)
    ends = []
    _, step = tiny.program()
    for _ in range(2):
        state, _, _ = tiny.start()
        for _ in range(2):
            state, metrics = step(state, images, labels, jax.random.key(5))
        ends.append((state, metrics))
    assert_same_bits(*ends)


def test_steps_given_the_same_key_drop_different_units():
    _, step = tiny.program()
    images, labels = tiny.split(8)
    losses = set()
    for number in range(3):
        state = dataclasses.replace(tiny.start()[0], step=jnp.int32(number))
        _, metrics = step(state, images, labels, jax.random.key(0))
        losses.add(float(metrics.loss))
    assert len(losses) == 3


def test_a_batch_split_over_devices_makes_the_same_step():
    over_batch = NamedSharding(Mesh(np.array(jax.devices()), ("batch",)), PartitionSpec("batch"))
    images, labels = map(jnp.asarray, tiny.numbers(16))
    rngs, sgd = nnx.Rngs(0), optax.sgd(0.1, momentum=0.9)
    # BatchNorm: its mean and variance must be those of the whole batch, not of one device's part.
    model = nnx.Sequential(nnx.BatchNorm(4, rngs=rngs), nnx.Linear(4, tiny.CLASSES, rngs=rngs))
    ends = []
    for place in (jnp.copy, lambda array: jax.device_put(array, over_batch)):
        state, apply = training.init(model, sgd, lambda images: images)
        step = training.make_step(apply, sgd)
        ends.append(step(state, place(images), place(labels), jax.random.key(0)))
    chex.assert_trees_all_close(*ends, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(8, 2, 3), (8,), (4, 3)])
def test_logits_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"The model must return logits \(batch, classes\)"):
        training.score(jnp.zeros(shape), jnp.zeros(8, jnp.int32))
