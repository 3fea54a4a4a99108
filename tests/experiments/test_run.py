"""A run's batches have the size that its options say, or as many held-out examples as there are."""

import numpy as np
import pytest

from experiments import mnist1d
from experiments.running.options import RunError
from experiments.running.run import Run


@pytest.mark.parametrize(("devices", "held_out"), [(1, 20), (8, 16)])
def test_few_held_out_examples_make_a_smaller_batch(devices, held_out, tmp_path):
    config = mnist1d.Config(batch_size=48, devices=devices, workdir=tmp_path)
    with Run("mnist1d", config) as run:
        sizes = [b.batch_size for b in run.batches({"x": np.zeros(100)}, {"x": np.zeros(20)})]
    assert sizes == [48, held_out]


def test_too_few_examples_to_train_on_are_told(tmp_path):
    config = mnist1d.Config(batch_size=101, devices=1, workdir=tmp_path)
    text = "`--batch-size` must be at most the number of examples, 100; got 101."
    with Run("mnist1d", config) as run, pytest.raises(RunError, match=text):
        run.batches({"x": np.zeros(100)}, {"x": np.zeros(20)})
