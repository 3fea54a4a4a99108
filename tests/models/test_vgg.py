"""VGG: published sizes, the options, and shifts that polyphase sampling makes harmless."""

import re
import sys
from itertools import pairwise

import chex
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import models
from cnn_jax.models.blocks import Style
from cnn_jax.models.vgg import VARIANTS, Variant

from .networks import abstract, filled, images, maps, parameters, shapes

PARAMETERS = {  # Simonyan and Zisserman 2014, table 2; torchvision's with batch normalization
    "vgg11": 132_863_336,
    "vgg13": 133_047_848,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "vgg11_bn": 132_868_840,
    "vgg13_bn": 133_053_736,
    "vgg16_bn": 138_365_992,
    "vgg19_bn": 143_678_248,
}


def tiny(norm="none", **style):
    variant = Variant((1, 1, 2, 1, 1), channels=(4, 4, 6, 6, 8), hidden=9)
    return filled(models.VGG, variant, 5, 2, Style(norm=norm, **style))


@pytest.mark.parametrize("name", PARAMETERS)
def test_published_parameters(name):
    assert parameters(abstract(getattr(models, name))) == PARAMETERS[name]


def test_published_shapes():
    found = shapes(abstract(models.vgg16, num_classes=7), 2, 3, 224, 224, 3)
    stages = {}
    for stage, width in enumerate((64, 128, 256, 512, 512)):
        size = 224 // 2**stage
        stages[f"stage{stage + 1}"] = (2, 3, size, size, width)
        stages[f"pool{stage + 1}"] = (2, 3, size // 2, size // 2, width)
    dense = {"average": (2, 3, 7, 7, 512), "dense1": (2, 3, 4096), "dense2": (2, 3, 4096)}
    assert found == {**stages, **dense, "logits": (2, 3, 7)}


def test_maps_are_named_from_first_to_last():
    model = tiny()
    made, x = [], images(32, 32, 2)
    nnx.eval_shape(lambda m: made.extend(m.feature_maps(x)), model)
    pooled = [f"{kind}{stage}" for stage in range(1, 6) for kind in ("stage", "pool")]
    assert made == [*pooled, "average", "dense1", "dense2", "logits"]


def test_convolutions_of_each_stage():
    for name, variant in VARIANTS.items():
        model = abstract(getattr(models, name))
        found = [len(getattr(model, f"stage{stage}").layers) for stage in range(1, 6)]
        assert found == list(variant.convolutions)
        assert sum(found) + 3 == int(name.removeprefix("vgg"))


def test_channels_follow_those_of_the_first_stage():
    model = abstract(models.vgg11, channels=16, in_channels=1, num_classes=10)
    found = shapes(model, 1, 224, 224, 1)
    assert [found[f"stage{stage}"][-1] for stage in range(1, 6)] == [16, 32, 64, 128, 128]
    widths = (1, 16, 32, 64, 64, 128, 128, 128, 128)
    convolutions = sum(9 * a * b + b for a, b in pairwise(widths))
    dense = [(7 * 7 * 128, 4096), (4096, 4096), (4096, 10)]
    assert parameters(model) == convolutions + sum(a * b + b for a, b in dense) == 43_093_322


@pytest.mark.parametrize(
    ("downsample", "padding_mode", "least"),
    [
        ("stride", "zeros", 32),
        ("stride", "reflect", 32),
        ("polyphase", "circular", 32),
        ("blur", "zeros", 17),
        ("blur", "reflect", 17),
        ("blur", "circular", 1),
        ("blur", "replicate", 1),
    ],
)
def test_the_least_size(downsample, padding_mode, least):
    model = tiny(downsample=downsample, padding_mode=padding_mode)
    assert shapes(model, least, least, 2)["pool5"] == (1, 1, 8)
    if least == 1:
        return
    text = f"at least {least}x{least}: a smaller one leaves nothing for its layer 'pool5'; got"
    for size in ((least - 1, least), (least, least - 1)):
        with pytest.raises(ValueError, match=text):
            shapes(model, *size, 2)


def test_below_the_least_size_nothing_would_be_left(monkeypatch):
    file = sys.modules[models.VGG.__module__]
    monkeypatch.setattr(file, "check_images", lambda *_: None)
    cases = (("stride", "zeros"), ("stride", "reflect"), ("blur", "zeros"), ("blur", "reflect"))
    for downsample, padding_mode in cases:
        size = 31 if downsample == "stride" else 16
        model = tiny(downsample=downsample, padding_mode=padding_mode)
        with pytest.raises(ValueError, match=r"padding_mode|window|`x`"):
            shapes(model, size, 64, 2)


def test_polyphase_sampling_makes_circular_shifts_harmless():
    """Chaman and Dokmanić 2021: up to shifts of the maps, so the mean of the last is the same."""
    x = images(2, 32, 32, 2)
    shifted = np.roll(x, (3, 5), axis=(1, 2))
    for downsample, is_invariant in (("polyphase", True), ("stride", False)):
        model = tiny(downsample=downsample, padding_mode="circular", norm="batch")
        model.eval()
        logits, after = maps(model, x)["logits"], maps(model, shifted)["logits"]
        difference = float(jnp.abs(logits - after).max() / jnp.abs(logits).max())
        assert (difference < 1e-5) is is_invariant, (downsample, difference)


def test_dropout_acts_while_training_alone():
    model, plain, x = tiny(dropout=0.5), tiny(), images(2, 32, 32, 2)
    expected, trained = maps(plain, x), maps(model, x)
    for name in ("dense1", "dense2"):
        assert (trained[name] == 0).sum() > (expected[name] == 0).sum()
    for name in ("pool5", "average"):
        chex.assert_trees_all_equal(trained[name], expected[name])
    model.eval()
    chex.assert_trees_all_equal(maps(model, x), expected)
    assert abstract(models.vgg11).dropout.rate == 0.5


def test_options_change_what_they_say():
    x = images(8, 32, 32, 2)
    options = [
        {},
        {"norm": "batch"},
        {"norm": "group"},
        {"downsample": "blur"},
        {"downsample": "polyphase"},
        {"padding_mode": "reflect"},
        {"padding_mode": "circular"},
    ]
    logits = [maps(tiny(**o), x)["logits"] for o in options]
    assert len({round(float(jnp.abs(l).sum()), 4) for l in logits}) == len(options)
    computed = abstract(models.vgg11, dtype=jnp.bfloat16)
    made = nnx.eval_shape(lambda m: m(jnp.zeros((1, 32, 32, 3))), computed)
    assert made.dtype == jnp.bfloat16
    assert computed.dense1.kernel.dtype == jnp.float32


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: abstract(models.vgg, "vgg12"), "`variant` must be one of 'vgg11', 'vgg13', 'vg"),
        (
            lambda: abstract(models.vgg11, norm="layer"),
            "`norm` must be one of 'batch', 'group'",
        ),
        (lambda: abstract(models.vgg11, channels=0), "`channels` must be a positive int; got 0."),
        (lambda: abstract(models.vgg11, downsample="max"), "`downsample` must be one of 'stride'"),
        (lambda: abstract(models.vgg11, padding_mode="wrap"), "`padding_mode` must be one of"),
        (lambda: abstract(models.vgg11, dropout=-0.1), "`dropout` must be a number in [0, 1)"),
        (
            lambda: abstract(models.vgg11, in_channels=0),
            "`in_channels` must be a positive int",
        ),
        (lambda: shapes(tiny(), 32, 32, 3), "got shape (32, 32, 3)."),
        (lambda: shapes(tiny(), 32, 2), "`images` must be (*batch, height, width, 2), as the net"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(make, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        make()
