"""GoogLeNet: published sizes, the classifiers that are there in training alone, the options."""

import re
from dataclasses import replace

import chex
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import models
from cnn_jax.models.blocks import Style
from cnn_jax.models.googlenet import Variant

from .networks import abstract, filled, images, maps, parameters, shapes

SMALL = Variant(
    stem=(4, 6),
    inceptions=tuple((2 + i % 3, 3, 4, 2, 2, 1 + i % 2) for i in range(9)),
    auxiliary=(3, 8),
)


def tiny(has_auxiliary=True, auxiliary_dropout=0.0, five="3x3", **style):
    variant = replace(
        SMALL, has_auxiliary=has_auxiliary, auxiliary_dropout=auxiliary_dropout, five=five
    )
    return filled(models.GoogLeNet, variant, 5, 2, Style(epsilon=1e-3, **style))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 13_004_888),  # torchvision's
        ({"auxiliary": False}, 6_624_904),  # torchvision's, as it hands it out
        # The paper's without its classifiers: as many as in BVLC's network for Caffe.
        ({"auxiliary": False, "five": "5x5", "norm": "none"}, 6_998_552),
    ],
)
def test_published_parameters(options, expected):
    assert parameters(abstract(models.googlenet, **options)) == expected


def test_published_shapes():
    """Szegedy et al. 2014, table 1."""
    model = abstract(models.googlenet)
    expected = {
        "conv1": (112, 64),
        "pool1": (56, 64),
        "conv2": (56, 64),
        "conv3": (56, 192),
        "pool2": (28, 192),
        "inception3a": (28, 256),
        "inception3b": (28, 480),
        "pool3": (14, 480),
        "inception4a": (14, 512),
        "inception4b": (14, 512),
        "inception4c": (14, 512),
        "inception4d": (14, 528),
        "inception4e": (14, 832),
        "pool4": (7, 832),
        "inception5a": (7, 832),
        "inception5b": (7, 1024),
    }
    sizes = {name: (2, 3, n, n, channels) for name, (n, channels) in expected.items()}
    heads = {"features": (2, 3, 1024), "logits": (2, 3, 1000)}
    auxiliary = {"aux1": (2, 3, 1000), "aux2": (2, 3, 1000)}
    assert shapes(model, 2, 3, 224, 224, 3) == sizes | heads | auxiliary
    model.eval()
    assert shapes(model, 2, 3, 224, 224, 3) == sizes | heads
    model.train()
    assert {"aux1", "aux2"} < set(shapes(model, 224, 224, 3))


def test_without_the_classifiers():
    model, plain = tiny(), tiny(has_auxiliary=False)
    assert set(shapes(model, 40, 40, 2)) - set(shapes(plain, 40, 40, 2)) == {"aux1", "aux2"}
    assert not hasattr(plain, "aux1")


def test_the_least_size():
    model = abstract(models.googlenet)
    assert shapes(model, 15, 16, 3)["inception5b"] == (1, 1, 1024)
    for size in ((14, 15), (15, 14)):
        with pytest.raises(ValueError, match="at least 15x15: a smaller one leaves nothing for"):
            shapes(model, *size, 3)


def test_the_last_window_of_a_pool_may_stick_out():
    found = shapes(abstract(models.googlenet), 66, 95, 3)
    assert [found[f"pool{i}"][:2] for i in (1, 2, 3, 4)] == [(16, 24), (8, 12), (4, 6), (2, 3)]


def test_dropout_acts_while_training_alone():
    x = images(2, 40, 40, 2)
    model = tiny(dropout=0.5, auxiliary_dropout=0.5, norm="none")
    dropped, expected = maps(model, x), maps(tiny(norm="none"), x)
    for name in expected:
        same = jnp.abs(dropped[name] - expected[name]).max() == 0
        assert same != (name in ("aux1", "aux2", "logits")), name
    model.eval()
    evaluated = maps(model, x)
    assert set(expected) - set(evaluated) == {"aux1", "aux2"}
    chex.assert_trees_all_equal(evaluated, {name: expected[name] for name in evaluated})


def test_each_dropout_is_where_its_option_says():
    rates = abstract(models.googlenet)
    assert (rates.dropout.rate, rates.aux1.dropout.rate, rates.aux2.dropout.rate) == (0.2, 0.7, 0.7)
    other = tiny(dropout=0.3, auxiliary_dropout=0.1)
    assert (other.dropout.rate, other.aux1.dropout.rate, other.aux2.dropout.rate) == (0.3, 0.1, 0.1)


def test_options_change_what_they_say():
    wide, narrow = (abstract(models.googlenet, five=five).inception4c for five in ("5x5", "3x3"))
    assert wide.five.conv.kernel.shape == (5, 5, 24, 64)
    assert narrow.five.conv.kernel.shape == (3, 3, 24, 64)
    assert shapes(tiny(five="5x5"), 40, 33, 2) == shapes(tiny(), 40, 33, 2)
    batch, group, none = (tiny(norm=norm) for norm in ("batch", "group", "none"))
    for layer in ("conv1", "conv2", "conv3"):
        assert getattr(batch, layer).norm.epsilon == 1e-3
        assert isinstance(getattr(group, layer).norm, nnx.GroupNorm)
    for block in (none.inception3a, none.inception5b):
        assert block.one.conv.bias is not None
        assert not nnx.state(block, nnx.BatchStat)


def test_the_branches_see_the_same():
    block = tiny().inception4b
    block.eval()
    x = images(3, 7, 6, block.one.conv.kernel.shape[2])
    y = np.asarray(block(x))
    one, three = (b.conv.kernel.shape[-1] for b in (block.one, block.three))
    np.testing.assert_allclose(y[..., :one], block.one(x), rtol=1e-5, atol=1e-6)
    expected = block.three(block.reduce_three(x))
    np.testing.assert_allclose(y[..., one : one + three], expected, rtol=1e-5, atol=1e-6)
    last = block.project.conv.kernel.shape[-1]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    expected = block.project(windows.max((-2, -1)))
    np.testing.assert_allclose(y[..., -last:], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("error", "make", "text"),
    [
        (ValueError, {"five": 5}, "`five` must be one of '3x3', '5x5'; got 5."),
        (ValueError, {"norm": "layer"}, "`norm` must be one of 'batch'"),
        (ValueError, {"dropout": 1.0}, "`dropout` must be a number in [0, 1); got 1.0."),
        (ValueError, {"auxiliary_dropout": -0.1}, "`auxiliary_dropout` must be a number in [0, 1)"),
        (TypeError, {"auxiliary": 1}, "`auxiliary` must be True or False; got 1."),
        (ValueError, {"num_classes": 0}, "`num_classes` must be a pos"),
    ],
)
def test_a_wrong_option_is_told(error, make, text):
    with pytest.raises(error, match=re.escape(text)):
        models.googlenet(**make, rngs=nnx.Rngs(0))


def test_wrong_images_are_told():
    for size in ((2, 40, 40, 3), (40, 2)):
        text = re.escape("`images` must be (*batch, height, width, 2), as the network was made")
        with pytest.raises(ValueError, match=text):
            tiny()(images(*size))
