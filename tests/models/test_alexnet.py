"""AlexNet: published sizes of both years, groups, dropout, and normalization by definition."""

import dataclasses
import re

import chex
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import models
from cnn_jax.models.alexnet import VARIANTS, local_response_normalization
from cnn_jax.models.blocks import Style

from .networks import abstract, filled, images, maps, parameters, shapes


def tiny(year="2014", groups=1, dropout=0.0, downsample="stride"):
    narrow = {"channels": (4, 6, 8, 6, 4), "hidden": 9, "groups": groups}
    variant = dataclasses.replace(VARIANTS[year], **narrow)
    return filled(models.AlexNet, variant, 5, 2, Style(downsample=downsample, dropout=dropout))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 61_100_840),
        ({"variant": "2012"}, 60_965_224),
        ({"variant": "2012", "groups": 1}, 62_378_344),
        ({"num_classes": 10}, 61_100_840 - 990 * 4097),
    ],
)
def test_published_parameters(options, expected):
    assert parameters(abstract(models.alexnet, **options)) == expected


@pytest.mark.parametrize(("year", "size"), [("2014", 224), ("2012", 227)])
def test_published_shapes(year, size):
    one, two, three, four, five = VARIANTS[year].channels
    expected = {
        "conv1": (2, 3, 55, 55, one),
        "pool1": (2, 3, 27, 27, one),
        "conv2": (2, 3, 27, 27, two),
        "pool2": (2, 3, 13, 13, two),
        "conv3": (2, 3, 13, 13, three),
        "conv4": (2, 3, 13, 13, four),
        "conv5": (2, 3, 13, 13, five),
        "pool5": (2, 3, 6, 6, five),
        "average": (2, 3, 6, 6, five),
        "dense1": (2, 3, 4096),
        "dense2": (2, 3, 4096),
        "logits": (2, 3, 1000),
    }
    found = shapes(abstract(models.alexnet, variant=year), 2, 3, size, size, 3)
    assert found == expected


@pytest.mark.parametrize(("year", "least"), [("2014", 63), ("2012", 67)])
def test_the_least_size(year, least):
    model = abstract(models.alexnet, variant=year)
    assert shapes(model, least, least, 3)["pool5"] == (1, 1, 256)
    text = f"at least {least}x{least}: a smaller one leaves nothing for its layer 'pool5'; got"
    for size in ((least - 1, least), (least, least - 1)):
        with pytest.raises(ValueError, match=text):
            shapes(model, *size, 3)
    # Nothing would be left indeed.
    model.least -= 1
    with pytest.raises(ValueError, match="window"):
        shapes(model, least - 1, least, 3)


@pytest.mark.parametrize(("how", "least"), [("blur", 23), ("polyphase", 35)])
def test_the_least_size_without_aliasing(how, least):
    model = abstract(models.alexnet, downsample=how)
    assert shapes(model, least, least, 3)["pool5"] == (1, 1, 256)
    with pytest.raises(ValueError, match=f"at least {least}x{least}: a smaller one leaves nothing"):
        shapes(model, least - 1, least, 3)
    if how == "polyphase":  # an odd number of positions has no halves
        with pytest.raises(ValueError, match="`stride` must divide the spatial axes"):
            shapes(model, least + 4, least + 4, 3)


def test_pools_without_aliasing_are_calmer_under_shifts():
    """Zhang 2019: a shift by 4, which conv1 turns into one by 1, changes blurred pools less."""
    x = images(4, 120, 120, 2)
    changes = {}
    for how in ("stride", "blur"):
        model = tiny(downsample=how)
        one, other = (maps(model, shifted)["pool1"] for shifted in (x[:, 4:], x[:, :-4]))
        inside = np.s_[:, 2:-2, 2:-2]
        changes[how] = float(np.abs(one - other)[inside].mean() / np.abs(one)[inside].mean())
    assert 0 < changes["blur"] < 0.9 * changes["stride"], changes


def test_maps_are_named_from_first_to_last():
    model = tiny()
    made, x = [], images(70, 70, 2)
    nnx.eval_shape(lambda m: made.extend(m.feature_maps(x)), model)
    assert made == [
        *("conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5"),
        *("average", "dense1", "dense2", "logits"),
    ]


def test_normalization_is_the_papers():
    x = images(2, 3, 7, seed=1) * 50
    expected = np.empty_like(x)
    for c in range(7):
        near = x[..., max(0, c - 2) : c + 3].astype(np.float64)
        expected[..., c] = x[..., c] / (2 + 1e-4 * (near**2).sum(-1)) ** 0.75
    np.testing.assert_allclose(local_response_normalization(jnp.asarray(x)), expected, rtol=1e-5)
    half = jnp.asarray(x, jnp.bfloat16)
    assert local_response_normalization(half).dtype == jnp.bfloat16


def test_groups_see_their_own_channels():
    """Halves of conv1's channels change halves of conv2's, as on the two GPUs."""
    for groups, changed in ((1, 6), (2, 3)):
        layer = tiny(groups=groups).conv2
        x = images(5, 5, 4)
        other = x.copy()
        other[..., :2] += 1
        difference = np.abs(layer(x) - layer(other)).max((0, 1))
        assert (difference > 1e-3).sum() == changed


@pytest.mark.parametrize(("year", "dropped"), [("2014", "logits"), ("2012", "dense1")])
def test_dropout_acts_while_training_alone(year, dropped):
    model, plain, x = tiny(year, dropout=0.5), tiny(year), images(2, 70, 70, 2)
    expected, trained = maps(plain, x), maps(model, x)
    assert np.abs(trained[dropped] - expected[dropped]).max() > 1e-3
    for name in ("conv5", "average"):
        chex.assert_trees_all_equal(trained[name], expected[name])
    if year == "2012":  # which drops what comes out of a layer, so there are zeros
        kept = trained["dense1"] != 0
        np.testing.assert_allclose(trained["dense1"][kept], 2 * expected["dense1"][kept], rtol=1e-5)
        assert kept.sum() < (expected["dense1"] != 0).sum()
    model.eval()
    chex.assert_trees_all_equal(maps(model, x), expected)


def test_options_change_what_they_say():
    x = images(2, 80, 80, 2)
    logits = [maps(tiny(year, groups), x)["logits"] for year in VARIANTS for groups in (1, 2)]
    logits.append(maps(tiny(downsample="blur"), x)["logits"])
    assert len({round(float(jnp.abs(l).sum()), 4) for l in logits}) == 5
    computed = abstract(models.alexnet, dtype=jnp.bfloat16)
    made = nnx.eval_shape(lambda m: m(jnp.zeros((63, 63, 3))), computed)
    assert made.dtype == jnp.bfloat16
    assert computed.conv1.kernel.dtype == jnp.float32


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: abstract(models.alexnet, variant="2013"), "`variant` must be one of '2014', '20"),
        (lambda: abstract(models.alexnet, groups=3), "`groups` must be one of None, 1, 2; got 3."),
        (
            lambda: abstract(models.alexnet, downsample="max"),
            "`downsample` must be one of 'stride'",
        ),
        (lambda: abstract(models.alexnet, dropout=1.5), "`dropout` must be a number in [0, 1"),
        (lambda: abstract(models.alexnet, num_classes=0), "`num_classes` must be a positive int;"),
        (lambda: shapes(abstract(models.alexnet), 64, 64), "`images` must be (*batch, height, wid"),
        (lambda: shapes(abstract(models.alexnet), 64, 64, 1), "got shape (64, 64, 1)."),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(make, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        make()
