"""`experiments.mnist1d`: what it writes, how it resumes, and what mistakes get."""

import json
import sys
from typing import get_args, get_type_hints

import jax
import matplotlib.image
import numpy as np
import pytest
from flax import nnx

from cnn_jax import data
from experiments import mnist1d
from experiments.drawing import plots
from experiments.running import command

from .runs import alike, interrupt_the_first_epoch, metrics


def run(workdir, **options):
    config = {"workdir": workdir, "smoke": True, "algorithm": "xla", **options}
    return mnist1d.main(mnist1d.Config(**config))


def command_line(monkeypatch, capsys, *arguments):
    """What `python -m experiments.mnist1d ARGUMENTS` writes to stderr when it ends badly."""
    monkeypatch.setattr(sys, "argv", ["mnist1d", *arguments])
    with pytest.raises(SystemExit) as ended:
        command.run(mnist1d.main, mnist1d.Config, mnist1d.__doc__)
    assert ended.value.code not in (0, None)
    return capsys.readouterr().err


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A smoke run from start to end."""
    workdir = tmp_path_factory.mktemp("finished")
    return run(workdir), workdir


def test_writes_everything_straight_into_the_workdir(finished):
    result, workdir = finished
    assert {path.name for path in workdir.iterdir()} == {
        "config.json",
        "metrics.jsonl",
        "curves.png",
        "signals.png",
        "result.json",
        "weights.safetensors",
        "checkpoints",
        ".lock",
    }
    assert result.epochs == len(metrics(workdir)) == 2
    assert result.metrics["accuracy"] == pytest.approx(metrics(workdir)[-1]["test_accuracy"])
    written = json.loads((workdir / "result.json").read_text())
    headline = written["headline"]
    assert (headline["name"], headline["value"]) == ("accuracy", result.metrics["accuracy"])
    assert 0.15 < headline["baseline"] < 0.4
    assert written["config"] == json.loads((workdir / "config.json").read_text())["config"]
    for picture in workdir.glob("*.png"):
        pixels = matplotlib.image.imread(picture)
        assert min(pixels.shape[:2]) > 300
        assert pixels[..., :3].std() > 0.05


@alike
def test_resumes_to_the_same_bits(finished, tmp_path, monkeypatch):
    _, whole = finished
    interrupt_the_first_epoch(monkeypatch)
    first = run(tmp_path)
    assert (first.epochs, len(metrics(tmp_path)), first.exit_code) == (1, 1, 130)
    monkeypatch.undo()
    # The folder knows the rest.
    assert mnist1d.main(mnist1d.Config(workdir=tmp_path, resume=True)).epochs == 2
    assert metrics(tmp_path) == metrics(whole)
    for name in ("weights.safetensors", "signals.png"):
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()


def test_every_model_can_be_chosen():
    assert set(get_args(get_type_hints(mnist1d.Config)["model"])) == set(mnist1d.MODELS)
    signals = jax.ShapeDtypeStruct((2, 40, 1), "float32")
    for make in mnist1d.MODELS.values():
        shape = nnx.eval_shape(lambda x, make=make: make(rngs=nnx.Rngs(0))(x), signals).shape
        assert shape == (2, 10)


def test_shuffled_signals(tmp_path):
    result = run(tmp_path, model="linear", shuffled=True, epochs=1)
    assert result.epochs == 1
    assert np.isfinite(metrics(tmp_path)[0]["train_loss"])


def test_a_convolution_learns(tmp_path):
    """In 16 epochs, of 150, it leaves the nearest mean (0.28) and softmax regression (0.32)."""
    result = run(tmp_path, smoke=False, epochs=16)
    assert result.metrics["accuracy"] > 0.75


def test_the_picture_has_right_and_wrong_signals(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(plots, "save", lambda figure, file: figures.append(figure))
    test = data.load("mnist1d", "test")
    predicted = test.labels.copy()
    predicted[[3, 5]] = (test.labels[[3, 5]] + 1) % 10
    plots.signals(tmp_path / "signals.png", test, predicted)
    titles = [axes.get_title() for axes in figures[0].axes]
    assert titles == ["2", "6", "3", "4", "1", "9, not 0", "3, not 4", "", "", ""]
    drawn = [axes.lines[0].get_ydata() for axes in figures[0].axes if axes.lines]
    np.testing.assert_array_equal(drawn, test.images[[0, 1, 2, 4, 6, 3, 5], :, 0])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--resume"], "`--resume` needs `--workdir`, the folder of the run to continue."),
        (["--resume", "--workdir", "nowhere"], "There is no run to resume in nowhere"),
        (["--epochs", "-1"], "`--epochs` must be in [0, 100000]; got -1."),
        (["--devices", "3"], "`--batch-size` must be a multiple of the 3 devices that share it"),
        (["--devices", "0"], "`--devices` must be in [1, 8], as JAX finds; got 0."),
        (["--devices", "50"], "`--devices` must be in [1, 8], as JAX finds; got 50."),
        (["--seed", "-1"], "`--seed` must be in [0, 2**32); got -1."),
        (["--model", "gru"], "greydanus"),
        (["--algorithm", "cudnn"], "vmap"),
        (["--shuffel"], "shuffel"),
    ],
)
def test_a_mistake_is_told_what_to_do(arguments, text, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    error = command_line(monkeypatch, capsys, *arguments)
    assert text in error
    assert "Traceback" not in error


def test_a_resumed_run_keeps_its_options(finished, monkeypatch, capsys):
    _, workdir = finished
    arguments = ["--workdir", str(workdir), "--resume", "--shuffled"]
    error = command_line(monkeypatch, capsys, *arguments)
    assert f"`--shuffled` was False in {workdir / 'config.json'}" in error
