"""DCGAN: the counts of its table, what its options change, and its mistakes."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import models

from .networks import abstract, filled, images, maps, parameters, shapes

UPS = {"project": 1_640_448, "up1": 13_108_224, "up2": 3_277_312, "up3": 819_456, "image": 9_600}
CONVS = {"conv1": 9_600, "conv2": 819_712, "conv3": 3_277_824, "conv4": 13_109_248, "logit": 16_384}


def layers(model):
    """The parameters of each layer of both networks by the name of its map."""
    made, judged = model.generator, model.discriminator
    ups = [parameters(up) for up in made.ups.layers]
    norms = [parameters(norm) for norm in made.norms.layers]
    first = parameters(made, "project") + parameters(made, "norm")
    *rest, end = [*(u + n for u, n in zip(ups, [*norms, 0]))]
    generator = {"project": first, **{f"up{i}": n for i, n in enumerate(rest, 1)}, "image": end}
    convs = [parameters(judged, "conv1"), *(parameters(c) for c in judged.convs.layers)]
    named = {f"conv{i}": n for i, n in enumerate(convs, 1)}
    return generator, {**named, "logit": parameters(judged, "logit")}


def test_the_counts_and_shapes_of_the_table():
    model = abstract(models.dcgan)
    assert layers(model) == (UPS, CONVS)
    assert parameters(model, "generator") == sum(UPS.values()) == 18_855_040
    assert parameters(model, "discriminator") == sum(CONVS.values()) == 17_232_768
    assert shapes(model, 2, 5, 100) == {
        "project": (2, 5, 4, 4, 1024),
        "up1": (2, 5, 8, 8, 512),
        "up2": (2, 5, 16, 16, 256),
        "up3": (2, 5, 32, 32, 128),
        "image": (2, 5, 64, 64, 3),
        "conv1": (2, 5, 32, 32, 128),
        "conv2": (2, 5, 16, 16, 256),
        "conv3": (2, 5, 8, 8, 512),
        "conv4": (2, 5, 4, 4, 1024),
        "logit": (2, 5),
    }


def test_gray_images_of_28_and_32_pixels():
    model = abstract(models.dcgan, size=28, in_channels=1)
    assert parameters(model, "generator") == 2_077_568
    assert parameters(model, "discriminator") == 835_456
    found = shapes(model, 3, 100)
    assert [found[name][1] for name in ("project", "up1", "image", "conv1", "conv2")] == [
        *(7, 14, 28, 14, 7)
    ]
    found = shapes(abstract(models.dcgan, size=32), 3, 100)
    assert [found[name][1] for name in ("project", "up1", "up2", "image")] == [4, 8, 16, 32]


@pytest.mark.parametrize("window", [2, 3, 4, 5, 6, 7])
def test_every_window_doubles_and_halves(window):
    model = abstract(models.dcgan, size=20, channels=2, window=window)
    found = shapes(model, 1, 100)
    assert [found[name][1:3] for name in ("project", "up1", "image", "conv1", "conv2")] == [
        *((5, 5), (10, 10), (20, 20), (10, 10), (5, 5))
    ]


def test_calls_are_the_last_maps_and_images_lie_in_minus_1_to_1():
    model = filled(models.dcgan, size=12, in_channels=1, channels=4, latent=6)
    model.eval()
    z = 9 * images(3, 6)
    found = maps(model, z)
    np.testing.assert_allclose(model(z), found["image"], atol=2e-5)
    np.testing.assert_allclose(model.discriminator(found["image"]), found["logit"], atol=1e-4)
    assert 0.5 < float(jnp.abs(found["image"]).max()) <= 1


def test_the_first_weights_are_small_and_normal():
    model = models.dcgan(size=8, channels=16, rngs=nnx.Rngs(0))
    for layer in (
        model.generator.ups.layers[0],
        model.discriminator.conv1,
        model.generator.project,
    ):
        kernel = np.asarray(jax.device_get(layer.kernel[...]))
        assert kernel.std() == pytest.approx(0.02, rel=0.1)
        assert abs(kernel).max() > 0.05  # not truncated at 2 deviations


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: abstract(models.dcgan, size=27), "`size` must be even, to be halved; got 27."),
        (lambda: abstract(models.dcgan, size=4), "`size` must be an int of at least 6; got 4."),
        (lambda: abstract(models.dcgan, window=1), "`window` must be an int of at least 2; got 1."),
        (lambda: abstract(models.dcgan, latent=0), "`latent` must be a positive int; got 0."),
        (
            lambda: filled(models.dcgan, size=8, channels=1)(jnp.zeros((4, 99))),
            "`latents` must be (*batch, 100), as the network was made; got shape (4, 99).",
        ),
        (
            lambda: filled(models.dcgan, size=8, channels=1).discriminator(jnp.zeros((4, 8, 8, 1))),
            "`images` must be (*batch, 8, 8, 3), as the network was made; got shape (4, 8, 8, 1).",
        ),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(make, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        make()
