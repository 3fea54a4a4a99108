"""U-Net: the published numbers, its sizes, and what a wrong call is told."""

import re

import numpy as np
import pytest
from flax import nnx

from cnn_jax import models

from .networks import abstract, filled, images, maps, parameters, shapes

STAGES = {  # of figure 1: output lengths and channels, parameters
    "down1": (568, 64, 37_568),
    "down2": (280, 128, 221_440),
    "down3": (136, 256, 885_248),
    "down4": (64, 512, 3_539_968),
    "bottom": (28, 1024, 14_157_824),
    "up4": (52, 512, 9_176_576),
    "up3": (100, 256, 2_294_528),
    "up2": (196, 128, 573_824),
    "up1": (388, 64, 143_552),
    "logits": (388, 2, 130),
}


def test_published_parameters_and_shapes():
    model = abstract(models.unet)
    assert parameters(model) == 31_030_658 == sum(number for _, _, number in STAGES.values())
    for name, (_, _, number) in STAGES.items():
        assert parameters(model, name) == number
    found = shapes(model, 1, 572, 572, 1)
    assert found == {name: (1, n, n, c) for name, (n, c, _) in STAGES.items()}


def test_the_parameters_of_a_level():
    """Two 3x3 convolutions on the way down; on the way up a 2x2 transposed one before them."""
    for width, down, up in ((128, "down2", "up2"), (512, "down4", "up4")):
        half, double = width // 2, width * 2
        pair = (9 * half + 1) * width + (9 * width + 1) * width
        assert STAGES[down][2] == pair
        assert STAGES[up][2] == (4 * double + 1) * width + (9 * double + 9 * width + 2) * width


def test_a_normalization_takes_the_place_of_biases():
    plain, normal = (abstract(models.unet, norm=norm) for norm in ("none", "batch"))
    widths = [64, 128, 256, 512]
    layers = 2 * (2 * sum(widths) + 1024)  # 3x3 convolutions, all their output channels
    assert parameters(normal) - parameters(plain) == layers


@pytest.mark.parametrize(("depth", "least", "lost"), [(1, 18, 16), (2, 44, 40), (4, 188, 184)])
def test_which_sizes_can_be_halved(depth, least, lost):
    model = abstract(models.unet, depth=depth, channels=2)
    for length in (least, least + 2**depth, least + 5 * 2**depth):
        found = shapes(model, 1, length, least, 1)["logits"]
        assert found == (1, length - lost, least - lost, 2)
    for wrong in (least - 2**depth, least + 1, 4, 1):
        with pytest.raises(ValueError, match=f"something left: {least}, {least + 2**depth}, "):
            shapes(model, 1, least, wrong, 1)


def test_same_padding_keeps_the_size():
    model = abstract(models.unet, padding="same", channels=2)
    assert shapes(model, 2, 3, 32, 48, 1)["logits"] == (2, 3, 32, 48, 2)
    text = "something left: 16, 32, 48 and so on; got shape (1, 64, 56, 1)."
    with pytest.raises(ValueError, match=re.escape(text)):
        shapes(model, 1, 64, 56, 1)


def test_far_from_the_edge_both_paddings_agree():
    x = images(1, 64, 64, 1)
    valid, same = (
        maps(filled(models.unet, channels=2, depth=1, padding=p), x)["logits"]
        for p in ("valid", "same")
    )
    np.testing.assert_allclose(same[:, 16:-16, 16:-16], valid[:, 8:-8, 8:-8], atol=1e-5)


def test_dropout_of_the_bottom_in_training_alone():
    model = models.unet(channels=2, depth=1, padding="same", dropout=0.5, rngs=nnx.Rngs(0))
    x = np.ones((1, 8, 8, 1), np.float32)
    dropped = np.asarray(model.feature_maps(x)["bottom"])
    model.eval()
    whole = np.asarray(model.feature_maps(x)["bottom"])
    assert (dropped == 0).sum() > (whole == 0).sum()
    kept = dropped != 0
    np.testing.assert_allclose(dropped[kept], 2 * whole[kept], rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"depth": 0}, "`depth` must be a positive int; got 0."),
        ({"channels": 0}, "`channels` must be a positive int; got 0."),
        ({"padding": "full"}, "`padding` must be one of 'valid', 'same'"),
        ({"norm": "layer"}, "`norm` must be one of 'batch', 'group'"),
        ({"num_classes": 0}, "`num_classes` must be a positive int; got 0."),
    ],
)
def test_a_wrong_option_is_told_what_is_wrong(options, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        abstract(models.unet, **options)
