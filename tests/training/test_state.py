"""A model as plain arrays and a pure function."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from cnn_jax import training

from . import tiny
from .tiny import CLASSES, Tiny, assert_same_bits, optimizer, prepare, split, start


def test_the_state_is_strongly_typed_arrays_in_plain_dicts():
    state, _, _ = start()
    assert state.step.dtype == jnp.int32
    assert state.step.shape == ()
    assert type(state.params) is type(state.params["hidden"]["layers"]) is dict
    assert state.params.keys() == {"conv", "norm", "hidden", "classify"}
    assert state.stats.keys() == {"norm"}
    for leaf in jax.tree.leaves(state):
        assert isinstance(leaf, jax.Array)
        assert not leaf.weak_type
        assert not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def test_without_a_key_apply_is_the_model_in_evaluation_mode():
    model = Tiny(rngs=nnx.Rngs(0))
    state, apply = training.init(model, optimizer(), prepare)
    images, _ = split(5)
    logits, stats = jax.jit(apply)(state.params, state.stats, images)
    model.eval()
    np.testing.assert_allclose(logits, model(prepare(images)), rtol=1e-5, atol=1e-6)
    assert logits.shape == (5, CLASSES)
    assert_same_bits(stats, state.stats)


def test_with_a_key_apply_drops_at_random_and_moves_the_running_averages():
    state, apply, _ = start()
    images, _ = split(5)
    key = jax.random.key(1)
    logits, stats = apply(state.params, state.stats, images, key)
    again, _ = apply(state.params, state.stats, images, key)
    other, _ = apply(state.params, state.stats, images, jax.random.key(2))
    assert_same_bits(logits, again)
    assert not np.array_equal(logits, other)
    # Momentum 0.9, from mean 0: a tenth of the batch's own mean.
    kernel = state.params["conv"]["kernel"]
    features = jax.lax.conv_general_dilated(
        prepare(images), kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    mean = features.mean((0, 1, 2))
    np.testing.assert_allclose(stats["norm"]["mean"], 0.1 * mean, rtol=1e-4, atol=1e-7)


def test_every_random_stream_has_its_own_numbers():
    class Drops(nnx.Module):
        def __init__(self, rngs):
            self.scale = nnx.Param(jnp.ones(()))
            self.one = nnx.Dropout(0.5, rngs=rngs)
            self.two = nnx.Dropout(0.5, rngs=rngs)

        def __call__(self, x):
            return jnp.stack([self.one(x), self.two(x)])

    model = Drops(nnx.Rngs(0))
    state, apply = training.init(model, optax.sgd(0.1), lambda x: x)
    (one, two), _ = apply(state.params, state.stats, jnp.ones((8, 8)), jax.random.key(0))
    assert set(np.unique(one)) == set(np.unique(two)) == {0.0, 2.0}
    assert not np.array_equal(one, two)


def test_the_seed_of_the_models_own_dropout_does_not_matter():
    images, _ = split(5)
    logits = []
    for seed in (3, 4):
        model = Tiny(rngs=nnx.Rngs(params=0, dropout=seed))
        state, apply = training.init(model, optimizer(), prepare)
        logits.append(apply(state.params, state.stats, images, jax.random.key(1))[0])
    assert_same_bits(*logits)


def test_training_leaves_the_model_as_it_was_and_usable():
    model = Tiny(rngs=nnx.Rngs(0))
    model.train()
    images, labels = split(8)
    state, _ = training.init(model, optimizer(), prepare)
    before = jax.tree.map(np.array, state.params)
    _, step = tiny.program()
    state, _ = step(state, images, labels, jax.random.key(0))
    params = nnx.to_pure_dict(nnx.state(model, nnx.Param))
    assert_same_bits(params, before)
    assert not model.drop.deterministic


def test_trained_is_a_model_with_the_arrays_of_the_state():
    model = Tiny(rngs=nnx.Rngs(0))
    images, labels = split(8)
    state, apply = training.init(model, optimizer(), prepare)
    _, step = tiny.program()
    for _ in range(3):
        state, _ = step(state, images, labels, jax.random.key(0))
    expected, _ = apply(state.params, state.stats, images)
    copy = training.trained(model, state)
    step(state, images, labels, jax.random.key(0))  # donates the state: the copy holds its own
    assert isinstance(copy, Tiny)
    np.testing.assert_allclose(copy(prepare(images)), expected, rtol=1e-5, atol=1e-6)
    assert not np.allclose(model(prepare(images)), expected)


def test_a_layer_used_twice_is_stored_once():
    class Twice(nnx.Module):
        def __init__(self, rngs):
            self.first = nnx.Linear(4, 4, rngs=rngs)
            self.second = self.first

        def __call__(self, x):
            return self.second(self.first(x))

    model = Twice(nnx.Rngs(0))
    state, apply = training.init(model, optax.sgd(0.1), lambda x: x)
    assert len(jax.tree.leaves(state.params)) == 2
    logits, _ = apply(state.params, state.stats, jnp.ones((2, 4)))
    np.testing.assert_allclose(logits, model(jnp.ones((2, 4))), rtol=1e-6)


def test_what_is_no_model_is_refused():
    with pytest.raises(TypeError, match=r"`model` must be a flax.nnx.Module; got function"):
        training.init(prepare, optimizer(), prepare)


@pytest.mark.parametrize("wrong", [None, 0.1, optax.adam, "adam"])
def test_what_is_no_optimizer_is_refused(wrong):
    model = nnx.Linear(4, 3, rngs=nnx.Rngs(0))
    message = (
        r"`optimizer` must be an optax\.GradientTransformation, such as optax.adam\(1e-3\); got"
    )
    with pytest.raises(TypeError, match=message):
        training.init(model, wrong, prepare)
    with pytest.raises(TypeError, match=message):
        training.make_step(lambda *_: None, wrong)


def test_what_cannot_be_called_is_refused():
    model = nnx.Linear(4, 3, rngs=nnx.Rngs(0))
    with pytest.raises(
        TypeError, match=r"`prepare` must be a function of a batch of images; got 2"
    ):
        training.init(model, optax.sgd(0.1), 255)
    for make in (
        lambda: training.make_step(0, optax.sgd(0.1)),
        lambda: training.make_evaluate(0, 8),
    ):
        with pytest.raises(
            TypeError, match=r"`apply` must be a function of \(params, stats, images"
        ):
            make()


def test_trained_refuses_what_is_no_state_of_the_model():
    model, other = (nnx.Linear(4, n, rngs=nnx.Rngs(0)) for n in (3, 5))
    state, _ = training.init(other, optax.sgd(0.1), prepare)
    with pytest.raises(
        ValueError, match=r"`state` must be a state of `model`; .* float32\[4, 3\] he"
    ):
        training.trained(model, state)
    with pytest.raises(TypeError, match=r"`state` must be a TrainState; got dict"):
        training.trained(model, state.params)
    with pytest.raises(TypeError, match=r"`model` must be a flax.nnx.Module; got TrainState"):
        training.trained(state, model)
    with pytest.raises(
        ValueError, match=r"`state` must be a state of `model`; .* params\.conv\.kernel is"
    ):
        training.trained(Tiny(rngs=nnx.Rngs(0)), state)


def test_images_that_stay_integers_are_refused():
    state, apply, _ = start(prepare=lambda images: images)
    with pytest.raises(TypeError, match=r"`prepare` must return floating images; .* uint8"):
        apply(state.params, state.stats, split(2)[0])


def test_an_untyped_key_is_refused():
    state, apply, _ = start()
    with pytest.raises(TypeError, match=r"`key` must be one typed key, .* got uint32\[2\]"):
        apply(state.params, state.stats, split(2)[0], jnp.zeros(2, jnp.uint32))
