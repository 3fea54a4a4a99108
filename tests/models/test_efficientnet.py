"""EfficientNets: published sizes, squeeze and excitation, the options."""

import re
from functools import cache

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import models
from cnn_jax.models.blocks import SqueezeExcite, Style
from cnn_jax.models.efficientnet import Variant

from .networks import abstract, filled, images, maps, parameters, shapes

PUBLISHED = {  # parameters, of torchvision's and timm's; blocks; dropout, Tan and Le 2019
    "efficientnet_b0": (5_288_548, (1, 2, 2, 3, 3, 4, 1), 0.2),
    "efficientnet_b5": (30_389_784, (3, 5, 5, 7, 7, 9, 3), 0.4),
}
STAGES = ((3, 1, 16, 1, 1), (5, 3, 16, 2, 2), (3, 2, 24, 2, 1))


@cache
def published(name):
    return abstract(getattr(models, name))


def tiny(**style):
    return filled(models.EfficientNet, Variant(0.5, 1.0, 0.0, stages=STAGES), 5, 2, Style(**style))


def chains(model):
    return [getattr(model, f"stage{n}").layers for n in range(1, model.depth + 1)]


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_sizes(name):
    number, blocks, dropout = PUBLISHED[name]
    model = published(name)
    assert parameters(model) == number
    assert tuple(map(len, chains(model))) == blocks
    assert model.dropout.rate == dropout
    late = name >= "efficientnet_b5"
    norms = [model.stem.norm, model.head.norm, model.stage2.layers[0].depthwise.norm]
    for norm in norms:
        assert (norm.epsilon, norm.momentum) == ((1e-3, 0.99) if late else (1e-5, 0.9))


def test_published_shapes():
    assert shapes(published("efficientnet_b0"), 2, 3, 224, 224, 3) == {
        "stem": (2, 3, 112, 112, 32),
        "stage1": (2, 3, 112, 112, 16),
        "stage2": (2, 3, 56, 56, 24),
        "stage3": (2, 3, 28, 28, 40),
        "stage4": (2, 3, 14, 14, 80),
        "stage5": (2, 3, 14, 14, 112),
        "stage6": (2, 3, 7, 7, 192),
        "stage7": (2, 3, 7, 7, 320),
        "head": (2, 3, 7, 7, 1280),
        "features": (2, 3, 1280),
        "logits": (2, 3, 1000),
    }


def test_any_size_will_do():
    model = published("efficientnet_b0")
    assert shapes(model, 1, 1, 3)["logits"] == (1000,)
    assert shapes(model, 33, 65, 3)["stage7"] == (2, 3, 320)


def test_windows_and_strides_of_the_blocks():
    for name in PUBLISHED:
        firsts = [chain[0] for chain in chains(published(name))]
        windows = [block.depthwise.conv.kernel.shape[0] for block in firsts]
        assert windows == [3, 3, 5, 3, 5, 5, 3]
        assert [block.depthwise.conv.options.stride[0] for block in firsts] == [1, 2, 2, 2, 1, 2, 1]
        assert [block.expand is None for block in firsts] == [True] + 6 * [False]


def test_squeeze_and_excitation_is_its_equation():
    layer = filled(SqueezeExcite, 6, 2, None)
    x = images(2, 4, 5, 6)
    mean = x.mean((1, 2))
    hidden = mean @ np.asarray(layer.reduce.kernel[...]) + np.asarray(layer.reduce.bias[...])
    hidden = hidden / (1 + np.exp(-hidden))
    gate = hidden @ np.asarray(layer.expand.kernel[...]) + np.asarray(layer.expand.bias[...])
    expected = x / (1 + np.exp(-gate))[:, None, None, :]
    chex.assert_trees_all_close(layer(x), expected, rtol=1e-5)
    chex.assert_trees_all_close(layer(x[0]), expected[0], rtol=1e-5)


def test_squeezed_channels_are_a_quarter_of_the_input_of_the_block():
    for chain in chains(published("efficientnet_b0")):
        for block in chain:
            conv = block.depthwise.conv if block.expand is None else block.expand.conv
            entering = (
                block.depthwise.conv.options.groups
                if block.expand is None
                else conv.kernel.shape[2]
            )
            assert block.excite.reduce.out_features == entering // 4


