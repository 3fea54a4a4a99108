"""DeconvNet: the numbers of table 2, unpooling, and what a wrong call is told."""

import re

import numpy as np
import pytest

from cnn_jax import models

from .networks import abstract, filled, images, maps, parameters, shapes

WEIGHTS = {  # the kernels of table 2, layer by layer
    "stage1": 9 * (3 * 64 + 64 * 64),
    "stage2": 9 * (64 * 128 + 128 * 128),
    "stage3": 9 * (128 * 256 + 2 * 256 * 256),
    "stage4": 9 * (256 * 512 + 2 * 512 * 512),
    "stage5": 9 * 3 * 512 * 512,
    "dense1": 49 * 512 * 4096,
    "dense2": 4096 * 4096,
    "dense3": 49 * 4096 * 512,
    "back5": 9 * 3 * 512 * 512,
    "back4": 9 * (2 * 512 * 512 + 512 * 256),
    "back3": 9 * (2 * 256 * 256 + 256 * 128),
    "back2": 9 * (128 * 128 + 128 * 64),
    "back1": 9 * 2 * 64 * 64,
}
CHANNELS = {  # of all outputs of a stage: each has a scale and a shift
    **{"stage1": 128, "stage2": 256, "stage3": 768, "stage4": 1536, "stage5": 1536},
    **{"dense1": 4096, "dense2": 4096, "dense3": 512, "back5": 1536, "back4": 1280},
    **{"back3": 640, "back2": 192, "back1": 128},
}


def test_published_parameters_and_shapes():
    model = abstract(models.deconvnet)
    for name, weights in WEIGHTS.items():
        assert parameters(model, name) == weights + 2 * CHANNELS[name], name
    total = sum(WEIGHTS.values()) + 2 * sum(CHANNELS.values()) + (64 + 1) * 21
    assert parameters(model) == total == 251_788_949  # "about 252M"
    found = shapes(model, 1, 224, 224, 3)
    widths = {1: (224, 64, 64), 2: (112, 128, 64), 3: (56, 256, 128), 4: (28, 512, 256)}
    for stage, (n, channels, behind) in {**widths, 5: (14, 512, 512)}.items():
        assert found[f"stage{stage}"] == (1, n, n, channels)
        assert found[f"back{stage}"] == (1, n, n, behind)
    assert found["dense1"] == found["dense2"] == (1, 1, 1, 4096)
    assert found["dense3"] == (1, 7, 7, 512)
    assert found["logits"] == (1, 224, 224, 21)


def test_values_come_back_to_the_places_of_the_maxima():
    """What goes into the first layer of the last stage is zero but at one of each four places."""
    model = filled(models.deconvnet, channels=2, hidden=4, window=1, in_channels=1, norm="none")
    model.eval()
    found = maps(model, images(1, 32, 32, 1))
    kernel = np.zeros((3, 3, 2, 2), np.float32)
    kernel[1, 1] = np.eye(2)
    for layer in model.back1.layers:  # now they only copy
        layer.conv.kernel[...] = kernel
        layer.conv.bias[...] = np.zeros(2, np.float32)
    copied = np.asarray(maps(model, images(1, 32, 32, 1))["back1"])
    stage, below = np.asarray(found["stage1"]), np.asarray(found["back2"])
    four = [a[0].reshape(16, 2, 16, 2, 2).transpose(0, 2, 4, 1, 3) for a in (stage, copied)]
    before, after = (a.reshape(16, 16, 2, 4) for a in four)
    np.testing.assert_allclose(after.sum(-1), below[0], rtol=1e-5)
    assert ((after > 0).sum(-1) <= 1).all()
    filled_in = after.max(-1) > 0
    assert filled_in.mean() > 0.1
    assert (after.argmax(-1) == before.argmax(-1))[filled_in].all()


@pytest.mark.parametrize(
    ("options", "size", "text"),
    [
        ({"window": 2}, (64, 80), "that are multiples of 32; got shape (1, 64, 80, 3)."),
        ({}, (64, 224), "at least 224x224: a smaller one leaves nothing for its layer 'dense1'"),
        ({"window": 0}, (32, 32), "`window` must be a positive int; got 0."),
        ({"hidden": 0}, (32, 32), "`hidden` must be a positive int; got 0."),
        ({"norm": "layer"}, (32, 32), "`norm` must be one of 'batch', 'group'"),
    ],
)
def test_a_mistake_is_told_what_is_wrong(options, size, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        shapes(abstract(models.deconvnet, **options), 1, *size, 3)
