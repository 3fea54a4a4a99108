"""A model as plain arrays and a pure function."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from cnn_jax import training

from . import tiny
from .tiny import CLASSES, KEY, Tiny, assert_same_bits, optimizer, prepare, split, start


def test_the_state_is_strongly_typed_arrays_in_plain_dicts():
    state = start()
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
    state, apply = training.init(model, optimizer())
    batch = prepare(split(5))
    logits, stats = jax.jit(apply)(state.params, state.stats, batch)
    model.eval()
    np.testing.assert_allclose(logits, model(batch["image"]), rtol=1e-5, atol=1e-6)
    assert logits.shape == (5, CLASSES)
    assert_same_bits(stats, state.stats)


def test_with_a_key_apply_drops_at_random_and_moves_the_running_averages():
    state, apply = training.init(Tiny(rngs=nnx.Rngs(0)), optimizer())
    batch = prepare(split(5))
    key = jax.random.key(1)
    logits, stats = apply(state.params, state.stats, batch, key)
    again, _ = apply(state.params, state.stats, batch, key)
    other, _ = apply(state.params, state.stats, batch, jax.random.key(2))
    assert_same_bits(logits, again)
    assert not np.array_equal(logits, other)
    # Momentum 0.9, from mean 0: a tenth of the batch's own mean.
    kernel = state.params["conv"]["kernel"]
    features = jax.lax.conv_general_dilated(
        batch["image"], kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
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
    state, apply = training.init(model, optax.sgd(0.1))
    batch = {"image": jnp.ones((8, 8))}
    (one, two), _ = apply(state.params, state.stats, batch, jax.random.key(0))
    assert set(np.unique(one)) == set(np.unique(two)) == {0.0, 2.0}
    assert not np.array_equal(one, two)


def test_the_seed_of_the_models_own_dropout_does_not_matter():
    batch = prepare(split(5))
    logits = []
    for seed in (3, 4):
        model = Tiny(rngs=nnx.Rngs(params=0, dropout=seed))
        state, apply = training.init(model, optimizer())
        logits.append(apply(state.params, state.stats, batch, jax.random.key(1))[0])
    assert_same_bits(*logits)


def test_training_leaves_the_model_as_it_was_and_usable():
    model = Tiny(rngs=nnx.Rngs(0))
    model.train()
    batch = split(8)
    state, _ = training.init(model, optimizer())
    before = jax.tree.map(np.array, state.params)
    _, step = tiny.program()
    state, _ = step(state, batch, KEY)
    params = nnx.to_pure_dict(nnx.state(model, nnx.Param))
    assert_same_bits(params, before)
    assert not model.drop.deterministic


def test_trained_is_a_model_with_the_arrays_of_the_state():
    model = Tiny(rngs=nnx.Rngs(0))
    batch = split(8)
    state, apply = training.init(model, optimizer())
    _, step = tiny.program()
    for _ in range(3):
        state, _ = step(state, batch, KEY)
    expected, _ = apply(state.params, state.stats, prepare(batch))
    copy = training.trained(model, state)
    jax.jit(step, donate_argnums=0)(state, batch, KEY)  # the copy holds its own
    assert isinstance(copy, Tiny)
    np.testing.assert_allclose(copy(prepare(batch)["image"]), expected, rtol=1e-5, atol=1e-6)
    assert not np.allclose(model(prepare(batch)["image"]), expected)


def test_a_layer_used_twice_is_stored_once():
    class Twice(nnx.Module):
        def __init__(self, rngs):
            self.first = nnx.Linear(4, 4, rngs=rngs)
            self.second = self.first

        def __call__(self, x):
            return self.second(self.first(x))

    model = Twice(nnx.Rngs(0))
    state, apply = training.init(model, optax.sgd(0.1))
    assert len(jax.tree.leaves(state.params)) == 2
    logits, _ = apply(state.params, state.stats, {"image": jnp.ones((2, 4))})
    np.testing.assert_allclose(logits, model(jnp.ones((2, 4))), rtol=1e-6)


def test_what_is_no_model_is_refused():
    with pytest.raises(TypeError, match=r"`model` must be a flax.nnx.Module; got function"):
        training.init(prepare, optimizer())


@pytest.mark.parametrize("wrong", [None, 0.1, optax.adam, "adam"])
def test_what_is_no_optimizer_is_refused(wrong):
    model = nnx.Linear(4, 3, rngs=nnx.Rngs(0))
    message = (
        r"`optimizer` must be an optax\.GradientTransformation, such as optax.adam\(1e-3\); got"
    )
    with pytest.raises(TypeError, match=message):
        training.init(model, wrong)
    with pytest.raises(TypeError, match=message):
        training.make_step(lambda *_: None, wrong, tiny.LOSS)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"forward": 255}, TypeError, r"`forward` must be a function of \(model, batch\); got 255"),
        ({"frozen": "conv"}, TypeError, r"`frozen` must hold paths, such as 'conv1'; got 'conv'"),
        ({"frozen": ["cnv"]}, ValueError, r"none of its arrays is in 'cnv'.* Did you mean 'conv'"),
        ({"frozen": ["*"]}, ValueError, r"`frozen` must leave a parameter to train; got \['\*'\]"),
        ({"dtype": jnp.int8}, TypeError, "`dtype` must be a floating-point type"),
        ({"dtype": "bf17"}, (TypeError, ValueError), "`dtype`"),
    ],
)
def test_what_cannot_be_trained_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        training.init(Tiny(rngs=nnx.Rngs(0)), optimizer(), **options)


def test_frozen_parts_and_their_statistics_stay_as_they_are():
    model = Tiny(rngs=nnx.Rngs(0))
    state, apply = training.init(model, optimizer(), frozen=["conv", "norm", "hidden.0.bias"])
    assert state.params.keys() == {"hidden", "classify"}
    assert state.params["hidden"]["layers"][0].keys() == {"kernel"}
    assert state.stats.keys() == {"conv", "norm", "hidden"}
    before = jax.tree.map(np.array, state)
    step = jax.jit(training.make_step(apply, optimizer(), tiny.LOSS, prepare=prepare))
    for _ in range(3):
        state, _ = step(state, split(8), KEY)
    assert_same_bits(state.stats, before.stats)
    moved = jax.tree.map(lambda a, b: not np.array_equal(a, b), state.params, before.params)
    assert all(jax.tree.leaves(moved))
    after = nnx.to_pure_dict(nnx.state(training.trained(model, state), nnx.Param))
    assert_same_bits(after["conv"], before.stats["conv"])
    assert_same_bits(after["classify"], state.params["classify"])


def test_frozen_norms_use_their_running_averages_and_frozen_dropout_is_off():
    model = Tiny(rngs=nnx.Rngs(0))
    model.hidden = nnx.Sequential(model.hidden.layers[0], nnx.Dropout(0.5, rngs=nnx.Rngs(1)))
    model.drop.rate = 0.0
    batch = prepare(split(8))
    frozen, apply = training.init(model, optimizer(), frozen=["norm", "hidden"])
    given, stats = apply(frozen.params, frozen.stats, batch, KEY)
    again, other = training.init(model, optimizer())
    free, moved = other(again.params, again.stats, batch, KEY)
    model.eval()
    np.testing.assert_allclose(given, model(batch["image"]), rtol=1e-5, atol=1e-6)
    assert_same_bits(stats, frozen.stats)
    assert not np.allclose(free, given)
    assert not np.array_equal(moved["norm"]["mean"], stats["norm"]["mean"])


def test_a_computation_in_bfloat16_keeps_parameters_and_averages_in_float32():
    dtypes = set()

    def forward(model, batch):
        dtypes.update(str(leaf.dtype) for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))
        dtypes.add(str(batch["image"].dtype))
        return model(batch["image"])

    state, apply = training.init(
        Tiny(rngs=nnx.Rngs(0)),
        optimizer(),
        forward=forward,
        dtype=jnp.bfloat16,
        frozen=["classify.bias"],
    )
    exact, exact_apply = training.init(Tiny(rngs=nnx.Rngs(0)), optimizer())
    batch = prepare(split(64))
    logits, stats = apply(state.params, state.stats, batch, KEY)
    expected, averages = exact_apply(exact.params, exact.stats, batch, KEY)
    assert dtypes == {"bfloat16"}
    assert logits.dtype == jnp.float32
    assert {leaf.dtype for leaf in jax.tree.leaves((stats, state.params))} == {jnp.dtype("float32")}
    assert not np.array_equal(logits, expected)
    np.testing.assert_allclose(logits, expected, atol=0.1)
    np.testing.assert_allclose(stats["norm"]["mean"], averages["norm"]["mean"], atol=1e-3)
    np.testing.assert_allclose(stats["norm"]["var"], averages["norm"]["var"], atol=1e-3)


def test_trained_refuses_what_is_no_state_of_the_model():
    model, other = (nnx.Linear(4, n, rngs=nnx.Rngs(0)) for n in (3, 5))
    state, _ = training.init(other, optax.sgd(0.1))
    with pytest.raises(
        ValueError, match=r"`state` must be a state of `model`; .* float32\[4, 3\] he"
    ):
        training.trained(model, state)
    with pytest.raises(TypeError, match=r"`state` must be a TrainState; got dict"):
        training.trained(model, state.params)
    with pytest.raises(TypeError, match=r"`model` must be a flax.nnx.Module; got TrainState"):
        training.trained(state, model)
    with pytest.raises(ValueError, match=r"`state` must be a state of `model`; .* conv\.kernel is"):
        training.trained(Tiny(rngs=nnx.Rngs(0)), state)


def test_an_untyped_key_is_refused():
    state, apply = training.init(Tiny(rngs=nnx.Rngs(0)), optimizer())
    with pytest.raises(TypeError, match=r"`key` must be one typed key, .* got uint32\[2\]"):
        apply(state.params, state.stats, prepare(split(2)), jnp.zeros(2, jnp.uint32))
