"""ResNets for CIFAR: published sizes, both shortcuts, shifts that polyphase makes harmless."""

import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import models
from cnn_jax.models.blocks import LEAST, Style
from cnn_jax.models.cifar_resnet import VARIANTS, Variant

from .networks import abstract, filled, images, maps, parameters, shapes

PARAMETERS = {  # with shortcut A and B
    # By hand: 27 * 16 + 2 * 144 * 16 + 144 * 32 + 288 * 32 + 288 * 64 + 576 * 64 in kernels, 2 (3 *
    # 16 + 2 * 32 + 2 * 64) in norms, 650 in logits; 16 * 32 + 32 * 64 + 2 * 96 more for B.
    "resnet8": (75_290, 78_042),
    "resnet20": (269_722, 272_474),
    "resnet32": (464_154, 466_906),
    "resnet44": (658_586, 661_338),
    "resnet56": (853_018, 855_770),
    "resnet110": (1_727_962, 1_730_714),
}


def tiny(blocks=2, shortcut="A", **style):
    variant = Variant(blocks, width=4, shortcut=shortcut)
    return filled(models.CifarResNet, variant, 5, 2, Style(**style))


@pytest.mark.parametrize("name", VARIANTS)
def test_published_parameters_and_depth(name):
    """He et al. 2015, section 4.2: 6 n + 2 layers with weights."""
    for shortcut, expected in zip("AB", PARAMETERS[name]):
        model = abstract(getattr(models, name), shortcut=shortcut)
        assert parameters(model) == expected
    blocks = [len(getattr(model, f"stage{i}").layers) for i in (1, 2, 3)]
    assert name == f"resnet{2 + 2 * sum(blocks)}"


@pytest.mark.parametrize("shortcut", "AB")
@pytest.mark.parametrize("how", LEAST)
def test_published_shapes(how, shortcut):
    model = abstract(models.resnet20, downsample=how, shortcut=shortcut)
    assert shapes(model, 2, 3, 32, 32, 3) == {
        "stem": (2, 3, 32, 32, 16),
        "stage1": (2, 3, 32, 32, 16),
        "stage2": (2, 3, 16, 16, 32),
        "stage3": (2, 3, 8, 8, 64),
        "features": (2, 3, 64),
        "logits": (2, 3, 10),
    }


@pytest.mark.parametrize("around", ["zeros", "reflect"])
@pytest.mark.parametrize("how", LEAST)
def test_the_least_size(how, around):
    least = LEAST[how][around == "reflect"]
    model = abstract(models.resnet20, downsample=how, padding_mode=around)
    last = 2 if around == "reflect" else 1
    assert shapes(model, least, least, 3)["stage3"] == (last, last, 64)
    for size in ((least - 1, least), (least, least - 1)):
        with pytest.raises(ValueError, match=f"at least {least}x{least}: a smaller one leaves"):
            shapes(model, *size, 3)


def test_odd_sizes_will_do():
    for shortcut in "AB":
        for how in ("stride", "blur"):
            found = shapes(tiny(shortcut=shortcut, downsample=how), 17, 22, 2)
            assert [found[f"stage{i}"] for i in (1, 2, 3)] == [(17, 22, 4), (9, 11, 8), (5, 6, 16)]


def block_and_input(shortcut):
    """A first block of stage 2 that adds nothing to its shortcut, and an input."""
    model = tiny(shortcut=shortcut, norm="none")
    block = model.stage2.layers[0]
    block.conv2.conv.kernel[...] = jnp.zeros_like(block.conv2.conv.kernel[...])
    block.conv2.conv.bias[...] = jnp.zeros_like(block.conv2.conv.bias[...])
    return block, images(3, 9, 8, 4)


def test_shortcut_a_takes_every_second_position_and_adds_zeros():
    block, x = block_and_input("A")
    y = np.asarray(block(x))
    np.testing.assert_array_equal(y[..., :4], np.maximum(x[:, ::2, ::2], 0))
    assert y[..., :4].any()
    assert y.shape[-1] == 8
    assert not y[..., 4:].any()


def test_shortcut_b_is_a_1x1_convolution_of_every_second_position():
    block, x = block_and_input("B")
    conv = block.shortcut.conv
    kernel, bias = np.asarray(conv.kernel[...]), np.asarray(conv.bias[...])
    expected = np.maximum(x[:, ::2, ::2] @ kernel[0, 0] + bias, 0)
    np.testing.assert_allclose(block(x), expected, rtol=1e-5, atol=1e-6)


