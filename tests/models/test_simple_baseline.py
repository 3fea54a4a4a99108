"""The simple baseline: published numbers, shapes, its ResNet, and what a wrong call is told."""

import re
from importlib import import_module

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import models

from .networks import abstract, parameters, shapes

JOINTS = 17


@pytest.mark.parametrize(
    ("depth", "resnet", "published"),
    [(50, 25_557_032, 34.0), (101, 44_549_160, 53.0), (152, 60_192_808, 68.6)],
)
def test_published_parameters(depth, resnet, published):
    model = abstract(getattr(models, f"simple_baseline_resnet{depth}"))
    backbone = resnet - (2048 * 1000 + 1000)  # without its dense layer
    up = 16 * 256 * (2048 + 256 + 256) + 3 * 2 * 256
    assert parameters(model, "backbone") == backbone
    assert parameters(model) == backbone + up + 256 * JOINTS + JOINTS
    assert round(parameters(model) / 1e6, 1) == published
    assert f"{parameters(model):,}" in (
        import_module("cnn_jax.models.simple_baseline").__doc__ or ""
    )


def test_the_parameters_of_the_small_network():
    model = abstract(models.simple_baseline_small, num_classes=14)

    def stage(inputs, width):  # two blocks; a 1x1 shortcut in the first; five batch norms
        return 9 * (inputs + 3 * width) * width + inputs * width + 5 * 2 * width

    down = 9 * 3 * 24 + 2 * 24 + stage(24, 48) + stage(48, 96) + stage(96, 160)
    up = 16 * (160 * 128 + 128 * 96 + 96 * 64) + 2 * (128 + 96 + 64)
    assert parameters(model) == down + up + 64 * 14 + 14 == 1_841_254


def test_shapes():
    found = shapes(abstract(models.simple_baseline_resnet50), 2, 256, 192, 3)
    assert found["stage4"] == (2, 8, 6, 2048)
    assert [found[f"up{i}"] for i in (1, 2, 3)] == [
        (2, 16, 12, 256),
        (2, 32, 24, 256),
        (2, 64, 48, 256),
    ]
    assert found["logits"] == (2, 64, 48, JOINTS)
    found = shapes(abstract(models.simple_baseline_small, num_classes=14), 2, 64, 96, 3)
    assert (found["stage3"], found["logits"]) == ((2, 4, 6, 160), (2, 32, 48, 14))


def test_the_backbone_takes_the_weights_of_a_resnet():
    model, resnet = abstract(models.simple_baseline_resnet50), abstract(models.resnet50)
    own, its = (
        {path: leaf.shape for path, leaf in nnx.to_flat_state(nnx.state(m, nnx.Param))}
        for m in (model.backbone, resnet)
    )
    assert {path: shape for path, shape in its.items() if path[0] != "logits"} == own


def test_heatmaps_are_low_at_first():
    model = models.simple_baseline_small(num_classes=3, rngs=nnx.Rngs(0))
    model.eval()
    images = np.random.default_rng(0).normal(size=(1, 16, 16, 3)).astype(np.float32)
    heatmaps = np.asarray(model(jnp.asarray(images)))
    assert 0 < np.abs(heatmaps).max() < 0.1


def test_a_wrong_call_is_told_what_is_wrong():
    model = abstract(models.simple_baseline_small)
    with pytest.raises(ValueError, match=re.escape("that are multiples of 16; got shape (1, 64")):
        shapes(model, 1, 64, 50, 3)
    with pytest.raises(ValueError, match="`variant` must be one of 'simple_baseline_resnet50'"):
        models.simple_baseline("simple_baseline_resnet49", rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match="`norm` must be one of 'batch', 'group'"):
        abstract(models.simple_baseline_small, norm="layer")
