"""MobileNetV2: published sizes, the options, and shifts that polyphase sampling makes harmless."""

import re
from dataclasses import replace
from functools import cache

import chex
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import models
from cnn_jax.models.blocks import Style, scaled
from cnn_jax.models.mobilenet_v2 import PUBLISHED, Stage, Variant, of_width

from .networks import abstract, filled, images, maps, parameters, shapes

PARAMETERS = {  # torchvision's and timm's, which have no others
    0.35: 1_677_128,
    0.75: 2_636_424,
    1.4: 6_108_776,
}
SMALL = Variant(8, (Stage(1, 4, 1, 1), Stage(3, 8, 2, 2), Stage(2, 12, 1, 2)), 16)


@cache
def published():
    return abstract(models.mobilenet_v2)


def tiny(**style):
    return filled(models.MobileNetV2, SMALL, 5, 2, Style(**style))


@pytest.mark.parametrize("width", PARAMETERS)
def test_published_parameters(width):
    assert parameters(abstract(models.mobilenet_v2, width=width)) == PARAMETERS[width]


def test_published_shapes():
    assert parameters(published()) == 3_504_872
    assert shapes(published(), 2, 3, 224, 224, 3) == {
        "stem": (2, 3, 112, 112, 32),
        "stage1": (2, 3, 112, 112, 16),
        "stage2": (2, 3, 56, 56, 24),
        "stage3": (2, 3, 28, 28, 32),
        "stage4": (2, 3, 14, 14, 64),
        "stage5": (2, 3, 14, 14, 96),
        "stage6": (2, 3, 7, 7, 160),
        "stage7": (2, 3, 7, 7, 320),
        "head": (2, 3, 7, 7, 1280),
        "features": (2, 3, 1280),
        "logits": (2, 3, 1000),
    }


def test_channels_are_multiples_of_8_that_lose_less_than_a_tenth():
    for channels in (16, 24, 32, 64, 96, 160, 320):
        for width in np.linspace(0.02, 3, 150):
            rounded = scaled(channels, width)
            assert rounded % 8 == 0
            assert 0.9 * channels * width <= rounded < max(channels * width + 8, 9)
    assert scaled(24, 1.0) == 24


def test_the_head_is_never_narrower_than_published():
    assert [of_width(width).head for width in (0.1, 1.0, 1.5)] == [1280, 1280, 1920]


def test_what_a_block_has():
    model = published()
    chains = [getattr(model, f"stage{n}").layers for n in range(1, 8)]
    assert [len(chain) for chain in chains] == [1, 2, 3, 4, 3, 3, 1]
    for chain in chains:
        assert [block.adds for block in chain] == [False] + [True] * (len(chain) - 1)
        for block in chain:
            inner = block.depthwise.conv.kernel.shape[-1]
            assert block.depthwise.conv.kernel.shape == (3, 3, 1, inner)
            assert (block.expand is None) is (chain is chains[0])
    strides = [chain[0].depthwise.conv.options.stride[0] for chain in chains]
    assert strides == [1, 2, 2, 2, 1, 2, 1]


def test_the_projection_has_no_activation_and_others_end_at_6():
    model = tiny(norm="none")
    block = model.stage2.layers[1]
    x = 30 * images(2, 6, 6, 8)
    y = block.expand(x)
    assert (y.min(), y.max()) == (0, 6)
    y = block.depthwise(y)
    assert (y.min(), y.max()) == (0, 6)
    chex.assert_trees_all_close(block(x), x + block.project.conv(y), rtol=1e-5)
    assert block.project(y).min() < 0