def test_other_shortcuts_are_the_input_itself():
    for shortcut in "AB":
        model = tiny(shortcut=shortcut)
        for stage in (1, 2, 3):
            blocks = getattr(model, f"stage{stage}").layers
            has = [block.shortcut is not None for block in blocks]
            assert has == [shortcut == "B" and stage > 1, False]


@pytest.mark.parametrize("shortcut", "AB")
def test_polyphase_sampling_makes_all_circular_shifts_harmless(shortcut):
    """Chaman and Dokmanić 2021: exactly, even untrained; a stride changes the logits."""
    x = images(2, 16, 16, 2)
    shifts = [(i, j) for i in (0, 1, 2, 3, 7, 8) for j in (0, 1, 2, 5, 6)]
    shifted = np.stack([np.roll(x, shift, axis=(1, 2)) for shift in shifts])
    for how, is_invariant in (("polyphase", True), ("stride", False), ("blur", False)):
        style = {"shortcut": shortcut, "downsample": how, "padding_mode": "circular"}
        model = tiny(**style)
        model.eval()
        logits = np.asarray(maps(model, shifted)["logits"])
        first = logits[shifts.index((0, 0))]
        error = float(np.abs(logits - first).max() / np.abs(first).max())
        assert (error < 1e-5) is is_invariant, (how, error)
        if is_invariant:
            classes = logits.argmax(-1)
            np.testing.assert_array_equal(classes, np.broadcast_to(classes[0], classes.shape))


def test_stochastic_depth_grows_and_skips_whole_blocks():
    model = abstract(models.resnet20, stochastic_depth=0.45)
    blocks = [b for s in (1, 2, 3) for b in getattr(model, f"stage{s}").layers]
    np.testing.assert_allclose([b.skip.rate for b in blocks], 0.05 * np.arange(1, 10))

    block = tiny(stochastic_depth=0.9, norm="none").stage3.layers[1]
    x = images(64, 4, 4, 16)
    skipped = np.all(np.asarray(block(x)) == np.asarray(jax.nn.relu(x)), axis=(1, 2, 3))
    assert abs(skipped.sum() - 64 * 0.9) < 8
    block.eval()
    plain = tiny(norm="none").stage3.layers[1]
    chex.assert_trees_all_equal(block(x), plain(x))
    assert not np.all(np.asarray(block(x)) == np.asarray(jax.nn.relu(x)), axis=(1, 2, 3)).any()


def test_options_change_what_they_say():
    x = images(2, 16, 16, 2)
    options = [
        {},
        {"shortcut": "B"},
        {"norm": "group"},
        {"norm": "none"},
        {"downsample": "blur"},
        {"downsample": "polyphase"},
        {"padding_mode": "reflect"},
        {"padding_mode": "replicate"},
    ]
    logits = [maps(tiny(blocks=1, **o), x)["logits"] for o in options]
    assert len({round(float(jnp.abs(l).sum()), 4) for l in logits}) == len(options)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: models.cifar_resnet("resnet18", rngs=nnx.Rngs(0)), "`variant` must be one of 're"),
        (lambda: models.resnet20(shortcut="C", rngs=nnx.Rngs(0)), "`shortcut` must be one of 'A'"),
        (lambda: models.resnet20(norm="layer", rngs=nnx.Rngs(0)), "`norm` must be one of 'batch'"),
        (lambda: models.resnet20(downsample="max", rngs=nnx.Rngs(0)), "`downsample` must be one"),
        (lambda: models.resnet20(padding_mode="wrap", rngs=nnx.Rngs(0)), "`padding_mode` must be"),
        (lambda: models.resnet20(stochastic_depth=1, rngs=nnx.Rngs(0)), "`stochastic_depth` must"),
        (lambda: models.resnet20(num_classes=0, rngs=nnx.Rngs(0)), "`num_classes` must be a pos"),
        (lambda: tiny()(images(2, 8, 8, 3)), "(*batch, height, width, 2), as the network was made"),
        (lambda: tiny()(images(8, 2)), "as the network was made; got shape (8, 2)."),
        (
            lambda: shapes(tiny(downsample="polyphase"), 1, 18, 16, 2),
            "`stride` must divide the spatial axes",
        ),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(make, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        make()
