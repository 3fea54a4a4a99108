"""Every network computes what its published table says, stage by stage."""

import numpy as np
import pytest
from flax import nnx

from .networks import filled, images, maps
from .plain import NETWORKS

CASES = [(name, options) for name, network in NETWORKS.items() for options in network.OPTIONS]
# Its classifiers in the middle compute in training mode alone; there normalization is another.
TRAINS = [("googlenet", {"five": "5x5", "norm": "none"})]


def parameters(model):
    """All parameters and statistics in float64 by path, such as ``stage1.0.conv1.conv.kernel``."""
    flat = nnx.to_flat_state(nnx.state(model, nnx.Not(nnx.RngState)))
    return {
        ".".join(str(part) for part in path if part != "layers"): np.asarray(leaf[...], np.float64)
        for path, leaf in flat
    }


def check(name, options, model):
    network = NETWORKS[name]
    x = images(2, *network.SIZE)
    found = maps(model, x)
    expected = network.forward(parameters(model), x.astype(np.float64), **options)
    assert {name: y.shape for name, y in found.items()} == {
        name: expected[name].shape for name in found
    }
    for stage, y in found.items():
        largest = np.abs(expected[stage]).max()
        error = np.abs(np.asarray(y, np.float64) - expected[stage]).max()
        assert error < 2e-5 * largest, stage
    return found, expected


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_every_stage_is_that_of_the_table(name, options):
    model = filled(NETWORKS[name].small, **options)
    model.eval()
    for path, leaf in parameters(model).items():  # no scale of 1, no bias of 0 is left
        assert np.unique(leaf).size > leaf.size // 2 or "targets" in path, path
    found, expected = check(name, options, model)
    assert set(expected) - set(found) <= {"aux1", "aux2"}
    assert all(float(np.asarray(y).std()) > 1e-3 for y in found.values())  # nothing died on the way


@pytest.mark.parametrize(("name", "options"), TRAINS, ids=str)
def test_classifiers_in_the_middle(name, options):
    model = filled(NETWORKS[name].small, **options)
    found, expected = check(name, options, model)
    assert set(expected) == set(found) >= {"aux1", "aux2"}