@pytest.mark.parametrize(
    ("options", "least"),
    [
        ({}, 1),
        ({"padding_mode": "circular"}, 1),
        ({"padding_mode": "reflect"}, 33),
        ({"downsample": "blur"}, 17),
        ({"downsample": "blur", "padding_mode": "replicate"}, 1),
        ({"downsample": "blur", "padding_mode": "reflect"}, 33),
        ({"downsample": "polyphase"}, 32),
        ({"downsample": "polyphase", "padding_mode": "reflect"}, 64),
    ],
)
def test_the_least_size_is_exact(options, least):
    short = replace(PUBLISHED, stages=tuple(replace(s, blocks=1) for s in PUBLISHED.stages))
    model = abstract(models.MobileNetV2, short, 5, 3, Style(**options))
    size = -(-least // 32)
    assert shapes(model, least, least, 3)["stage7"][:2] == (size, size)
    if least > 1:
        below = least - 1 if options.get("downsample") != "polyphase" else least // 2
        with pytest.raises(ValueError, match=f"at least {least}x{least}: a smaller one leaves"):
            shapes(model, least, below, 3)
        model.least = 1
        with pytest.raises(
            ValueError, match=r"`padding_mode` 'reflect' needs|`stride` must divide"
        ):
            shapes(model, below, below, 3)


def test_blur_keeps_every_size():
    for size in ((32, 32), (17, 23)):
        plain, blurred = (shapes(tiny(downsample=how), *size, 2) for how in ("stride", "blur"))
        assert plain == blurred


def test_polyphase_sampling_makes_circular_shifts_harmless():
    """Chaman and Dokmanić 2021: exactly, even untrained; a stride changes the logits."""
    x = images(2, 32, 32, 2)
    both = np.stack((x, np.roll(x, (3, 5), axis=(1, 2))))
    seen = set()
    for downsample, is_invariant in (("polyphase", True), ("stride", False), ("blur", False)):
        model = tiny(downsample=downsample, padding_mode="circular")
        model.eval()
        logits, after = maps(model, both)["logits"]
        difference = float(jnp.abs(logits - after).max() / jnp.abs(logits).max())
        assert (difference < 1e-5) is is_invariant, (downsample, difference)
        seen.add(round(float(jnp.abs(logits).sum()), 3))
    assert len(seen) == 3


def test_dropout_acts_while_training_alone():
    assert published().dropout.rate == 0.2
    model = tiny(dropout=0.5, norm="none")
    x = images(2, 16, 16, 2)
    trained = maps(model, x)
    model.eval()
    plain = maps(model, x)
    chex.assert_trees_all_close(trained["features"], plain["features"], rtol=1e-5, atol=1e-6)
    chex.assert_trees_all_close(plain["logits"], model.logits(plain["features"]), rtol=1e-5)
    assert jnp.abs(trained["logits"] - plain["logits"]).max() > 0.01


def test_options_change_what_they_say():
    x = images(2, 32, 32, 2)
    options = [
        {},
        {"norm": "group"},
        {"norm": "none"},
        {"padding_mode": "reflect"},
    ]
    sums = [float(jnp.abs(maps(tiny(**o), x)["logits"]).sum()) for o in options]
    assert len({round(number, 4) for number in sums}) == len(options)


@pytest.mark.parametrize(
    ("error", "make", "text"),
    [
        (ValueError, {"width": 0}, "`width` must be a number in (0, 1000]; got 0."),
        (ValueError, {"width": float("inf")}, "`width` must be a number in (0, 1000]; got inf."),
        (TypeError, {"width": "1.0"}, "`width` must be a number in (0, 1000]; got '1.0'."),
        (TypeError, {"width": True}, "`width` must be a number in (0, 1000]; got True."),
        (ValueError, {"norm": "layer"}, "`norm` must be one of 'batch', 'group', 'none'"),
        (ValueError, {"downsample": "max"}, "`downsample` must be one of 'stride'"),
        (ValueError, {"padding_mode": "wrap"}, "`padding_mode` must be one of"),
        (ValueError, {"dropout": 1.0}, "`dropout` must be a number in [0, 1); got 1.0."),
        (ValueError, {"num_classes": 0}, "`num_classes` must be a positive"),
        (TypeError, {"in_channels": 3.0}, "`in_channels` must be"),
    ],
)
def test_a_wrong_option_is_named(error, make, text):
    with pytest.raises(error, match=re.escape(text)):
        models.mobilenet_v2(**make, rngs=nnx.Rngs(0))


def test_wrong_images_are_named():
    model = abstract(models.MobileNetV2, SMALL, 5, 2, Style())
    for shape in ((2, 32, 32, 3), (32, 2)):
        with pytest.raises(ValueError, match=re.escape("(*batch, height, width, 2), as the")):
            shapes(model, *shape)
    with pytest.raises(ValueError, match="at least 1x1"):
        shapes(model, 0, 32, 2)
