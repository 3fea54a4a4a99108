"""SRCNN: the published numbers, and what its options change."""

import re

import jax.numpy as jnp
import pytest
from flax import nnx

from cnn_jax import models

from .networks import abstract, filled, images, maps, parameters, shapes


@pytest.mark.parametrize(
    ("variant", "weights"), [("9-1-5", 8_032), ("9-3-5", 24_416), ("9-5-5", 57_184)]
)
def test_published_parameters_and_shapes(variant, weights):
    model = abstract(models.srcnn, variant)
    biases = 64 + 32 + 1
    assert parameters(model) == weights + biases
    assert parameters(model, "conv1") == 5_248
    assert shapes(model, 2, 30, 36, 1) == {
        "conv1": (2, 30, 36, 64),
        "conv2": (2, 30, 36, 32),
        "image": (2, 30, 36, 1),
    }


def test_options_change_what_they_say():
    x = images(1, 9, 9, 1)
    made = [
        maps(filled(models.srcnn, *args, **options), x)["image"]
        for args, options in (((), {}), (("9-3-5",), {}), ((), {"padding_mode": "reflect"}))
    ]
    assert len({round(float(y.sum()), 3) for y in made}) == 3


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: abstract(models.srcnn, "9-7-5"),
            "`variant` must be one of '9-1-5', '9-3-5', '9-5-5'; got '9-7-5'.",
        ),
        (lambda: abstract(models.srcnn, in_channels=0), "`in_channels` must be a positive int"),
        (
            lambda: models.srcnn(rngs=nnx.Rngs(0))(jnp.zeros((9, 9, 3))),
            "`images` must be (*batch, height, width, 1), as the network was made; got shape "
            "(9, 9, 3).",
        ),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(make, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        make()