def test_stochastic_depth_grows_and_skips_whole_blocks():
    model = published("efficientnet_b0")
    blocks = [block for chain in chains(model) for block in chain]
    for i, block in enumerate(blocks):
        if block.adds:
            assert np.isclose(block.skip.rate, 0.2 * i / 16)
    assert sum(block.adds for block in blocks) == 9

    block = tiny(stochastic_depth=0.9, norm="none").stage2.layers[1]
    assert np.isclose(block.skip.rate, 0.36)
    x = images(64, 4, 4, 8)
    skipped = np.all(np.asarray(block(x)) == x, axis=(1, 2, 3))
    assert abs(64 * 0.36 - skipped.sum()) < 12
    changed = np.asarray(block(x)) - x
    block.eval()
    added = np.asarray(block(x)) - x
    assert (np.abs(added).max((1, 2, 3)) > 0).all()
    kept = np.abs(changed).max((1, 2, 3)) > 0
    chex.assert_trees_all_close(changed[kept], added[kept] / 0.64, rtol=1e-2, atol=1e-4)


def test_dropout_acts_while_training_alone():
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
    options = [{}, {"norm": "group"}, {"epsilon": 0.1}]
    sums = [float(jnp.abs(maps(tiny(**o), x)["logits"]).sum()) for o in options]
    assert len({round(number, 4) for number in sums}) == len(options)
    model = abstract(models.efficientnet_b0, epsilon=1e-3, dropout=0.0, stochastic_depth=0.0)
    assert (model.stem.norm.epsilon, model.dropout.rate) == (1e-3, 0)
    assert not any(block.skip.rate for chain in chains(model) for block in chain if block.adds)


def test_convolutions_are_padded_alike_on_both_sides():
    """As PyTorch's: mirrored images of odd size give mirrored maps if all kernels are mirrored."""
    model = tiny()
    model.eval()
    graph, state = nnx.split(model)
    symmetric = jax.tree.map(
        lambda leaf: (leaf + leaf[::-1, ::-1]) / 2 if getattr(leaf, "ndim", 0) == 4 else leaf, state
    )
    model = nnx.merge(graph, symmetric)
    x = images(1, 17, 17, 2)
    stage, mirrored = maps(model, x)["stage3"], maps(model, x[:, ::-1, ::-1])["stage3"]
    chex.assert_trees_all_close(mirrored, stage[:, ::-1, ::-1], rtol=1e-4, atol=1e-5)
    assert jnp.abs(stage - stage[:, ::-1, ::-1]).max() > 1e-3


@pytest.mark.parametrize(
    ("error", "options", "text"),
    [
        (ValueError, {"variant": "efficientnet_b8"}, "`variant` must be one of 'efficientnet_b0'"),
        (ValueError, {"norm": "layer"}, "`norm` must be one of 'batch', 'group', 'none'"),
        (ValueError, {"epsilon": 0.0}, "`epsilon` must be a finite number above 0; got 0.0."),
        (
            TypeError,
            {"epsilon": "small"},
            "`epsilon` must be a finite number above 0; got 'small'.",
        ),
        (ValueError, {"dropout": 1.5}, "`dropout` must be a number in [0, 1); got 1.5."),
        (ValueError, {"stochastic_depth": 1}, "`stochastic_depth` must be a number in [0, 1)"),
        (TypeError, {"stochastic_depth": "a"}, "`stochastic_depth` must be a number in [0, 1)"),
        (ValueError, {"num_classes": -1}, "`num_classes` must be a positive"),
    ],
)
def test_a_wrong_option_is_named(error, options, text):
    variant = options.pop("variant", "efficientnet_b0")
    with pytest.raises(error, match=re.escape(text)):
        models.efficientnet(variant, **options, rngs=nnx.Rngs(0))


def test_wrong_images_are_named():
    model = abstract(models.EfficientNet, Variant(0.5, 1.0, 0.0, stages=STAGES), 5, 2, Style())
    for shape in ((2, 32, 32, 3), (32, 2)):
        with pytest.raises(ValueError, match=re.escape("(*batch, height, width, 2), as the")):
            shapes(model, *shape)
    with pytest.raises(
        ValueError, match="at least 1x1: a smaller one leaves nothing for its layer"
    ):
        shapes(model, 32, 0, 2)
