"""What `trace_features` keeps is what the layers make."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import functional as F
from cnn_jax import nn
from cnn_jax.analysis import summarize, trace_features

X = jax.random.normal(jax.random.key(0), (2, 8, 8, 1))


class Network(nnx.Module):
    def __init__(self):
        rngs = nnx.Rngs(0)
        normal = nnx.initializers.normal(1.0)
        self.conv1 = nn.Conv(1, 3, (3, 3), bias_init=normal, rngs=rngs)
        self.conv2 = nn.Conv(3, 3, (1, 1), bias_init=normal, rngs=rngs)
        self.dense = nnx.Linear(27, 4, bias_init=normal, rngs=rngs)

    def __call__(self, x):
        return self.feature_maps(x)["logits"]

    def feature_maps(self, x):
        maps = {"conv1": jax.nn.relu(self.conv1(x))}
        maps["pool"] = F.max_pool(maps["conv1"], (2, 2))
        y = self.conv2(self.conv2(maps["pool"]))
        maps["logits"] = self.dense(y.reshape(len(x), -1))
        return maps


def test_every_row_of_the_summary_is_there_with_its_bias():
    model = Network()
    found = trace_features(model, X)
    names = [row.name for row in summarize(model, X).rows]
    assert list(found) == ["conv1", "max_pool_1", "conv2", "conv2 (2)", "dense"]
    assert [name.removesuffix(" (2)") for name in found] == names
    maps = model.feature_maps(X)
    once = model.conv2(maps["pool"])
    expected = {
        "conv1": model.conv1(X),
        "max_pool_1": maps["pool"],
        "conv2": once,
        "conv2 (2)": model.conv2(once),
        "dense": maps["logits"],
    }
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-5, atol=1e-5)


def test_the_functions_own_names_come_first():
    model = Network()
    found, maps = trace_features(model.feature_maps, X), model.feature_maps(X)
    assert {"conv1", "pool", "logits", "conv2", "dense"} <= set(found)
    for name, array in maps.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-5, atol=1e-5)


def test_any_function_will_do():
    def f(params, x, y):
        return jax.nn.relu(x @ params["w"]) + y

    params = {"w": jax.random.normal(jax.random.key(1), (3, 2))}
    x, y = jax.random.normal(jax.random.key(2), (4, 3)), jnp.ones((4, 2))
    array = next(iter(trace_features(f, x, y, params=params).values()))
    np.testing.assert_allclose(array, x @ params["w"], rtol=1e-5)


def test_it_needs_arrays():
    with pytest.raises(TypeError, match=r"Input 0 must be an array, .* got \(2, 8, 8, 1\)"):
        trace_features(Network(), X.shape)
    with pytest.raises(ValueError, match="must hold arrays to be run, not shapes, as parameter"):
        trace_features(nnx.eval_shape(Network), X)
