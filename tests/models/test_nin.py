"""Network in network: sizes, what its 1x1 convolutions are, the options."""

import re

import chex
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import models
from cnn_jax.models.blocks import Style
from cnn_jax.models.nin import Variant

from .networks import abstract, filled, images, maps, parameters, shapes


def tiny(norm="none", dropout=0.0, seed=0):
    style = Style(norm=norm, dropout=dropout)
    return filled(models.NiN, Variant((4, 6, 8)), 5, 2, style, seed=seed)


def test_parameters():
    """D2L 7.3: 10 classes and one channel; then ImageNet's."""
    for classes, channels in ((10, 1), (1000, 3)):
        expected, last = 0, channels
        for window, width in ((11, 96), (5, 256), (3, 384), (3, classes)):
            expected += window**2 * last * width + width + 2 * (width**2 + width)
            last = width
        model = abstract(models.nin, num_classes=classes, in_channels=channels)
        assert parameters(model) == expected
        assert classes != 10 or expected == 1_992_166


def test_published_shapes():
    """D2L 7.3.4 prints these."""
    model = abstract(models.nin, num_classes=10, in_channels=1)
    assert shapes(model, 2, 3, 224, 224, 1) == {
        "block1": (2, 3, 54, 54, 96),
        "pool1": (2, 3, 26, 26, 96),
        "block2": (2, 3, 26, 26, 256),
        "pool2": (2, 3, 12, 12, 256),
        "block3": (2, 3, 12, 12, 384),
        "pool3": (2, 3, 5, 5, 384),
        "block4": (2, 3, 5, 5, 10),
        "classes": (2, 3, 5, 5, 10),
        "logits": (2, 3, 10),
    }


def test_the_least_size():
    model = abstract(models.nin)
    assert shapes(model, 67, 70, 3)["classes"] == (1, 1, 1000)
    for size in ((66, 67), (67, 66)):
        with pytest.raises(ValueError, match="at least 67x67: a smaller one leaves nothing for"):
            shapes(model, *size, 3)


def test_a_block_is_a_small_network_at_each_position():
    model = tiny()
    model.eval()
    found = maps(model, images(2, 83, 70, 2))
    first, *dense = model.block2.layers
    expected = np.asarray(first(found["pool1"]))
    for layer in dense:
        kernel, bias = (np.asarray(p[...]) for p in (layer.conv.kernel, layer.conv.bias))
        expected = np.maximum(expected @ kernel[0, 0] + bias, 0)
    np.testing.assert_allclose(found["block2"], expected, rtol=1e-5, atol=1e-5)


def test_a_logit_is_the_mean_of_the_map_of_its_class():
    model = tiny()
    model.eval()
    found = maps(model, images(3, 83, 70, 2))
    mean = np.asarray(found["classes"]).mean((1, 2))
    np.testing.assert_allclose(found["logits"], mean, rtol=1e-5, atol=1e-6)
    assert found["logits"].min() >= 0
    assert found["logits"].max() > 0


def test_dropout_acts_behind_pool3_while_training_alone():
    x = images(2, 83, 70, 2)
    model, plain = tiny(dropout=0.5), tiny()
    dropped, expected = maps(model, x), maps(plain, x)
    behind = {"block4", "classes", "logits"}
    for name in expected:
        same = jnp.abs(dropped[name] - expected[name]).max() == 0
        assert same != (name in behind), name
    model.eval()
    chex.assert_trees_all_equal(maps(model, x), expected)
    assert abstract(models.nin).dropout.rate == 0.5  # the published


def test_norms_stand_behind_every_convolution_but_the_last():
    for norm, layer in (("batch", nnx.BatchNorm), ("group", nnx.GroupNorm)):
        model = tiny(norm)
        blocks = (model.block1, model.block2, model.block3, model.block4)
        norms = [layer.norm for block in blocks for layer in block.layers]
        assert [isinstance(found, layer) for found in norms] == [True] * 11
        assert model.logits.bias.shape == (5,)
    assert not nnx.state(tiny(), nnx.BatchStat)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: models.nin(norm="lrn", rngs=nnx.Rngs(0)), "`norm` must be one of 'batch'"),
        (lambda: models.nin(dropout=1, rngs=nnx.Rngs(0)), "a number in [0, 1); got 1."),
        (lambda: models.nin(num_classes=0, rngs=nnx.Rngs(0)), "`num_classes` must be a pos"),
        (lambda: tiny()(images(2, 80, 80, 3)), "(*batch, height, width, 2), as the network was"),
        (lambda: tiny()(images(80, 2)), "as the network was made; got shape (80, 2)."),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(make, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        make()
