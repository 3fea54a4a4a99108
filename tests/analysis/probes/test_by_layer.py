"""How much each layer changes under shifts, against sums by hand."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import analysis, models
from cnn_jax import functional as F

X = jax.random.normal(jax.random.key(0), (3, 8, 12, 2))


def network(x):
    """Names that are not in alphabetical order."""
    maps = F.conv(x, jnp.ones((3, 3, 2, 2)), padding="SAME", padding_mode="circular")
    return {"maps": maps, "a pool": F.max_pool(maps, (2, 2)), "mean": maps.mean((1, 2))}


def change(f, still, moved):
    return np.mean(
        [
            np.linalg.norm(f(b[None]) - f(a[None])) / np.linalg.norm(f(a[None]))
            for a, b in zip(still, moved)
        ]
    )


def test_every_layer_is_compared_with_itself():
    found = analysis.invariance_by_layer(network, X, [(0, 0), (0, 3), (2, 1)])
    assert found.layers == ("maps", "a pool", "mean")
    assert (found.axes, found.shifts) == ((1, 2), ((0, 0), (0, 3), (2, 1)))
    for layer, changes in zip(found.layers, found.changes):
        for shift, value in zip(found.shifts, changes):
            moved = np.roll(X, shift, (1, 2))
            expected = change(lambda x, layer=layer: network(x)[layer], np.asarray(X), moved)
            np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5)
    assert found.changes[0, 1] > 0.5
    np.testing.assert_allclose(found.changes[2], 0, atol=1e-5)  # rolled, the mean is the same


def test_windows_are_cut_out_of_a_larger_image():
    found = analysis.invariance_by_layer(network, X, [0, 2], boundary="crop", size=(8,), axes=(2,))
    still, moved = np.asarray(X[:, :, 2:10]), np.asarray(X[:, :, :8])
    expected = change(lambda x: network(x)["a pool"], still, moved)
    np.testing.assert_allclose(found.changes[1], [0, expected], rtol=1e-4)


def test_a_network_and_a_single_array():
    model = models.lenet(rngs=nnx.Rngs(0))
    x = jax.random.normal(jax.random.key(1), (1, 28, 28, 1))
    found = analysis.invariance_by_layer(model.feature_maps, x, range(2), axes=(2,))
    assert found.layers[:2] == ("conv1", "pool1")
    assert found.changes.shape == (7, 2)
    assert (found.changes[:, 1] > 0.1).all()
    single = analysis.invariance_by_layer(model, x, range(2), axes=(2,))
    assert single.layers == ("",)
    np.testing.assert_allclose(single.changes[0], found.changes[-1], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: analysis.invariance_by_layer(lambda x: x.sum(), X, [1]), "the 3 images as their"),
        (
            lambda: analysis.invariance_by_layer(lambda x: {"top": x[:2]}, X, [1]),
            "first axis; got shape (2, 8, 12, 2) for top.",
        ),
        (lambda: analysis.invariance_by_layer(network, X[0, 0], [1]), "name the `axes` to shift."),
        (
            lambda: analysis.invariance_by_layer(
                network, X, [5], boundary="crop", size=(8,), axes=(2,)
            ),
            "`x` must be large enough for every window",
        ),
        (lambda: analysis.invariance_by_layer(network, X, [0], size=(8, 8)), "`size` is for"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(call, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        call()
