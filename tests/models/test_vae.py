"""VAE: the counts of its table, how noise enters, and its mistakes."""

import re

import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax import models

from .networks import abstract, filled, images, parameters, shapes

COUNTS = {
    "conv1": 544,
    "conv2": 32_832,
    "encoded": 803_072,
    "mean": 5_140,
    "log_variance": 5_140,
    "decoded": 5_376,
    "project": 805_952,
    "up1": 32_800,
    "logits": 513,
}


def test_the_counts_and_shapes_of_the_table():
    model = abstract(models.vae)
    assert {name: parameters(model, name) for name in COUNTS} == COUNTS
    assert parameters(model) == sum(COUNTS.values()) == 1_691_369
    assert sum(COUNTS[n] for n in ("conv1", "conv2", "encoded", "mean", "log_variance")) == 846_728
    assert shapes(model, 2, 5, 28, 28, 1) == {
        "conv1": (2, 5, 14, 14, 32),
        "conv2": (2, 5, 7, 7, 64),
        "encoded": (2, 5, 256),
        "mean": (2, 5, 20),
        "log_variance": (2, 5, 20),
        "latents": (2, 5, 20),
        "decoded": (2, 5, 256),
        "project": (2, 5, 7, 7, 64),
        "up1": (2, 5, 14, 14, 32),
        "logits": (2, 5, 28, 28, 1),
    }


def test_noise_moves_the_latents_by_deviations():
    model = filled(models.vae, size=8, channels=4, hidden=6, latent=3)
    x, noise = images(2, 8, 8, 1), images(2, 3, seed=1)
    mean, log_variance = model.encode(x)
    found = model.feature_maps(x, noise)
    expected = np.asarray(mean) + np.sqrt(np.exp(np.asarray(log_variance))) * noise
    np.testing.assert_allclose(found["latents"], expected, rtol=1e-5)
    np.testing.assert_allclose(model.decode(expected), model(x, noise), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(model.feature_maps(x)["latents"], mean)
    assert float(jnp.abs(model(x) - model(x, noise)).max()) > 0.1


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: abstract(models.vae, size=30), "`size` must be a multiple of 4; got 30."),
        (lambda: abstract(models.vae, latent=0), "`latent` must be a positive int; got 0."),
        (
            lambda: filled(models.vae, channels=1)(jnp.zeros((2, 32, 32, 1))),
            "`images` must be (*batch, 28, 28, 1), as the network was made; got shape",
        ),
        (
            lambda: filled(models.vae, channels=1)(jnp.zeros((2, 28, 28, 1)), jnp.zeros((2, 3))),
            "`noise` must be (*batch, 20), as the network was made; got shape (2, 3).",
        ),
        (
            lambda: filled(models.vae, channels=1).decode(jnp.zeros((2, 3))),
            "`latents` must be (*batch, 20), as the network was made; got shape (2, 3).",
        ),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(make, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        make()
