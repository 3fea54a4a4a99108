"""On layers drawn at random, `auto` leaves nothing to the built-in unless a rule says so."""

import jax
import pytest

from cnn_jax import functional as F
from cnn_jax.algorithms.choice.cpu_rules import RULES
from cnn_jax.algorithms.native import kernels
from experiments.compare_ops.layers import sides
from experiments.compare_ops.layers.drawn import drawn

DRAWN = 500
MEASURED = {rule.algorithm for rule in RULES}


@pytest.mark.skipif(kernels.failure() is not None, reason="there are no kernels here")
def test_auto_has_no_holes():
    seen = set()
    for layer in drawn(DRAWN, seed=20):
        arrays = [jax.ShapeDtypeStruct(shape, layer.dtype) for shape in layer.shapes()]
        explained = F.explain(sides.ours(layer, "auto"), *arrays[:-1])
        assert explained.parts, layer.described
        for part in explained.parts:
            assert part.algorithm in MEASURED, f"{layer.described}: {part}"
            seen.add((layer.operation, part.side))
    assert len(seen) >= 3 + 2
