"""ResNets: published sizes, the options, and shifts that polyphase sampling makes harmless."""

import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import models
from cnn_jax.models.blocks import Style
from cnn_jax.models.resnet import VARIANTS, Variant

from .networks import ALIKE, abstract, filled, images, maps, parameters, shapes

PARAMETERS = {  # He et al. 2015, table 1; Xie et al. 2016; Zagoruyko and Komodakis 2016
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "resnext50_32x4d": 25_028_904,
    "wide_resnet50_2": 68_883_240,
    "wide_resnet101_2": 126_886_696,
}


def tiny(bottleneck=True, stride_on="3x3", **style):
    variant = Variant((1, 2, 1, 1), bottleneck, groups=2, width=4, stride_on=stride_on)
    return filled(models.ResNet, variant, 5, 2, Style(**style))


@pytest.mark.parametrize("name", VARIANTS)
def test_published_parameters(name):
    assert parameters(abstract(getattr(models, name))) == PARAMETERS[name]
    assert abstract(models.resnet, name, num_classes=7).logits.kernel.shape[-1] == 7


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_published_shapes(name):
    times = 4 if name == "resnet50" else 1
    assert shapes(abstract(getattr(models, name)), 2, 3, 224, 224, 3) == {
        "stem": (2, 3, 112, 112, 64),
        "pool": (2, 3, 56, 56, 64),
        "stage1": (2, 3, 56, 56, 64 * times),
        "stage2": (2, 3, 28, 28, 128 * times),
        "stage3": (2, 3, 14, 14, 256 * times),
        "stage4": (2, 3, 7, 7, 512 * times),
        "features": (2, 3, 512 * times),
        "logits": (2, 3, 1000),
    }


def test_a_small_stem_is_for_small_images():
    model = abstract(models.resnet18, num_classes=10, stem="3x3")
    assert parameters(model) == 11_173_962
    assert shapes(model, 2, 32, 32, 3) == {
        "stem": (2, 32, 32, 64),
        "stage1": (2, 32, 32, 64),
        "stage2": (2, 16, 16, 128),
        "stage3": (2, 8, 8, 256),
        "stage4": (2, 4, 4, 512),
        "features": (2, 512),
        "logits": (2, 10),
    }


def test_any_size_will_do():
    for downsample, least in (("stride", 1), ("blur", 17)):
        model = abstract(models.resnet18, downsample=downsample)
        assert shapes(model, least, least, 3)["stage4"] == (1, 1, 512)
        assert shapes(model, 33, 61, 3)["stage4"] == (2, 2, 512)


LEAST = {
    ("stride", "reflect"): 33,
    ("blur", "zeros"): 17,
    ("blur", "reflect"): 33,
    ("blur", "circular"): 1,
    ("polyphase", "zeros"): 32,
    ("polyphase", "reflect"): 64,
}


@pytest.mark.parametrize(("downsample", "padding_mode"), LEAST)
def test_the_smallest_images_leave_something_for_every_layer(downsample, padding_mode):
    model = abstract(models.resnet18, downsample=downsample, padding_mode=padding_mode)
    least = LEAST[downsample, padding_mode]
    assert min(shapes(model, least, least, 3)["stage4"]) >= 1
    with pytest.raises(ValueError, match=f"at least {least}x{least}: a smaller one leaves"):
        shapes(model, least, least - 1, 3)


def test_where_the_stride_is():
    paper = abstract(models.resnet50, stride_on="1x1").stage2.layers[0]
    usual = abstract(models.resnet50).stage2.layers[0]
    assert (paper.conv1.conv.options.stride, paper.conv2.conv.options.stride) == ((2, 2), (1, 1))
    assert (usual.conv1.conv.options.stride, usual.conv2.conv.options.stride) == ((1, 1), (2, 2))


