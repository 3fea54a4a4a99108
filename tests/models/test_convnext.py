"""ConvNeXts: published sizes, the equation of a block, the options."""

import math
import re
from dataclasses import replace
from functools import cache

import chex
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import functional as F
from cnn_jax import models
from cnn_jax.models.blocks import Style
from cnn_jax.models.convnext import VARIANTS, Block, Variant

from .networks import abstract, filled, images, maps, parameters, shapes

PARAMETERS = {"convnext_tiny": 28_589_128, "convnext_base": 88_591_464}


SMALL = Variant((1, 1, 2, 1), (4, 6, 8, 10), 0.0)


@cache
def published(name):
    return abstract(getattr(models, name))


def tiny(layer_scale=1e-6, **style):
    variant = replace(SMALL, layer_scale=layer_scale)
    return filled(models.ConvNeXt, variant, 5, 2, Style(**style))


def blocks(model):
    return [block for n in range(1, 5) for block in getattr(model, f"stage{n}").layers]


@pytest.mark.parametrize("name", PARAMETERS)
def test_published_sizes(name):
    model = published(name)
    assert parameters(model) == PARAMETERS[name]
    stochastic_depth = VARIANTS[name].stochastic_depth
    rates = [block.skip.rate for block in blocks(model)]
    np.testing.assert_allclose(rates, np.linspace(0, stochastic_depth, len(rates)), atol=1e-12)


def test_published_stochastic_depth():
    rates = {name: variant.stochastic_depth for name, variant in VARIANTS.items()}
    assert rates == {
        "convnext_tiny": 0.1,
        "convnext_small": 0.4,
        "convnext_base": 0.5,
        "convnext_large": 0.5,
    }


def test_published_shapes():
    assert shapes(published("convnext_tiny"), 2, 3, 224, 224, 3) == {
        "stem": (2, 3, 56, 56, 96),
        "stage1": (2, 3, 56, 56, 96),
        "downsample2": (2, 3, 28, 28, 192),
        "stage2": (2, 3, 28, 28, 192),
        "downsample3": (2, 3, 14, 14, 384),
        "stage3": (2, 3, 14, 14, 384),
        "downsample4": (2, 3, 7, 7, 768),
        "stage4": (2, 3, 7, 7, 768),
        "features": (2, 3, 768),
        "logits": (2, 3, 1000),
    }


