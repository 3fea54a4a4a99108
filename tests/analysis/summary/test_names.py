"""What rows are called and how their axes lie, however a network is called."""

from functools import partial

import equinox as eqx
import jax
from flax import nnx

from cnn_jax import nn
from cnn_jax.analysis import summarize


def rows(summary):
    return [(row.name, row.operation, row.parameters, row.non_trainable) for row in summary.rows]


class Headed(nnx.Module):
    def __init__(self, rngs):
        self.conv = nnx.Conv(3, 4, (3, 3), padding="VALID", rngs=rngs)
        self.norm = nnx.BatchNorm(4, use_running_average=True, rngs=rngs)
        self.head = nnx.Linear(4, 2, rngs=rngs)

    def __call__(self, x):
        return self.head(self.norm(self.conv(x)).mean((-3, -2)))


def test_a_function_that_refers_to_a_network_has_its_names():
    model = Headed(nnx.Rngs(0))
    expected = rows(summarize(model, (2, 8, 8, 3)))
    assert [name for name, *_ in expected] == ["conv", "norm", "global_avg_pool_1", "head"]
    for f in (lambda x: model(x), jax.vmap(model), partial(jax.jit(lambda m, x: m(x)), model)):
        summary = summarize(f, (2, 8, 8, 3))
        assert rows(summary) == expected
        assert (summary.parameters, summary.non_trainable) == (112 + 8 + 10, 8)


def test_two_networks_that_a_function_refers_to_have_names_apart():
    one, other = (nnx.Linear(3, 3, rngs=nnx.Rngs(i)) for i in range(2))
    summary = summarize(lambda x: other(one(x)), (1, 3))
    assert [row.name for row in summary.rows] == ["one", "other"]
    assert summary.parameters == 24


def test_rows_under_vmap_have_their_axes_in_order():
    """Equinox multiplies a matrix of weights with a vector: the weights come first."""
    network = eqx.nn.MLP(4, 10, 8, 1, key=jax.random.key(0))
    summary = summarize(jax.vmap(network), (5, 4))
    assert [row.name for row in summary.rows] == ["layers.0", "layers.1"]
    assert [row.output for row in summary.rows] == [(5, 8), (5, 10)]


def test_a_local_layer_with_one_place_has_the_axes_of_a_map():
    model = nn.ConvLocal(1, 16, (3, 3), input_size=(3, 3), rngs=nnx.Rngs(0))
    (row,) = summarize(model, (2, 3, 3, 1)).rows
    assert row.output == (2, 1, 1, 16)
