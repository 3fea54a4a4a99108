"""WaveNet: nothing sees the future, the receptive field is what its formula says."""

import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import models

from .networks import abstract, filled, images, maps, parameters, shapes

STACKS = [(1, 1, 2), (1, 3, 2), (2, 2, 2), (3, 1, 2), (2, 2, 3), (1, 2, 1)]


def tiny(stacks=2, layers=2, kernel_size=2, **options):
    options = {"in_channels": 2, "num_classes": 3, "channels": 4, "skip_channels": 5, **options}
    shape = {"stacks": stacks, "layers": layers, "kernel_size": kernel_size}
    return filled(models.wavenet, **shape, **options)


def test_parameters_and_shapes():
    model = abstract(models.wavenet)
    block = (2 * 32 + 1) * 64 + 33 * 256 + 33 * 32
    expected = (2 * 256 + 1) * 32 + 30 * block - 33 * 32 + 257 * 256 + 257 * 256
    assert parameters(model) == expected
    assert model.receptive_field == 3_071
    assert shapes(model, 2, 3, 50, 256) == {
        "causal": (2, 3, 50, 32),
        "stack1": (2, 3, 50, 256),
        "stack2": (2, 3, 50, 256),
        "stack3": (2, 3, 50, 256),
        "hidden": (2, 3, 50, 256),
        "logits": (2, 3, 50, 256),
    }


@pytest.mark.parametrize(("stacks", "layers", "kernel_size"), STACKS)
def test_an_output_sees_itself_and_what_came_before(stacks, layers, kernel_size):
    """Exactly so far as `receptive_field` says, for random weights, and never what comes later."""
    model = tiny(stacks, layers, kernel_size)
    seen, time = model.receptive_field, model.receptive_field + 6
    assert seen == 1 + (kernel_size - 1) * (1 + stacks * sum(2**i for i in range(layers)))
    x = images(time, 2)
    before = np.asarray(maps(model, x)["logits"])
    for at in (0, 3, time - 1):
        changed = x.copy()
        changed[at] += 1
        moved = np.abs(np.asarray(maps(model, changed)["logits"]) - before).max(-1)
        assert set(np.flatnonzero(moved)) <= set(range(at, min(at + seen, time)))
        ends = [at, min(at + seen, time) - 1]
        assert (moved[ends] > 0).all()


def test_what_was_before_the_start_counts_as_zero():
    """So a value's logits are those of its receptive field alone, whatever came earlier."""
    model = tiny()
    x = images(30, 2)
    alone = maps(model, x[30 - model.receptive_field :])["logits"][-1]
    chex.assert_trees_all_close(maps(model, x)["logits"][-1], alone, rtol=1e-4, atol=1e-5)
    shorter = maps(model, x[31 - model.receptive_field :])["logits"][-1]
    assert jnp.abs(shorter - alone).max() > 1e-4


@pytest.mark.parametrize("kernel_size", [2, 3])
def test_it_computes_the_equation_of_the_paper(kernel_size):
    """z = tanh(W_f * x) sigmoid(W_g * x), figure 4, value by value in float64."""
    model, x = tiny(kernel_size=kernel_size), images(12, 2)

    def value(parameter):
        return np.asarray(parameter[...], np.float64)

    def convolved(x, layer, dilation):
        y = np.zeros((len(x), layer.kernel.shape[-1])) + value(layer.bias)
        for t in range(len(x)):
            for tap in range(kernel_size):
                past = t - (kernel_size - 1 - tap) * dilation
                if past >= 0:
                    y[t] += x[past] @ value(layer.kernel)[tap]
        return y

    def dense(x, layer):
        return x @ value(layer.kernel) + value(layer.bias)

    made = maps(model, x)
    flow = convolved(x.astype(np.float64), model.causal, 1)
    np.testing.assert_allclose(made["causal"], flow, rtol=1e-4, atol=1e-5)
    total = np.zeros((12, 5))
    for i, dilation in enumerate((1, 2, 1, 2), start=1):
        block = getattr(model, f"block{i}")
        both = convolved(flow, block.gated, dilation)
        z = np.tanh(both[:, :4]) / (1 + np.exp(-both[:, 4:]))
        total = total + dense(z, block.skip)
        flow = None if i == 4 else flow + dense(z, block.passed)
        if i % 2 == 0:
            np.testing.assert_allclose(made[f"stack{i // 2}"], total, rtol=1e-4, atol=1e-5)
    hidden = np.maximum(dense(np.maximum(total, 0), model.hidden), 0)
    np.testing.assert_allclose(made["hidden"], hidden, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(made["logits"], dense(hidden, model.logits), rtol=1e-4, atol=1e-5)


def test_every_parameter_has_a_gradient():
    graph, params = nnx.split(tiny())
    x = images(4, 20, 2)
    gradients = jax.jit(jax.grad(lambda p: jnp.sum(nnx.merge(graph, p)(x) ** 2)))(params)
    assert all(jnp.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradients))


def test_dropout_acts_while_training_alone():
    model, x = tiny(dropout=0.5), images(4, 12, 2)
    trained, plain = maps(model, x), maps(tiny(), x)
    chex.assert_trees_all_close(trained["hidden"], plain["hidden"], rtol=1e-5)
    assert jnp.abs(trained["logits"] - plain["logits"]).max() > 0.1
    model.eval()
    chex.assert_trees_all_close(maps(model, x), plain, rtol=1e-4, atol=1e-5)


def test_one_value_is_enough_and_none_is_not():
    assert shapes(tiny(), 1, 2)["logits"] == (1, 3)
    with pytest.raises(ValueError, match=re.escape("and at least 1; got shape (0, 2).")):
        tiny()(images(0, 2))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"stacks": 0}, "`stacks` must be a positive int; got 0."),
        ({"layers": -1}, "`layers` must be a positive int; got -1."),
        ({"kernel_size": 0}, "`kernel_size` must be a positive int; got 0."),
        ({"channels": 0}, "`channels` must be a positive int; got 0."),
        ({"skip_channels": 0}, "`skip_channels` must be a positive int; got 0."),
        ({"num_classes": 0}, "`num_classes` must be a positive int; got 0."),
        ({"dropout": 1.5}, "`dropout` must be a number in [0, 1); got 1.5."),
    ],
)
def test_a_wrong_option_is_told_what_is_wrong(options, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        models.wavenet(**options, rngs=nnx.Rngs(0))


@pytest.mark.parametrize("shape", [(12,), (12, 3), (2, 12, 1)])
def test_signals_of_another_shape_are_refused(shape):
    text = f"`images` must be (*batch, time, 2), as the network was made; got shape {shape}."
    with pytest.raises(ValueError, match=re.escape(text)):
        tiny()(images(*shape))
