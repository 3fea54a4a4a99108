"""Networks for MNIST-1D: published counts and shapes, the equation, the least signal."""

import re

import chex
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import models
from cnn_jax.models.mnist1d import VARIANTS, least

from .networks import abstract, filled, images, maps, parameters, shapes

PARAMETERS = {
    "mnist1d": 2_050,
    "mnist1d_greydanus": 5_210,
    "mnist1d_linear": 410,
    "mnist1d_mlp": 15_210,
    "mnist1d_dense": 59_065,
}
SHAPES = {
    "mnist1d": {"conv1": (19, 15), "conv2": (9, 15), "conv3": (4, 15), "logits": (10,)},
    "mnist1d_greydanus": {"conv1": (19, 25), "conv2": (10, 25), "conv3": (5, 25), "logits": (10,)},
    "mnist1d_linear": {"logits": (10,)},
    "mnist1d_mlp": {"dense1": (100,), "dense2": (100,), "logits": (10,)},
    "mnist1d_dense": {"dense1": (285,), "dense2": (135,), "dense3": (60,), "logits": (10,)},
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_published_parameters_and_shapes(name):
    model = abstract(getattr(models, name))
    assert parameters(model) == PARAMETERS[name]
    assert shapes(model, 2, 3, 40, 1) == {k: (2, 3, *shape) for k, shape in SHAPES[name].items()}


def test_the_dense_twin_has_as_many_units():
    convolutional, dense = SHAPES["mnist1d"].values(), SHAPES["mnist1d_dense"].values()
    assert [int(np.prod(shape)) for shape in convolutional] == [n for (n,) in dense]


def test_the_authors_perceptron_adds_its_second_layer_to_its_first():
    model, x = filled(models.mnist1d_mlp), images(2, 40, 1)
    made = maps(model, x)
    second = np.maximum(np.asarray(model.dense2(made["dense1"])), 0)
    np.testing.assert_allclose(made["dense2"], made["dense1"] + second, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_computes_its_equation(variant):
    model, x = filled(models.mnist1d, variant, in_channels=2), images(40, 2)
    expected, padding = x.astype(np.float64), VARIANTS[variant].padding
    made = maps(model, x)
    for name in ("conv1", "conv2", "conv3"):
        kernel, bias = (
            np.asarray(p[...]) for p in (getattr(model, name).kernel, getattr(model, name).bias)
        )
        padded = np.pad(expected, ((padding, padding), (0, 0)))
        starts = range(0, len(padded) - len(kernel) + 1, 2)
        sums = [np.einsum("tc,tco->o", padded[s : s + len(kernel)], kernel) for s in starts]
        expected = np.maximum(np.stack(sums) + bias, 0)
        np.testing.assert_allclose(made[name], expected, rtol=1e-4, atol=1e-5)
    logits = model.logits(jnp.asarray(expected.ravel(), jnp.float32))
    np.testing.assert_allclose(made["logits"], logits, rtol=1e-4, atol=1e-5)


def test_options_change_what_they_say():
    x = images(8, 40, 1)
    options = [{}, {"activation": "sigmoid"}, {"activation": "tanh"}, {"norm": "batch"}]
    logits = [maps(filled(models.mnist1d, **o), x)["logits"] for o in options]
    assert len({round(float(jnp.abs(l).sum()), 4) for l in logits}) == 4
    model = filled(models.mnist1d, dropout=0.5)
    trained = maps(model, x)
    chex.assert_trees_all_close(trained["conv3"], maps(filled(models.mnist1d), x)["conv3"])
    assert jnp.abs(trained["logits"] - logits[0]).max() > 0.1
    model.eval()
    chex.assert_trees_all_close(maps(model, x)["logits"], logits[0], rtol=1e-5)
    normed = abstract(models.mnist1d, norm="batch")
    assert parameters(normed) == 2_050 + 3 * 15  # a scale each; the bias moves
    assert shapes(abstract(models.mnist1d, input_size=64, num_classes=3), 64, 1)["logits"] == (3,)


@pytest.mark.parametrize(("variant", "size"), [("prince", 15), ("greydanus", 3)])
def test_the_least_signal(variant, size):
    assert least(VARIANTS[variant]) == size
    model = abstract(models.mnist1d, variant, input_size=size)
    assert shapes(model, size, 1)["conv3"][0] == 1
    with pytest.raises(
        ValueError, match=f"nothing for the network's layer 'conv.'; it must be at least {size}"
    ):
        abstract(models.mnist1d, variant, input_size=size - 1)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda **o: models.mnist1d("lecun", **o),
            "`variant` must be one of 'prince', 'greydanus'",
        ),
        (lambda **o: models.mnist1d(input_size=0, **o), "`input_size` must be a positive int"),
        (lambda **o: models.mnist1d(norm="layer", **o), "`norm` must be one of 'batch'"),
        (lambda **o: models.mnist1d(activation="gelu", **o), "`activation` must be one of 'relu'"),
        (lambda **o: models.mnist1d(dropout=2, **o), "`dropout` must be a number in [0, 1)"),
        (
            lambda **o: filled(models.mnist1d)(images(2, 40)),
            "`images` must be (*batch, 40, 1), as the network was made; got shape (2, 40).",
        ),
        (lambda **o: filled(models.mnist1d_dense)(images(41, 1)), "got shape (41, 1)."),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(make, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        make(rngs=nnx.Rngs(0))
