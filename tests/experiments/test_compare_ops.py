"""`experiments.compare_ops`: it measures what it says, on the whole list, and writes it down."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from experiments import compare_ops
from experiments._runs import RunError


def test_writes_what_it_returns(tmp_path, capsys):
    out = tmp_path / "new" / "comparison.json"
    results = compare_ops.main(compare_ops.Config(only="lenet", out=out, smoke=True))
    written = json.loads(out.read_text())["comparisons"]
    assert (
        len(results) == len(written) == 16
    )  # two convolutions, two pools; two directions; two algorithms
    for result, line in zip(results, written):
        assert line["ratio"] == result.ratio > 0
        assert result.runs == 3
        assert 0 <= result.largest_difference < 1e-5
        assert result.compile_seconds > 0
    assert "built-in" in capsys.readouterr().out


@pytest.mark.parametrize("operation", compare_ops.OPERATIONS, ids=lambda o: o.name)
def test_the_built_in_computes_the_same(operation):
    rng = np.random.default_rng(0)
    batch, *shapes = operation.shapes
    arrays = [jnp.asarray(rng.normal(size=s), jnp.float32) for s in ((1, *batch[1:]), *shapes)]
    ours, theirs = operation.by("xla")(*arrays), operation.built_in()(*arrays)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-3)


def test_an_unknown_operation_lists_the_known(tmp_path):
    with pytest.raises(RunError, match="`--only` must be part of one of 'LeNet-5 conv1'"):
        compare_ops.main(compare_ops.Config(only="lstm", out=tmp_path / "none.json"))
