"""ESPCN: the published numbers, and what its options change."""

import re

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import models

from .networks import abstract, filled, images, maps, parameters, shapes


@pytest.mark.parametrize(("scale", "count"), [(2, 21_284), (3, 22_729), (4, 24_752)])
def test_published_parameters_and_shapes(scale, count):
    model = abstract(models.espcn, scale=scale)
    assert [parameters(model, f"conv{i}") for i in (1, 2)] == [1_664, 18_464]
    assert parameters(model) == count == 1_664 + 18_464 + 289 * scale**2
    assert shapes(model, 2, 10, 12, 1) == {
        "conv1": (2, 10, 12, 64),
        "conv2": (2, 10, 12, 32),
        "conv3": (2, 10, 12, scale**2),
        "image": (2, 10 * scale, 12 * scale, 1),
    }


def test_channels_become_places():
    model = filled(models.espcn, scale=2)
    found = {name: np.asarray(y) for name, y in maps(model, images(1, 5, 4, 1)).items()}
    for row in range(2):
        for column in range(2):
            np.testing.assert_array_equal(
                found["image"][0, row::2, column::2, 0], found["conv3"][0, ..., 2 * row + column]
            )


def test_options_change_what_they_say():
    x = images(1, 6, 6, 1)
    options = ({}, {"activation": "relu"}, {"padding_mode": "replicate"})
    made = [maps(filled(models.espcn, scale=2, **o), x)["image"] for o in options]
    assert len({round(float(y.sum()), 3) for y in made}) == 3


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: abstract(models.espcn, scale=0), "`scale` must be a positive int; got 0."),
        (
            lambda: abstract(models.espcn, activation="gelu"),
            "`activation` must be one of 'relu', 'sigmoid', 'tanh'; got 'gelu'.",
        ),
        (
            lambda: models.espcn(rngs=nnx.Rngs(0))(jnp.zeros((4, 4, 3))),
            "`images` must be (*batch, height, width, 1), as the network was made; got shape "
            "(4, 4, 3).",
        ),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(make, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        make()
