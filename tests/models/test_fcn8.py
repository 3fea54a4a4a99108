"""FCN-8s: its parameters and sizes, bilinear enlarging, and what a wrong call is told."""

import re

import numpy as np
import pytest
from flax import nnx

from cnn_jax import models

from .networks import abstract, parameters, shapes

VGG16 = 138_357_544  # its convolutions, two hidden dense layers, and logits of 1,000 classes


def test_parameters_are_those_of_vgg16_and_the_scores():
    model = abstract(models.fcn8)
    stages = sum(parameters(model, f"stage{stage}") for stage in range(1, 6))
    hidden = parameters(model, "conv6") + parameters(model, "conv7")
    assert stages + hidden == VGG16 - (4096 + 1) * 1000
    scores = (4096 + 1 + 512 + 1 + 256 + 1) * 21
    enlarging = (4 * 4 + 4 * 4 + 16 * 16) * 21 * 21
    assert parameters(model) == stages + hidden + scores + enlarging == 134_489_759
    assert stages == 14_714_688


def test_sizes_as_published():
    found = shapes(abstract(models.fcn8), 1, 500, 500, 3)
    lengths = {name: shape[1] for name, shape in found.items() if name[:5] in ("pool3", "pool4")}
    assert lengths == {"pool3": 88, "pool4": 44}
    assert found["conv7"] == (1, 16, 16, 4096)
    assert found["score"] == (1, 16, 16, 21)
    assert found["score4"] == (1, 34, 34, 21)
    assert found["score3"] == (1, 70, 70, 21)
    assert found["logits"] == (1, 500, 500, 21)


@pytest.mark.parametrize("size", [(1, 1), (31, 33), (64, 97), (255, 130)])
def test_images_of_any_size_have_logits(size):
    model = abstract(models.fcn8, channels=1, hidden=2, num_classes=3)
    assert shapes(model, 2, *size, 3)["logits"] == (2, *size, 3)


def test_with_same_padding_maps_fit_without_a_cut():
    model = abstract(models.fcn8, channels=1, hidden=2, padding="same", window=3)
    found = shapes(model, 1, 64, 96, 3)
    strides = {"pool3": 8, "score3": 8, "score4": 16, "score": 32, "conv6": 32, "logits": 1}
    for name, stride in strides.items():
        assert found[name][1:3] == (64 // stride, 96 // stride), name
    with pytest.raises(ValueError, match=re.escape("with `padding` 'same'; got shape (1, 64, 50")):
        shapes(model, 1, 64, 50, 3)


@pytest.mark.parametrize("stride", [2, 8])
def test_enlarging_starts_as_interpolation(stride):
    """Far from the edge, a ramp stays a ramp of 1 / stride times the slope, on each channel."""
    options = {"num_classes": 3, "channels": 1, "hidden": 1, "window": 1}
    model = models.fcn8(**options, dropout=0.0, rngs=nnx.Rngs(0))
    layer = {2: model.up4, 8: model.up8}[stride]
    ramp = np.zeros((1, 6, 6, 3), np.float32)
    ramp[..., 1] = np.arange(6)[None, :, None]
    y = np.asarray(layer(ramp))
    inside = y[0, 2 * stride : -2 * stride, 2 * stride : -2 * stride]
    assert (inside[..., [0, 2]] == 0).all()
    np.testing.assert_allclose(np.diff(inside[..., 1], axis=0), 1 / stride, rtol=1e-5)
    np.testing.assert_allclose(np.diff(inside[..., 1], axis=1), 0, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"window": 4}, "`window` must be odd; got 4."),
        ({"channels": 0}, "`channels` must be a positive int; got 0."),
        ({"hidden": 0}, "`hidden` must be a positive int; got 0."),
        ({"padding": "full"}, "`padding` must be one of 'valid', 'same'"),
        ({"dropout": 1}, "`dropout` must be a number in [0, 1); got 1."),
    ],
)
def test_a_wrong_option_is_told_what_is_wrong(options, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        abstract(models.fcn8, **options)
