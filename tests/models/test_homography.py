"""HomographyNet: the published numbers, and what its options change."""

import re
from itertools import pairwise

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import models

from .networks import abstract, filled, images, maps, parameters, shapes

SMALL = {"size": 16, "channels": (4, 6), "hidden": 10}


def test_published_shapes_and_the_parameters_that_follow():
    model = abstract(models.homography)
    assert parameters(model) == 34_193_032
    counts = [parameters(model, f"conv{i}") for i in range(1, 9)]
    widths = [2, 64, 64, 64, 64, 128, 128, 128, 128]
    assert counts == [9 * c * d + 2 * d for c, d in pairwise(widths)]
    assert parameters(model, "dense") == 16 * 16 * 128 * 1024 + 1024
    assert parameters(model, "offsets") == 8200
    expected = {}
    for stage, (side, width) in enumerate(zip((128, 64, 32, 16), (64, 64, 128, 128)), 1):
        for number in (2 * stage - 1, 2 * stage):
            expected[f"conv{number}"] = (5, side, side, width)
        expected[f"pool{stage}"] = (5, side // 2, side // 2, width)
    del expected["pool4"]
    found = shapes(model, 5, 128, 128, 2)
    assert (found.pop("dense"), found.pop("offsets")) == ((5, 1024), (5, 8))
    assert found == expected


def test_a_small_one():
    model = abstract(models.homography, size=64, channels=(16, 32, 64), hidden=128)
    assert shapes(model, 64, 64, 2)["conv6"] == (16, 16, 64)
    assert parameters(model, "dense") == 16 * 16 * 64 * 128 + 128
    color = abstract(models.homography, **SMALL, in_channels=6)
    assert color.conv1.conv.kernel.shape == (3, 3, 6, 4)


def test_the_comparison_of_both_views():
    model = abstract(models.homography, **SMALL, reach=2)
    found = shapes(model, 5, 16, 16, 2)
    assert found["conv2"] == (5, 2, 16, 16, 4)
    assert found["compared"] == (5, 8, 8, 25)
    assert model.conv1.conv.kernel.shape == (3, 3, 1, 4)
    assert model.conv3.conv.kernel.shape == (3, 3, 25, 6)


def test_the_order_of_the_views_matters():
    model = filled(models.homography, **SMALL)
    model.eval()
    x = images(2, 16, 16, 2)
    one, other = (np.asarray(maps(model, v)["offsets"]) for v in (x, x[..., ::-1].copy()))
    assert np.abs(one - other).max() > 1e-2


def test_options_change_what_they_say():
    x = images(1, 16, 16, 2)
    made = []
    for options in ({}, {"norm": "none"}, {"norm": "group"}, {"padding_mode": "reflect"}):
        model = filled(models.homography, **SMALL, **options)
        model.eval()
        made.append(float(np.asarray(maps(model, x)["offsets"]).sum()))
    assert len({round(total, 4) for total in made}) == 4


def test_dropout_drops_while_training():
    def zeros(dropout):
        model = filled(models.homography, **{**SMALL, "hidden": 1000}, dropout=dropout)
        return float((maps(model, images(1, 16, 16, 2))["dense"] == 0).mean())

    assert zeros(0.9) > 0.9 > 0.7 > zeros(0.0) > 0.3


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: abstract(models.homography, size=100),
            "`size` must be a multiple of 8, as 3 pools halve it; got 100.",
        ),
        (
            lambda: abstract(models.homography, size=8, channels=(4,), reach=1),
            "`reach` needs two stages or more, and as many channels of both views; got 1 stages",
        ),
        (
            lambda: abstract(models.homography, channels=()),
            "`channels` must be one int for each stage, such as (8, 16); got ().",
        ),
        (
            lambda: abstract(models.homography, channels=(8, 0)),
            "`channels` must be a positive int; got 0.",
        ),
        (lambda: abstract(models.homography, hidden=0), "`hidden` must be a positive int; got 0."),
        (
            lambda: models.homography(**SMALL, rngs=nnx.Rngs(0))(jnp.zeros((2, 16, 8, 2))),
            "`images` must be (*batch, 16, 16, 2), as the network was made; got shape "
            "(2, 16, 8, 2).",
        ),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(make, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        make()
