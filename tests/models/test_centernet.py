"""CenterNet: parameters and shapes of both variants, and what a wrong call is told."""

import re

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import models

from .networks import abstract, parameters, shapes

CLASSES = 80


def test_the_parameters_of_the_authors_network():
    model = abstract(models.centernet_resnet18)
    # ResNet-18 without its dense layer; three 4x4 transposed convolutions with batch norms; heads
    # of a 3x3 convolution to 64 channels and a 1x1, with biases.
    backbone = 11_689_512 - (512 * 1000 + 1000)
    up = 16 * 256 * (512 + 256 + 256) + 3 * 2 * 256
    heads = 3 * (9 * 256 * 64 + 64) + (64 + 1) * (CLASSES + 2 + 2)
    assert parameters(model) == backbone + up + heads == 15_820_372


def test_the_parameters_of_the_small_network():
    model = abstract(models.centernet_small, num_classes=10)

    def block(inputs, width):  # two 3x3 convolutions, a 1x1 shortcut, three batch norms
        return 9 * (inputs + width) * width + inputs * width + 3 * 2 * width

    stem = 9 * 3 * 24 + 2 * 24
    down = block(24, 48) + block(48, 96) + block(96, 160)
    up = 16 * (160 * 96 + 96 * 64) + 2 * (96 + 64)
    lateral = 96 * 96 + 48 * 64 + 2 * (96 + 64)
    heads = 3 * (9 * 64 * 32 + 32) + (32 + 1) * (10 + 2 + 2)
    assert parameters(model) == stem + down + up + lateral + heads == 960_646


@pytest.mark.parametrize(("make", "coarsest"), [("resnet18", 32), ("small", 16)])
def test_shapes(make, coarsest):
    model = abstract(getattr(models, f"centernet_{make}"))
    found = shapes(model, 2, 64, 96, 3)
    deepest = found["stage4" if make == "resnet18" else "stage3"]
    assert deepest[1:3] == (64 // coarsest, 96 // coarsest)
    assert found["heatmap"] == (2, 16, 24, CLASSES)
    assert found["size"] == found["offset"] == (2, 16, 24, 2)
    assert found["logits"] == (2, 16, 24, CLASSES + 4)


def test_a_center_is_rare_at_first():
    model = models.centernet_small(num_classes=3, rngs=nnx.Rngs(0))
    model.eval()
    outputs = model(jnp.zeros((1, 16, 16, 3)))
    np.testing.assert_allclose(1 / (1 + np.exp(-outputs[..., :3])), 0.1, rtol=1e-5)


def test_a_wrong_size_is_told_what_is_wrong():
    model = abstract(models.centernet_small)
    with pytest.raises(ValueError, match=re.escape("that are multiples of 16; got shape (1, 64")):
        shapes(model, 1, 64, 50, 3)
    with pytest.raises(ValueError, match="`variant` must be one of 'centernet_resnet18'"):
        models.centernet("centernet_resnet19", rngs=nnx.Rngs(0))