@pytest.mark.parametrize(
    ("padding_mode", "least"), [("zeros", 32), ("circular", 32), ("reflect", 64)]
)
def test_the_least_size_is_exact(padding_mode, least):
    model = abstract(models.ConvNeXt, SMALL, 5, 3, Style(padding_mode=padding_mode))
    assert shapes(model, least, least + 31, 3)["stage4"] == (least // 32, least // 32, 10)
    with pytest.raises(ValueError, match=f"at least {least}x{least}: a smaller one leaves nothing"):
        shapes(model, least, least - 1, 3)
    x = jnp.zeros((least - 1, least - 1, 3))
    with pytest.raises(ValueError, match=r"`padding_mode` 'reflect' needs|The window must fit"):
        nnx.eval_shape(lambda m: walk(m, x), model)


def walk(model, x):
    """The network without its check of the size."""
    for layer in ("stem", "stage1", "downsample2", "stage2", "downsample3", "stage3"):
        x = getattr(model, layer)(x)
    return model.stage4(model.downsample4(x))


def test_a_block_is_its_equation():
    model = tiny()
    block = model.stage3.layers[1]
    x = images(2, 5, 6, 8)
    y = np.asarray(F.depthwise_conv(x, block.depthwise.kernel[...], padding=3), np.float64)
    y = y + np.asarray(block.depthwise.bias[...])
    y = (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + 1e-6)
    y = y * np.asarray(block.norm.scale[...]) + np.asarray(block.norm.bias[...])
    y = y @ np.asarray(block.expand.kernel[...]) + np.asarray(block.expand.bias[...])
    y = y * (1 + np.vectorize(math.erf)(y / math.sqrt(2))) / 2
    y = y @ np.asarray(block.contract.kernel[...]) + np.asarray(block.contract.bias[...])
    expected = x + np.asarray(block.layer_scale[...]) * y
    chex.assert_trees_all_close(block(x), expected.astype(np.float32), rtol=1e-4, atol=1e-5)
    chex.assert_trees_all_close(block(x)[1], block(x[1]), rtol=1e-5, atol=1e-6)
    assert np.abs(expected - x).max() > 1e-2


def test_parameters_at_first():
    block = Block(32, 0.25, Style(), 0.0, nnx.Rngs(0))
    for kernel in (block.depthwise.kernel, block.expand.kernel, block.contract.kernel):
        assert 0.015 < kernel[...].std() < 0.02  # cut off at 2 standard deviations of 0.02
        assert jnp.abs(kernel[...]).max() <= 0.0401
    assert (block.layer_scale[...] == 0.25).all()
    assert not block.expand.bias[...].any()
    small = abstract(Block, 32, 1e-6, Style(), 0.0)
    assert small.layer_scale.shape == (32,)
    assert {variant.layer_scale for variant in VARIANTS.values()} == {1e-6}


def test_stochastic_depth_skips_whole_blocks():
    block = tiny(stochastic_depth=0.5).stage4.layers[0]
    assert block.skip.rate == 0.5
    x = images(64, 3, 3, 10)
    changed = np.asarray(block(x)) - x
    kept = np.abs(changed).max((1, 2, 3)) > 0
    assert 20 < kept.sum() < 44
    block.eval()
    added = np.asarray(block(x)) - x
    assert (np.abs(added).max((1, 2, 3)) > 0).all()
    chex.assert_trees_all_close(changed[kept], added[kept] / 0.5, rtol=1e-2, atol=1e-4)


def test_dropout_acts_while_training_alone():
    model = tiny(dropout=0.5)
    x = images(2, 32, 32, 2)
    trained = maps(model, x)
    model.eval()
    plain = maps(model, x)
    chex.assert_trees_all_close(trained["features"], plain["features"], rtol=1e-5, atol=1e-6)
    chex.assert_trees_all_close(plain["logits"], model.logits(plain["features"]), rtol=1e-5)
    assert jnp.abs(trained["logits"] - plain["logits"]).max() > 0.1


def test_padding_modes_differ_and_circular_ones_commute_with_shifts():
    x = images(64, 96, 2)
    both = np.stack((x, np.roll(x, (32, -32), axis=(0, 1))))
    modes = ("zeros", "reflect", "replicate", "circular")
    stages = {mode: maps(tiny(padding_mode=mode), both)["stage4"] for mode in modes}
    assert len({round(float(jnp.abs(stage).sum()), 3) for stage in stages.values()}) == len(modes)
    for mode, (stage, shifted) in stages.items():
        difference = jnp.abs(shifted - jnp.roll(stage, (1, -1), axis=(0, 1))).max()
        assert (difference < 1e-4 * jnp.abs(stage).max()) == (mode == "circular")


@pytest.mark.parametrize(
    ("error", "options", "text"),
    [
        (ValueError, {"variant": "convnext_huge"}, "`variant` must be one of 'convnext_tiny'"),
        (ValueError, {"padding_mode": "wrap"}, "`padding_mode` must be one of"),
        (
            ValueError,
            {"layer_scale": -1.0},
            "`layer_scale` must be a finite number above 0; got -1.0.",
        ),
        (
            TypeError,
            {"layer_scale": "1"},
            "`layer_scale` must be a finite number above 0; got '1'.",
        ),
        (ValueError, {"dropout": -0.1}, "`dropout` must be a number in [0, 1); got -0.1."),
        (ValueError, {"stochastic_depth": 1}, "`stochastic_depth` must be a number in [0, 1)"),
        (TypeError, {"num_classes": 2.0}, "`num_classes` must be"),
    ],
)
def test_a_wrong_option_is_named(error, options, text):
    variant = options.pop("variant", "convnext_tiny")
    with pytest.raises(error, match=re.escape(text)):
        models.convnext(variant, **options, rngs=nnx.Rngs(0))


def test_wrong_images_are_named():
    model = abstract(models.ConvNeXt, SMALL, 5, 2, Style())
    for shape in ((2, 32, 32, 3), (32, 2)):
        with pytest.raises(ValueError, match=re.escape("(*batch, height, width, 2), as the")):
            shapes(model, *shape)
