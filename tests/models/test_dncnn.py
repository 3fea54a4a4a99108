"""DnCNN: the published numbers, and what its options change."""

import re

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import models
from cnn_jax.analysis import summarize

from .networks import abstract, filled, images, maps, parameters, shapes


def test_published_parameters_and_shapes():
    model = abstract(models.dncnn)
    assert parameters(model) == 556_032 == 2 * 576 + 15 * (36_864 + 2 * 64)
    assert [parameters(model, name) for name in ("first", "middle", "last")] == [576, 554_880, 576]
    found = shapes(model, 2, 5, 40, 50, 1)
    assert found.pop("image") == found.pop("conv17") == (2, 5, 40, 50, 1)
    assert found == {f"conv{i}": (2, 5, 40, 50, 64) for i in range(1, 17)}


def test_color_and_blind():
    assert parameters(abstract(models.dncnn, in_channels=3)) == 558_336
    assert parameters(abstract(models.dncnn, depth=20)) == 556_032 + 3 * 36_992
    assert parameters(abstract(models.dncnn, depth=20, in_channels=3)) == 669_312


def test_a_unit_sees_35_pixels():
    model = abstract(models.dncnn)
    model.eval()
    (field, _) = summarize(model.feature_maps, (1, 64, 64, 1)).outputs["conv17"].field
    assert (field.size, field.stride, field.padding) == (35, 1, 17)


def test_seven_dilated_layers_see_33_pixels():
    """IRCNN: section 4.1 of the paper."""
    model = abstract(models.dncnn, depth=7, dilations=(1, 2, 3, 4, 3, 2, 1))
    model.eval()
    (field, _) = summarize(model.feature_maps, (1, 64, 64, 1)).outputs["conv7"].field
    assert (field.size, field.stride, field.padding) == (33, 1, 16)
    assert parameters(model) == 2 * 576 + 5 * 36_992


def test_the_last_layer_is_what_is_subtracted():
    model = filled(models.dncnn, depth=3, channels=4)
    model.eval()
    x = images(2, 8, 8, 1)
    found = maps(model, x)
    np.testing.assert_array_equal(found["image"], x - found["conv3"])


def test_a_new_network_changes_the_image_little():
    x = images(2, 12, 12, 1)
    model = models.dncnn(depth=4, channels=16, rngs=nnx.Rngs(0))
    difference = np.asarray(maps(model, x)["image"] - x)
    assert 0 < difference.std() < 0.02 * x.std()


def test_options_change_what_they_say():
    x = images(1, 12, 12, 1)
    made = []
    changes = [{"norm": "none"}, {"norm": "group"}, {"padding_mode": "reflect"}]
    changes += [{"dilations": np.roll((2, 1, 1, 1), place)} for place in range(4)]
    for options in ({}, *changes):
        model = filled(models.dncnn, depth=4, channels=4, **options)
        model.eval()
        made.append(np.asarray(maps(model, x)["image"]))
    reflected, plain = made[3], made[0]
    np.testing.assert_allclose(reflected[:, 4:-4, 4:-4], plain[:, 4:-4, 4:-4], atol=1e-6)
    assert len({round(float(y.sum()), 3) for y in made}) == 8


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: abstract(models.dncnn, depth=1), "`depth` must be an int of at least 2; got 1."),
        (lambda: abstract(models.dncnn, channels=0), "`channels` must be a positive int; got 0."),
        (
            lambda: abstract(models.dncnn, depth=3, dilations=(1, 2)),
            "`dilations` must be `depth` ints, 3; got (1, 2).",
        ),
        (
            lambda: abstract(models.dncnn, depth=2, dilations=(1, 0)),
            "`dilations` must be a positive int; got 0.",
        ),
        (lambda: abstract(models.dncnn, norm="layer"), "`norm` must be one of 'batch', 'group'"),
        (
            lambda: models.dncnn(depth=2, channels=1, rngs=nnx.Rngs(0))(jnp.zeros((4, 4, 3))),
            "`images` must be (*batch, height, width, 1), as the network was made; got shape "
            "(4, 4, 3).",
        ),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(make, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        make()
