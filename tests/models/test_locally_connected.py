"""Full, local and convolutional layers: published counts, and that each kind holds the next."""

import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import models

from .networks import abstract, filled, images, maps, parameters, shapes

CONNECTIONS = ("full", "local", "convolutional")
LAYERS = ((3, 3, 2), (4, 2, 1))


def tiny(connection, **options):
    options = {"input_size": (8, 7), "in_channels": 2, "layers": LAYERS, **options}
    return filled(models.locally_connected, connection=connection, num_classes=5, **options)


@pytest.mark.parametrize(
    ("connection", "counts"),
    [
        ("full", (904_320, 295_168, 2_570)),
        ("local", (29_952, 51_456, 2_570)),
        ("convolutional", (208, 3_216, 2_570)),
    ],
)
def test_the_table_of_the_file(connection, counts):
    model = abstract(models.locally_connected, connection=connection)
    assert tuple(parameters(model, layer) for layer in ("layer1", "layer2", "logits")) == counts
    assert parameters(model) == sum(counts)
    assert f"{sum(counts):,}" in models.locally_connected.__doc__
    assert shapes(model, 2, 3, 28, 28, 1) == {
        "layer1": (2, 3, 12, 12, 8),
        "layer2": (2, 3, 4, 4, 16),
        "logits": (2, 3, 10),
    }


def test_units_times_what_each_has():
    """A full unit has a weight for each input, a local one for each tap; both have a bias."""
    inputs, first, second = 8 * 7 * 2, 3 * 3 * 3, 2 * 2 * 4
    expected = {
        "full": first * (inputs + 1) + second * (first + 1),
        "local": first * (3 * 3 * 2 + 1) + second * (2 * 2 * 3 + 1),
        "convolutional": 3 * (3 * 3 * 2 + 1) + 4 * (2 * 2 * 3 + 1),
    }
    for connection, hidden in expected.items():
        assert parameters(tiny(connection)) == hidden + (second + 1) * 5


def test_local_does_what_convolutional_does_and_full_what_local_does():
    shared, local, full = (tiny(c) for c in reversed(CONNECTIONS))
    x, size = images(3, 8, 7, 2), (8, 7, 2)
    for name in ("layer1", "layer2"):
        ours, theirs, dense = (getattr(model, name) for model in (shared, local, full))
        shape = theirs.kernel.shape
        theirs.kernel[...] = jnp.broadcast_to(ours.kernel[...][None, None], shape)
        theirs.bias[...] = jnp.broadcast_to(ours.bias[...][None, None], theirs.bias.shape)

        def linear(v, layer=theirs):
            return (layer(v) - layer.bias[...]).ravel()

        matrix = jax.jacobian(linear)(jnp.zeros(size)).reshape(-1, np.prod(size)).T
        dense.dense.kernel[...] = matrix
        dense.dense.bias[...] = theirs.bias[...].ravel()
        size = (*shape[:2], shape[-1])
        assert np.count_nonzero(matrix) == np.prod(shape)  # a local kernel, and zeros
    local.logits = full.logits = shared.logits
    expected = maps(shared, x)
    chex.assert_trees_all_close(maps(local, x), expected, rtol=1e-4, atol=1e-5)
    chex.assert_trees_all_close(maps(full, x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("connection", CONNECTIONS)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_every_unit_starts_with_the_variance_of_its_own_inputs(connection, activation):
    made = models.locally_connected(
        connection=connection,
        input_size=10,
        layers=((300, 5, 5),),
        activation=activation,
        rngs=nnx.Rngs(0),
    ).layer1
    kernel = made.dense.kernel if connection == "full" else made.kernel
    fan_in, fan_out = (100, 1200) if connection == "full" else (25, 25 * 300)
    variance = 2 / fan_in if activation == "relu" else 2 / (fan_in + fan_out)
    np.testing.assert_allclose(np.var(kernel[...]), variance, rtol=0.05)


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_options_change_what_they_say(connection):
    x = images(4, 8, 7, 2)
    logits = [
        maps(tiny(connection, activation=a), x)["logits"] for a in ("relu", "sigmoid", "tanh")
    ]
    assert len({round(float(jnp.abs(l).sum()), 4) for l in logits}) == 3
    model = tiny(connection, dropout=0.5)
    trained = maps(model, x)
    chex.assert_trees_all_close(trained["layer2"], maps(tiny(connection), x)["layer2"], rtol=1e-5)
    assert jnp.abs(trained["logits"] - logits[0]).max() > 0.1
    model.eval()
    chex.assert_trees_all_close(maps(model, x)["logits"], logits[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_the_least_size_leaves_one_position(connection):
    model = abstract(models.locally_connected, connection=connection, input_size=13)
    assert shapes(model, 13, 13, 1)["layer2"] == (1, 1, 16)
    text = "`input_size` must be at least 13 on both axes, for something to be left after `layers`"
    with pytest.raises(ValueError, match=re.escape(text)):
        abstract(models.locally_connected, connection=connection, input_size=(40, 12))


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"connection": "sparse"}, ValueError, "`connection` must be one of 'full', 'local', 'con"),
        ({"layers": (8, 5, 2)}, TypeError, "`layers` must be a sequence of 3 ints each: channels"),
        ({"layers": ((8, 5),)}, ValueError, "`layers` must be a sequence of 3 ints each: channels"),
        ({"layers": ((8, 5, 0),)}, ValueError, "`layers[0] (stride)` must be a positive int; got"),
        ({"layers": ((8, 5.0, 1),)}, TypeError, "`layers[0] (window)` must be a positive int; got"),
        ({"input_size": (28,)}, ValueError, "`input_size` must be an int or 2 ints"),
        ({"num_classes": 0}, ValueError, "`num_classes` must be a positive int; got 0."),
        ({"activation": "gelu"}, ValueError, "`activation` must be one of 'relu'"),
        ({"dropout": -0.1}, ValueError, "`dropout` must be a number in [0, 1); got -0.1."),
    ],
)
def test_a_wrong_option_is_told_what_is_wrong(options, error, text):
    with pytest.raises(error, match=re.escape(text)):
        models.locally_connected(**options, rngs=nnx.Rngs(0))


def test_images_of_another_size_are_refused():
    text = "`images` must be (*batch, 8, 7, 2), as the network was made; got shape (1, 7, 8, 2)."
    with pytest.raises(ValueError, match=re.escape(text)):
        tiny("convolutional")(images(1, 7, 8, 2))
