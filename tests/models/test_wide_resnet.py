"""Wide ResNets: published sizes, activation in front of convolutions, shifts made harmless."""

import re

import chex
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import models
from cnn_jax.models.blocks import LEAST, Style
from cnn_jax.models.wide_resnet import VARIANTS, Variant

from .networks import abstract, filled, images, maps, parameters, shapes

MILLIONS = {  # Zagoruyko and Komodakis 2016, tables 4 and 5
    "wide_resnet16_8": 11.0,
    "wide_resnet22_8": 17.2,
    "wide_resnet28_10": 36.5,
    "wide_resnet40_2": 2.2,
    "wide_resnet40_4": 8.9,
}


def tiny(blocks=2, **style):
    return filled(models.WideResNet, Variant(blocks, width=8), 5, 2, Style(**style))


@pytest.mark.parametrize("name", MILLIONS)
def test_published_parameters(name):
    assert round(parameters(abstract(getattr(models, name))) / 1e6, 1) == MILLIONS[name]


@pytest.mark.parametrize("name", VARIANTS)
def test_the_name_says_depth_and_width(name):
    model = abstract(getattr(models, name))
    blocks = [len(getattr(model, f"stage{i}").layers) for i in (1, 2, 3)]
    assert name == f"wide_resnet{4 + 2 * sum(blocks)}_{model.logits.in_features // 64}"


@pytest.mark.parametrize("how", LEAST)
def test_published_shapes(how):
    assert shapes(abstract(models.wide_resnet40_4, downsample=how), 2, 3, 32, 32, 3) == {
        "stem": (2, 3, 32, 32, 16),
        "stage1": (2, 3, 32, 32, 64),
        "stage2": (2, 3, 16, 16, 128),
        "stage3": (2, 3, 8, 8, 256),
        "norm": (2, 3, 8, 8, 256),
        "features": (2, 3, 256),
        "logits": (2, 3, 10),
    }


@pytest.mark.parametrize("around", ["zeros", "reflect"])
@pytest.mark.parametrize("how", LEAST)
def test_the_least_size(how, around):
    least = LEAST[how][around == "reflect"]
    model = abstract(models.wide_resnet16_4, downsample=how, padding_mode=around)
    last = 2 if around == "reflect" else 1
    assert shapes(model, least, least, 3)["stage3"] == (last, last, 256)
    with pytest.raises(ValueError, match=f"at least {least}x{least}: a smaller one leaves"):
        shapes(model, least - 1, least, 3)


def normalized(x, norm):
    scale, bias, mean, var = (
        np.asarray(getattr(norm, name)[...], np.float64)
        for name in ("scale", "bias", "mean", "var")
    )
    return (x - mean) / np.sqrt(var + 1e-5) * scale + bias


def convolved(x, kernel, stride=1):
    """By the definition, with zeros around the maps so that the size stays at stride 1."""
    kernel = np.asarray(kernel, np.float64)
    k, n = kernel.shape[0], x.shape[1]
    padded = np.pad(x, ((0, 0), (k // 2, k // 2), (k // 2, k // 2), (0, 0)))
    taps = [
        padded[:, i : i + n : stride, j : j + n : stride] @ kernel[i, j]
        for i in range(k)
        for j in range(k)
    ]
    return sum(taps)


@pytest.mark.parametrize("number", [0, 1])
def test_a_block_is_its_equation(number):
    """y = shortcut(x) + conv2(relu(norm2(conv1(r)))), r = relu(norm1(x)); a 1x1 shortcut sees r."""
    model = tiny()
    model.eval()
    block = model.stage2.layers[number]
    x = images(3, 8, 8, 16 if number else 8)
    stride = 1 if number else 2
    ready = np.maximum(normalized(x, block.norm), 0)
    inner = convolved(ready, block.conv1.conv.kernel[...], stride)
    inner = np.maximum(normalized(inner, block.conv1.norm), 0)
    short = x if number else convolved(ready, block.shortcut.kernel[...], stride)
    np.testing.assert_allclose(
        block(x), short + convolved(inner, block.conv2.kernel[...]), rtol=1e-4, atol=1e-4
    )


def test_only_first_blocks_have_a_shortcut_with_weights():
    model = tiny(blocks=3)
    for stage in (1, 2, 3):
        blocks = getattr(model, f"stage{stage}").layers
        assert [block.shortcut is not None for block in blocks] == [True, False, False]


def test_polyphase_sampling_makes_all_circular_shifts_harmless():
    """Chaman and Dokmanić 2021: exactly, even untrained; a stride changes the logits."""
    x = images(2, 16, 16, 2)
    shifts = [(0, 0), (1, 0), (0, 3), (2, 5), (7, 6)]
    shifted = np.stack([np.roll(x, shift, axis=(1, 2)) for shift in shifts])
    for how, is_invariant in (("polyphase", True), ("stride", False), ("blur", False)):
        model = tiny(blocks=1, downsample=how, padding_mode="circular")
        model.eval()
        logits = np.asarray(maps(model, shifted)["logits"])
        error = float(np.abs(logits - logits[0]).max() / np.abs(logits[0]).max())
        assert (error < 1e-5) is is_invariant, (how, error)


def test_dropout_lies_inside_the_blocks():
    block, x = tiny(dropout=0.5, norm="none").stage3.layers[1], images(2, 4, 4, 32)
    drawn = block(x), block(x)
    assert jnp.abs(drawn[0] - drawn[1]).max() > 0.1
    block.eval()
    plain = tiny(norm="none").stage3.layers[1]
    plain.eval()
    chex.assert_trees_all_equal(block(x), plain(x))


def test_options_change_what_they_say():
    options = [{}, {"norm": "group"}, {"norm": "none"}, {"downsample": "blur"}]
    options += [{"downsample": "polyphase"}, {"padding_mode": "reflect"}]
    x = images(2, 16, 16, 2)
    logits = [maps(tiny(blocks=1, **option), x)["logits"] for option in options]
    assert len({round(float(jnp.abs(l).sum()), 4) for l in logits}) == len(options)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: models.wide_resnet("wide_resnet50_2", rngs=nnx.Rngs(0)),
            "`variant` must be one of 'wide_resnet16_4'",
        ),
        (lambda: models.wide_resnet40_4(norm="layer", rngs=nnx.Rngs(0)), "`norm` must be one of"),
        (lambda: models.wide_resnet40_4(dropout=1.5, rngs=nnx.Rngs(0)), "`dropout` must be a num"),
        (lambda: tiny()(images(2, 8, 8, 3)), "(*batch, height, width, 2), as the network was made"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(make, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        make()
