"""Training steps in `experiments.compare_ops`: PyTorch makes the same ones, and both are timed."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import compare_ops
from experiments.compare_ops import _main
from experiments.compare_ops.clocks import pytorch
from experiments.compare_ops.layers.case import BUILT_IN, TORCH
from experiments.compare_ops.output import tables
from experiments.compare_ops.steps import networks, training
from experiments.compare_ops.steps.training import Step, StepMeasurement

from ..compilation import jit

needs_torch = pytest.mark.skipif(not pytorch.is_installed(), reason="PyTorch is not installed")


def run(folder, **options):
    return compare_ops.main(compare_ops.Config(out=folder, smoke=True, **options))


@pytest.fixture(scope="module")
def worker():
    started = pytorch.TorchWorker(pytorch.OF_STEPS)
    yield started
    started.close()


@needs_torch
@pytest.mark.parametrize("network", networks.NETWORKS, ids=lambda network: network.name)
def test_torch_makes_the_same_step(worker, network):
    shape = (4, 32, 32, network.x[-1]) if network.name != "LeNet-5" else (4, 28, 28, 1)
    start = networks.parameters(network)
    times, after = worker.time_steps(network.name, shape, start, training.RATE, 0.0, 2)
    assert len(times) == 2
    assert min(times) > 0
    x = np.random.default_rng(0).standard_normal(shape, np.float32)
    labels = jax.nn.one_hot(jnp.arange(len(x)) % networks.CLASSES, networks.CLASSES)
    step = jit(training.step(network, networks.built_in()))
    expected, _ = step(list(map(jnp.asarray, start)), x, labels)
    assert [array.shape for array in after] == [array.shape for array in start]
    # A batch norm of 4 images divides by small deviations: up to 0.026 was seen.
    assert training.largest_error(after, list(map(np.asarray, expected)), start) < 4e-2


@needs_torch
def test_a_network_that_it_does_not_know_is_named(worker):
    with pytest.raises(pytorch.TorchError, match="KeyError: 'LSTM'"):
        worker.time_steps("LSTM", (1, 8, 8, 3), [np.zeros(3)], 1.0, 0.0, 1)
    assert worker.alive


@needs_torch
def test_torch_is_timed_beside(tmp_path, capsys):
    (step,) = run(tmp_path, steps=True, layers="lenet").results
    built_in, auto, torch = step.measurements
    assert (built_in.contender, auto.contender, torch.contender) == (BUILT_IN, "auto", TORCH)
    assert (torch.status, torch.runs) == ("timed", 2)
    assert torch.largest_error < 1e-4
    assert step.against_torch("auto") == torch.milliseconds / auto.milliseconds
    assert "PyTorch / it" in capsys.readouterr().out


def test_a_torch_that_dies_is_reported(tmp_path, monkeypatch):
    dying = "print('{}', flush=True); input(); raise SystemExit('out of memory')"
    dead = pytorch.TorchWorker(command=(sys.executable, "-c", dying))
    monkeypatch.setattr(pytorch, "is_installed", lambda: True)
    monkeypatch.setattr(_main.pytorch, "TorchWorker", lambda script: dead)
    (step,) = run(tmp_path, steps=True, layers="lenet").results
    assert [m.contender for m in step.measurements] == [BUILT_IN, "auto", TORCH]
    assert step.measurements[-1].status == "failed"
    assert "out of memory" in step.measurements[-1].reason
    assert step.against_torch("auto") is None


def test_everything_is_the_layers_and_the_steps(tmp_path, monkeypatch):
    monkeypatch.setattr(_main, "layers", lambda *given: _main.Result(given[2], ("layers",), True))
    monkeypatch.setattr(_main, "steps", lambda *given: _main.Result(given[1], ("steps",), True))
    found = run(tmp_path, everything=True, torch=False)
    assert (found.results, found.finished) == (("layers", "steps"), True)
    assert {path.name for path in tmp_path.iterdir()} == {"layers", "steps"}


def test_the_table_has_a_row_for_each_way():
    measured = [("built-in", 8.0, 1.0), ("auto", 2.0, 4.0), ("PyTorch", 3.0, 8 / 3)]
    rows = (StepMeasurement(name, "timed", milliseconds=ms, ratio=r) for name, ms, r in measured)
    table = tables.by_step([Step("net", (1, 2, 2, 3), tuple(rows))])
    cells = dict(zip((column.header for column in table.columns), table.columns, strict=True))
    assert list(cells["by"].cells) == ["built-in", "auto", "PyTorch"]
    assert list(cells["PyTorch / it"].cells) == ["0.38", "1.50", "1.00"]
