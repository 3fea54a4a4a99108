"""DenseNet: published sizes, how layers add up, the options."""

import re

import chex
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import models
from cnn_jax.models.blocks import Style
from cnn_jax.models.densenet import LEAST, VARIANTS, Variant

from .networks import ALIKE, abstract, filled, images, maps, parameters, shapes

PARAMETERS = {  # torchvision's; the last by `test_without_a_bottleneck`, with 1000 classes
    "densenet121": 7_978_856,
    "densenet169": 14_149_480,
    "densenet201": 20_013_928,
    "densenet161": 28_681_000,
    "densenet21": 1_010_104,
}


def tiny(**style):
    return filled(models.DenseNet, Variant((1, 2, 1, 2), growth=3, stem=5), 5, 2, Style(**style))


@pytest.mark.parametrize("name", VARIANTS)
def test_published_parameters_and_depth(name):
    model = abstract(getattr(models, name))
    assert parameters(model) == PARAMETERS[name]
    layers = sum(len(getattr(model, f"block{i}").layers) for i in (1, 2, 3, 4))
    convolutions = 1 + 3 + (2 if VARIANTS[name].bottleneck else 1) * layers
    assert name == f"densenet{convolutions + 1}"


def test_without_a_bottleneck():
    """Dive into Deep Learning has 758,226 parameters: 904 more, as its convolutions have biases."""
    model = abstract(models.densenet21, in_channels=1, num_classes=10)
    entering = [64, 96, 128, 160, 96, 128, 160, 192, 112, 144, 176, 208, 120, 152, 184, 216]
    layers = sum(2 * c + 9 * c * 32 for c in entering)
    transitions = sum(2 * c + c * c // 2 for c in (192, 224, 240))
    rest = 7 * 7 * 64 + 2 * 64 + 2 * 248 + 248 * 10 + 10
    assert parameters(model) == layers + transitions + rest == 757_322
    assert 757_322 + 64 + 16 * 32 + 96 + 112 + 120 == 758_226
    model.eval()
    assert shapes(model, 1, 96, 96, 1)["norm"] == (1, 3, 3, 248)


def test_layers_without_a_bottleneck_have_no_published_names(tmp_path):
    model = abstract(models.densenet21)
    with pytest.raises(ValueError, match=r"block1\.0\.\w+\.\w+ has no published name"):
        models.save_weights(model, tmp_path / "weights.npz", names="timm")


def test_published_shapes():
    model = abstract(models.densenet121)
    model.eval()
    assert shapes(model, 2, 3, 224, 224, 3) == {
        "stem": (2, 3, 112, 112, 64),
        "pool": (2, 3, 56, 56, 64),
        "block1": (2, 3, 56, 56, 256),
        "transition1": (2, 3, 28, 28, 128),
        "block2": (2, 3, 28, 28, 512),
        "transition2": (2, 3, 14, 14, 256),
        "block3": (2, 3, 14, 14, 1024),
        "transition3": (2, 3, 7, 7, 512),
        "block4": (2, 3, 7, 7, 1024),
        "norm": (2, 3, 7, 7, 1024),
        "features": (2, 3, 1024),
        "logits": (2, 3, 1000),
    }


@pytest.mark.parametrize("around", ["zeros", "reflect"])
@pytest.mark.parametrize("how", LEAST)
def test_the_least_size(how, around):
    least = LEAST[how][around == "reflect"]
    model = abstract(
        models.DenseNet, Variant((1, 1, 1, 1)), 5, 2, Style(downsample=how, padding_mode=around)
    )
    last = 2 if around == "reflect" else 1
    assert shapes(model, least, least, 2)["block4"] == (last, last, 68)
    for size in ((least - 1, least), (least, least - 1)):
        with pytest.raises(ValueError, match=f"at least {least}x{least}: a smaller one leaves"):
            shapes(model, *size, 2)


def test_layers_add_to_what_they_see():
    model = tiny()
    model.eval()
    found = maps(model, images(2, 40, 40, 2))
    for block in ("block1", "block2", "block3", "block4"):
        before = "pool" if block == "block1" else f"transition{int(block[-1]) - 1}"
        seen = found[before].shape[-1]
        np.testing.assert_array_equal(found[block][..., :seen], found[before])
        added = found[block].shape[-1] - seen
        assert added == 3 * len(getattr(model, block).layers)


def test_dropout_acts_on_what_a_layer_adds_while_training_alone():
    x = images(2, 40, 40, 2)
    model, plain = tiny(dropout=0.5, norm="group"), tiny(norm="group")
    dropped, expected = maps(model, x, ALIKE), maps(plain, x, ALIKE)
    added, full = dropped["block1"][..., 5:], expected["block1"][..., 5:]
    np.testing.assert_array_equal(dropped["block1"][..., :5], expected["block1"][..., :5])
    assert 0.4 < float((added == 0).mean()) < 0.6
    np.testing.assert_allclose(added[added != 0], 2 * full[added != 0], rtol=1e-5)
    model.eval()
    chex.assert_trees_all_equal(maps(model, x, ALIKE), expected)


def test_polyphase_sampling_makes_circular_shifts_harmless():
    x = images(2, 64, 64, 2)
    shifted = np.roll(x, (3, 5), axis=(1, 2))
    for how, is_invariant in (("polyphase", True), ("stride", False), ("blur", False)):
        model = tiny(downsample=how, padding_mode="circular")
        model.eval()
        logits, after = maps(model, x)["logits"], maps(model, shifted)["logits"]
        difference = float(jnp.abs(logits - after).max() / jnp.abs(logits).max())
        assert (difference < 1e-5) is is_invariant, (how, difference)


def test_blur_and_polyphase_keep_the_sizes_that_halve_evenly():
    plain, blurred, sampled = (
        shapes(tiny(downsample=how), 64, 96, 2) for how in ("stride", "blur", "polyphase")
    )
    assert plain == blurred == sampled


def test_padding_and_downsampling_change_the_logits():
    x = images(2, 64, 64, 2)
    options = [
        {},
        {"downsample": "blur"},
        {"downsample": "polyphase"},
        {"padding_mode": "reflect"},
        {"padding_mode": "circular"},
    ]
    logits = [maps(tiny(norm="none", **o), x)["logits"] for o in options]
    assert len({round(float(jnp.abs(l).sum()), 4) for l in logits}) == len(options)


def test_norm_decides_what_stands_in_front_of_convolutions():
    for norm, layer in (("batch", nnx.BatchNorm), ("group", nnx.GroupNorm), ("none", None)):
        model = tiny(norm=norm)
        dense = model.block2.layers[1]
        for norm_of in (model, model.transition2, dense, dense.reduce, model.stem):
            assert layer is None or isinstance(norm_of.norm, layer)
        # A bias would do nothing in front of a normalization.
        for conv in (model.stem.conv, model.transition2.conv, dense.conv, dense.reduce.conv):
            assert (conv.bias is not None) == (norm == "none")
        assert bool(nnx.state(model, nnx.BatchStat)) == (norm == "batch")


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: models.densenet("121", rngs=nnx.Rngs(0)), "`variant` must be one of 'densenet"),
        (lambda: models.densenet121(norm="layer", rngs=nnx.Rngs(0)), "`norm` must be one of 'b"),
        (lambda: models.densenet121(downsample="max", rngs=nnx.Rngs(0)), "`downsample` must be"),
        (lambda: models.densenet121(padding_mode=0, rngs=nnx.Rngs(0)), "`padding_mode` must be"),
        (lambda: models.densenet121(dropout=-0.5, rngs=nnx.Rngs(0)), "in [0, 1); got -0.5."),
        (lambda: models.densenet121(in_channels=0, rngs=nnx.Rngs(0)), "`in_channels` must be a"),
        (lambda: tiny()(images(2, 32, 32, 3)), "(*batch, height, width, 2), as the network was"),
        (lambda: tiny()(images(32, 2)), "as the network was made; got shape (32, 2)."),
        (
            lambda: shapes(tiny(downsample="polyphase"), 1, 32, 48, 2),
            "`stride` must divide the spatial axes",
        ),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(make, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        make()
