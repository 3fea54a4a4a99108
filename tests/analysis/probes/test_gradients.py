"""Norms of gradients: by hand, in the order of use, layer by layer, of tiny and missing ones."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import functional as F
from cnn_jax import models
from cnn_jax.analysis import gradient_norms

X = jax.random.normal(jax.random.key(0), (3, 5))


def chain(params, x):
    for name in ("w2", "w1", "w10"):
        x = jnp.tanh(x @ params[name])
    return x


def test_norms_are_those_of_the_gradient_in_the_order_of_use():
    keys = jax.random.split(jax.random.key(1), 3)
    params = {n: jax.random.normal(k, (5, 5)) for n, k in zip(("w1", "w10", "w2"), keys)}

    def loss(y):
        return (y**2).mean()

    found = gradient_norms(chain, X, loss=loss, params=params)
    expected = jax.grad(lambda p: loss(chain(p, X)))(params)
    assert found.layers == ("w2", "w1", "w10")
    assert found.loss == pytest.approx(float(loss(chain(params, X))))
    for name, norm, weight in zip(found.layers, found.norms, found.weights):
        assert norm == pytest.approx(float(jnp.linalg.norm(expected[name])), rel=1e-5)
        assert weight == pytest.approx(float(jnp.linalg.norm(params[name])), rel=1e-5)
    np.testing.assert_array_equal(found.sizes, 25)
    np.testing.assert_allclose(found.rms, found.norms / 5)


def test_sigmoids_lose_at_least_three_quarters_of_the_gradient_in_each_layer():
    def sigmoids(params, x):
        for name in sorted(params):
            x = jax.nn.sigmoid(x @ params[name])
        return x.sum()

    orthogonal = jax.nn.initializers.orthogonal()
    keys = jax.random.split(jax.random.key(2), 60)
    params = {f"layer{i:02}": orthogonal(key, (5, 5)) for i, key in enumerate(keys)}
    found = gradient_norms(sigmoids, X, params=params)
    assert found.layers == tuple(sorted(params))
    # The derivative is 1/4 at most; the inputs of hidden layers have norms of nearly one size.
    assert (found.norms[-1] / found.norms[1]) ** (1 / 58) > 4
    assert 0 < found.norms[1] < 1e-30  # whose square is no float32


def test_a_module_counts_as_a_layer_in_either_mode_and_stays_as_it_is():
    model = models.mnist1d(norm="batch", rngs=nnx.Rngs(0))
    signals, before = jax.random.normal(jax.random.key(3), (4, 40, 1)), nnx.state(model)

    def loss(logits):
        return jax.nn.logsumexp(logits, axis=-1).mean()

    with F.using(algorithm="xla"):
        trains = gradient_norms(model, signals, loss=loss)
        model.eval()
        evaluates = gradient_norms(model, signals, loss=loss)
    assert trains.layers == evaluates.layers
    names = [f"{kind}{i}" for i in (1, 2, 3) for kind in ("conv", "norm")]
    assert trains.layers == (*names, "logits")
    weights = nnx.state(model, nnx.Param)
    assert trains.sizes.sum() == sum(leaf.size for leaf in jax.tree.leaves(weights))
    assert trains.loss != evaluates.loss
    chex.assert_trees_all_equal(nnx.to_pure_dict(before), nnx.to_pure_dict(nnx.state(model)))


def test_what_is_not_used_has_no_gradient_and_comes_last():
    params = {"idle": jnp.ones(2), "used": jnp.ones(5), "count": jnp.arange(3)}
    found = gradient_norms(lambda p, x: (p["used"] * x[0]).sum(), X, params=params)
    assert found.layers == ("used", "idle")  # an int is no parameter
    assert found.norms[1] == 0


@pytest.mark.parametrize(
    ("f", "x", "options", "error", "words"),
    [
        (
            nnx.Linear(5, 2, rngs=nnx.Rngs(0)),
            X,
            {},
            TypeError,
            r"`f` must .* array \(3, 2\) of flo",
        ),
        (
            nnx.Linear(5, 2, rngs=nnx.Rngs(0)),
            X,
            {"loss": lambda y: y.argmax()},
            TypeError,
            r"`loss` must return one real number; got an array \(\) of int32",
        ),
        (nnx.Linear(5, 2, rngs=nnx.Rngs(0)), (3, 5), {}, TypeError, "Input 0 must be an array"),
        (lambda x: x.sum(), X, {}, ValueError, "`f` must hold its parameters, .* it has none"),
        (
            nnx.eval_shape(lambda: nnx.Linear(5, 2, rngs=nnx.Rngs(0))),
            X,
            {"loss": jnp.sum},
            ValueError,
            "`f` must hold arrays to be run, not shapes",
        ),
    ],
)
def test_wrong_calls_say_what_is_wrong(f, x, options, error, words):
    with pytest.raises(error, match=words):
        gradient_norms(f, x, **options)