def test_stochastic_depth_grows_and_skips_whole_blocks():
    model = abstract(models.resnet18, stochastic_depth=0.4)
    blocks = [b for s in range(1, 5) for b in getattr(model, f"stage{s}").layers]
    np.testing.assert_allclose([b.skip.rate for b in blocks], 0.05 * np.arange(1, 9))

    block = tiny(stochastic_depth=0.9, norm="none").stage1.layers[0]
    x = images(64, 4, 4, 64)
    short = jax.nn.relu(block.shortcut(x))
    skipped = np.all(np.asarray(block(x)) == np.asarray(short), axis=(1, 2, 3))
    kept = 64 * (1 - 0.9 / 5)
    assert abs(64 - kept - skipped.sum()) < 12
    block.eval()
    assert not np.all(np.asarray(block(x)) == np.asarray(short), axis=(1, 2, 3)).any()


def test_dropout_acts_while_training_alone():
    model = tiny(dropout=0.5, norm="group")
    x = images(2, 16, 16, 2)
    trained, expected = maps(model, x, ALIKE), maps(tiny(norm="group"), x, ALIKE)
    np.testing.assert_array_equal(trained["features"], expected["features"])
    plain = expected["logits"]
    assert jnp.abs(trained["logits"] - plain).max() > 0.1
    model.eval()
    chex.assert_trees_all_equal(maps(model, x, ALIKE)["logits"], plain)


@pytest.mark.parametrize("bottleneck", [False, True])
@pytest.mark.parametrize("stride_on", ["3x3", "1x1"])
def test_polyphase_sampling_makes_circular_shifts_harmless(bottleneck, stride_on):
    """Chaman and Dokmanić 2021: exactly, even untrained; a stride changes the logits."""
    x = images(2, 32, 32, 2)
    shifted = np.roll(x, (3, 5), axis=(1, 2))
    for downsample, is_invariant in (("polyphase", True), ("stride", False), ("blur", False)):
        model = tiny(
            bottleneck, downsample=downsample, padding_mode="circular", stride_on=stride_on
        )
        model.eval()
        logits, after = maps(model, x)["logits"], maps(model, shifted)["logits"]
        difference = float(jnp.abs(logits - after).max() / jnp.abs(logits).max())
        assert (difference < 1e-5) is is_invariant, (downsample, difference)


def test_blur_keeps_every_size():
    for size in ((32, 32), (17, 23)):
        plain, blurred = (shapes(tiny(downsample=how), *size, 2) for how in ("stride", "blur"))
        assert plain == blurred


def test_options_change_what_they_say():
    x = images(2, 64, 64, 2)
    options = [
        {},
        {"norm": "group"},
        {"norm": "none"},
        {"downsample": "blur"},
        {"downsample": "polyphase"},
        {"padding_mode": "reflect"},
        {"stride_on": "1x1"},
    ]
    logits = [maps(tiny(**o), x)["logits"] for o in options]
    assert len({round(float(jnp.abs(l).sum()), 4) for l in logits}) == len(options)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: models.resnet("resnet19", rngs=nnx.Rngs(0)),
            "`variant` must be one of 'resnet18'",
        ),
        (lambda: models.resnet18(norm="layer", rngs=nnx.Rngs(0)), "`norm` must be one of 'batch'"),
        (lambda: models.resnet18(stride_on="7x7", rngs=nnx.Rngs(0)), "`stride_on` must be one of"),
        (lambda: models.resnet18(downsample="max", rngs=nnx.Rngs(0)), "`downsample` must be one"),
        (lambda: models.resnet18(dropout=1, rngs=nnx.Rngs(0)), "a number in [0, 1); got 1."),
        (lambda: models.resnet18(num_classes=0, rngs=nnx.Rngs(0)), "`num_classes` must be a pos"),
        (lambda: models.resnet18(stochastic_depth=-1, rngs=nnx.Rngs(0)), "`stochastic_depth` must"),
        (lambda: models.resnet18(padding_mode="wrap", rngs=nnx.Rngs(0)), "`padding_mode` must be"),
        (
            lambda: tiny()(images(2, 8, 8, 3)),
            "`images` must be (*batch, height, width, 2), as the network was made; got shape "
            "(2, 8, 8, 3).",
        ),
        (lambda: tiny()(images(8, 2)), "as the network was made; got shape (8, 2)."),
        (lambda: tiny()(images(8, 0, 2)), "at least 1x1: a smaller one leaves"),
        (
            lambda: tiny(downsample="polyphase")(images(1, 36, 36, 2)),
            "`stride` must divide the spatial axes",
        ),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(make, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        make()
