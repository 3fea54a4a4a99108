"""Dense networks: sizes, what each option does, and that place means nothing to them."""

import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import models

from .networks import abstract, filled, images, maps, parameters, shapes


def tiny(**options):
    return filled(
        models.mlp, **{"input_size": (4, 5), "in_channels": 2, "widths": (7, 7)} | options
    )


def test_parameters_and_shapes():
    model = abstract(models.mlp)
    assert parameters(model) == 203_530 == 785 * 256 + 257 * 10
    assert shapes(model, 2, 3, 28, 28, 1) == {"dense1": (2, 3, 256), "logits": (2, 3, 10)}
    deep = abstract(models.mlp, widths=(9, 8), input_size=(5, 4, 3), in_channels=2, num_classes=6)
    assert shapes(deep, 5, 4, 3, 2) == {"dense1": (9,), "dense2": (8,), "logits": (6,)}
    assert parameters(deep) == 121 * 9 + 10 * 8 + 9 * 6
    assert parameters(abstract(models.mlp, widths=())) == 785 * 10
    assert parameters(abstract(models.mlp, norm="batch")) == 784 * 256 + 2 * 256 + 257 * 10


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("residual", [False, True])
def test_it_computes_its_equation(activation, residual):
    model = tiny(activation=activation, residual=residual)
    x = images(3, 4, 5, 2)

    def layer(x, dense):
        kernel, bias = (np.asarray(p[...], np.float64) for p in (dense.kernel, dense.bias))
        return np.matmul(x, kernel) + bias

    def activate(x):
        return {
            "relu": np.maximum(x, 0),
            "sigmoid": 1 / (1 + np.exp(-x)),
            "tanh": np.tanh(x),
        }[activation]

    first = activate(layer(x.reshape(3, -1).astype(np.float64), model.dense1))
    second = activate(layer(first, model.dense2)) + residual * first
    made = maps(model, x)
    np.testing.assert_allclose(made["dense1"], first, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(made["dense2"], second, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(made["logits"], layer(second, model.logits), rtol=1e-4, atol=1e-5)


def test_shuffled_pixels_need_shuffled_weights_alone():
    """What a dense network cannot know: where a pixel is."""
    model, x = tiny(), images(3, 4, 5, 2)
    before = maps(model, x)["logits"]
    order = np.random.default_rng(1).permutation(40)
    shuffled = x.reshape(3, 40)[:, order].reshape(x.shape)
    assert jnp.abs(maps(model, shuffled)["logits"] - before).max() > 0.1
    model.dense1.kernel[...] = model.dense1.kernel[...][order]
    chex.assert_trees_all_close(maps(model, shuffled)["logits"], before, rtol=1e-4, atol=1e-5)


def test_batch_norm_normalizes_each_hidden_layer():
    model, x = models.mlp(norm="batch", widths=(6,), input_size=(4, 5), rngs=nnx.Rngs(0)), None
    x = images(64, 4, 5, 1)
    dense = np.asarray(model.dense1(x.reshape(64, 20)))
    expected = (dense - dense.mean(0)) / np.sqrt(dense.var(0) + 1e-5)
    made = maps(model, x)["dense1"]
    np.testing.assert_allclose(made, np.maximum(expected, 0), rtol=1e-3, atol=1e-4)
    model.eval()
    chex.assert_trees_all_close(
        maps(model, x[:1])["logits"], maps(model, x)["logits"][:1], rtol=1e-4, atol=1e-5
    )


def test_dropout_acts_while_training_alone():
    model, x = tiny(dropout=0.5), images(8, 4, 5, 2)
    trained, plain = maps(model, x), maps(tiny(), x)
    dropped = np.asarray(trained["dense1"]) == 0
    kept = np.asarray(plain["dense1"])
    np.testing.assert_allclose(trained["dense1"], np.where(dropped, 0, 2 * kept), rtol=1e-4)
    assert 8 < (dropped & (kept > 0)).sum() < (kept > 0).sum() - 8
    model.eval()
    chex.assert_trees_all_close(maps(model, x), plain, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"widths": 256}, TypeError, "`widths` must be a sequence of ints, one for each hidden"),
        ({"widths": (3, 0)}, ValueError, "`widths[1]` must be a positive int; got 0."),
        ({"widths": (3, 2.0)}, TypeError, "`widths[1]` must be a positive int; got 2.0."),
        ({"input_size": (28, 0)}, ValueError, "`input_size` must be at least 1 on every axis"),
        ({"input_size": 2.5}, TypeError, "`input_size` must be an int or 2 ints"),
        ({"in_channels": 0}, ValueError, "`in_channels` must be a positive int; got 0."),
        ({"activation": "gelu"}, ValueError, "`activation` must be one of 'relu', 'sigmoid'"),
        ({"norm": "layer"}, ValueError, "`norm` must be one of 'batch', 'group', 'none'; got"),
        ({"residual": 1}, TypeError, "`residual` must be True or False; got 1."),
        (
            {"num_classes": None, "widths": ()},
            ValueError,
            "leaves no layer where `widths` is empty",
        ),
        ({"dropout": 1.0}, ValueError, "`dropout` must be a number in [0, 1); got 1.0."),
        (
            {"widths": (5, 4), "residual": True},
            ValueError,
            "`residual` needs a hidden layer with as many units as the one before it; got `widths` "
            "(5, 4).",
        ),
    ],
)
def test_a_wrong_option_is_told_what_is_wrong(options, error, text):
    with pytest.raises(error, match=re.escape(text)):
        models.mlp(**options, rngs=nnx.Rngs(0))


@pytest.mark.parametrize("shape", [(4, 5), (5, 4, 2), (2, 4, 5, 3), (4, 5, 2, 1)])
def test_images_of_another_shape_are_refused(shape):
    text = f"`images` must be (*batch, 4, 5, 2), as the network was made; got shape {shape}."
    with pytest.raises(ValueError, match=re.escape(text)):
        jax.eval_shape(tiny(), jnp.zeros(shape))
