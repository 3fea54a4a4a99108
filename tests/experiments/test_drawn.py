"""Layers drawn at random: the same for each seed, possible, of every kind, and within limits."""

import math
from collections import Counter

import jax
import pytest

from experiments import compare_ops
from experiments.compare_ops.layers import drawn as limits
from experiments.compare_ops.layers.case import BUILT_IN
from experiments.compare_ops.layers.drawn import drawn
from experiments.compare_ops.layers.sides import side_function

LAYERS = drawn(500, 0)


def test_a_seed_draws_the_same_layers():
    assert drawn(20, 3) == drawn(20, 3)
    assert drawn(40, 3)[:20] == drawn(20, 3)
    assert not set(drawn(20, 3)) & set(drawn(20, 4))


def test_every_kind_of_layer_is_drawn():
    families = Counter(layer.family for layer in LAYERS)
    assert families.keys() == {"dense", "depthwise", "grouped", "max pool", "avg pool"}
    assert min(families.values()) > 50
    assert Counter(len(layer.size) for layer in LAYERS).keys() == {1, 2, 3}
    maps = [layer.x[1:-1] for layer in LAYERS]
    larger = sum(any(map(int.__gt__, n.window.extent, n.x[1:-1])) for n in LAYERS)
    assert larger > 50  # windows larger than the feature map
    assert sum(set(lengths) == {1} for lengths in maps) > 5
    assert max(map(max, maps)) > 200
    channels = [n for layer in LAYERS for n in (layer.x[-1], layer.y[-1])]
    assert {1, 3, 2048} <= set(channels)
    assert sum(n % 4 != 0 for n in channels) > 200
    windows = [layer.window for layer in LAYERS]
    assert sum(any(low != high for low, high in w.padding) for w in windows) > 50
    assert sum(set(w.stride) != {1} for w in windows) > 100
    assert sum(set(w.dilation) != {1} for w in windows) > 50
    widths = {layer.kernel[-2] for layer in LAYERS if layer.family == "grouped"}
    assert len(widths) > 10


def test_no_layer_is_too_small_or_too_large():
    for layer in LAYERS:
        assert min(layer.y) > 0
        assert 1 <= layer.x[0] <= 32
        assert max(layer.x[1:-1]) <= 224
        assert max(layer.x[-1], layer.y[-1]) <= 2048
        assert sum(map(math.prod, layer.shapes())) <= limits.MOST_ELEMENTS
        assert layer.flops <= limits.MOST_FLOPS
        if layer.operation == "conv":
            assert layer.flops >= limits.LEAST_GROUPED_FLOPS
            assert layer.x[-1] == layer.kernel[-2] * layer.groups


@pytest.mark.parametrize("layer", LAYERS[:60], ids=lambda layer: layer.name)
def test_the_built_in_and_ours_take_it(layer):
    arrays = [jax.ShapeDtypeStruct(shape, "float32") for shape in layer.shapes()]
    for side in layer.sides:
        for contender in (BUILT_IN, "xla"):
            y = jax.eval_shape(side_function(layer, side, contender), *arrays)
            shapes = {"output": layer.y, "input_grad": layer.x, "kernel_grad": layer.kernel}
            assert y.shape == shapes[side]


def test_they_are_compared(tmp_path, capsys):
    found = compare_ops.main(
        compare_ops.Config(random=8, seed=5, out=tmp_path, smoke=True, torch=False)
    )
    assert len(found.results) == 6 * 3 + 2 * 2
    assert [m.contender for m in found.results[0].measurements] == [BUILT_IN, "auto"]
    printed = capsys.readouterr().out
    assert "all sides of all layers" in printed
    assert "where auto is slowest beside the built-in" in printed
    assert "22 cases in" in printed
