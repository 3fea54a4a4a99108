"""`experiments.lenet`: what it writes, that it resumes to the same bits, and what mistakes get."""

import dataclasses
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import chex
import matplotlib.image
import numpy as np
import pytest

from cnn_jax import training
from experiments import _runs, lenet

ROOT = Path(__file__).parents[2]


def run(workdir, **options):
    return lenet.main(lenet.Config(workdir=workdir, smoke=True, **options))


def metrics(workdir):
    """What each epoch measured, without its seconds."""
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]


def newest_state(workdir):
    """All arrays of the newest checkpoint."""
    saved = json.loads((workdir / "config.json").read_text())["config"]
    model, optimizer = lenet.make(lenet.Config(**saved), 2, 640)
    state, _ = training.init(model, optimizer, lenet.standardize)
    return training.Checkpoints(workdir / "checkpoints", config=saved).restore(state)[0]


def command_line(monkeypatch, capsys, *arguments):
    """What `python -m experiments.lenet ARGUMENTS` writes to stderr when it ends with an error."""
    monkeypatch.setattr(sys, "argv", ["lenet", *arguments])
    with pytest.raises(SystemExit) as ended:
        _runs.run(lenet.main, lenet.Config, lenet.__doc__)
    assert ended.value.code not in (0, None)
    return capsys.readouterr().err


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A smoke run from start to end, with dropout."""
    workdir = tmp_path_factory.mktemp("finished")
    return run(workdir, dropout=0.3), workdir


def test_writes_everything_straight_into_the_workdir(finished):
    result, workdir = finished
    assert {path.name for path in workdir.iterdir()} == {
        "config.json",
        "metrics.jsonl",
        "curves.png",
        "confusion.png",
        "filters.png",
        "checkpoints",
    }
    assert result.workdir == workdir
    assert result.epochs == len(metrics(workdir)) == 2
    assert result.test_accuracy == pytest.approx(metrics(workdir)[-1]["test_accuracy"])
    config = json.loads((workdir / "config.json").read_text())
    assert config["config"]["dropout"] == 0.3
    assert {"jax", "flax"} <= config["versions"].keys()
    for picture in workdir.glob("*.png"):
        pixels = matplotlib.image.imread(picture)
        assert min(pixels.shape[:2]) > 300
        assert pixels[..., :3].std() > 0.1


def test_resumes_to_the_same_bits(finished, tmp_path, monkeypatch):
    _, whole = finished
    real, calls = lenet.training.stop_on_interrupt, []

    def interrupted_at_once():  # as if Ctrl-C came during the first epoch
        manager = real()
        event = manager.__enter__()
        event.set()
        manager.__exit__(None, None, None)
        calls.append(event)
        return _Given(event)

    monkeypatch.setattr(lenet.training, "stop_on_interrupt", interrupted_at_once)
    first = run(tmp_path, dropout=0.3)
    assert (first.epochs, len(metrics(tmp_path)), len(calls)) == (1, 1, 1)
    monkeypatch.undo()
    assert 2 * int(newest_state(tmp_path).step) == int(newest_state(whole).step)
    second = lenet.main(lenet.Config(workdir=tmp_path, resume=True))  # the folder knows the rest
    assert second.epochs == 2
    assert metrics(tmp_path) == metrics(whole)
    chex.assert_trees_all_equal(newest_state(tmp_path), newest_state(whole))
    assert (tmp_path / "confusion.png").read_bytes() == (whole / "confusion.png").read_bytes()


class _Given:
    """A context manager that gives one value."""

    def __init__(self, value):
        self.value = value

    def __enter__(self):
        return self.value

    def __exit__(self, *_):
        return None


def test_a_finished_run_resumes_to_nothing_new(finished):
    result, workdir = finished
    before = metrics(workdir)
    again = lenet.main(lenet.Config(workdir=workdir, resume=True))
    assert metrics(workdir) == before
    assert dataclasses.replace(again, seconds=0) == dataclasses.replace(result, seconds=0)


def test_both_algorithms_give_the_same_numbers(tmp_path):
    numbers = []
    for algorithm in ("xla", "vmap"):
        run(tmp_path / algorithm, algorithm=algorithm, epochs=1)
        numbers.append(np.array([list(m.values()) for m in metrics(tmp_path / algorithm)]))
    np.testing.assert_allclose(*numbers, rtol=2e-3, atol=2e-3)


def test_ctrl_c_ends_with_a_checkpoint(tmp_path):
    command = [sys.executable, "-m", "experiments.lenet", "--workdir", tmp_path, "--epochs", "500"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        next(line for line in process.stdout if line.startswith("epoch"))
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 0
    done = int(re.search(r"Stopped after epoch (\d+) of 500\. To continue:", rest).group(1))
    assert f"--workdir {tmp_path} --resume" in rest
    assert (tmp_path / "checkpoints" / f"{done:06d}").is_dir()
    assert len(metrics(tmp_path)) == done >= 1


def test_a_folder_that_holds_a_run_is_not_overwritten(finished, monkeypatch, capsys):
    _, workdir = finished
    before = metrics(workdir)
    error = command_line(monkeypatch, capsys, "--smoke", "--workdir", str(workdir))
    assert "holds a run already. Add `--resume` to continue it" in error
    assert metrics(workdir) == before


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--resume"], "`--resume` needs `--workdir`, the folder of the run to continue."),
        (["--resume", "--workdir", "nowhere"], "There is no run to resume in nowhere"),
        (["--batch-size", "0"], "`--batch-size` must be at least 1; got 0."),
        (["--epochs", "-1"], "`--epochs` must be at least 0; got -1."),
        (["--dropout", "1.5"], "`--dropout` must be in [0, 1); got 1.5."),
        (["--batch-size", "7000"], "`--batch-size` must be at most the number of images, 6000"),
        (["--dataset", "mnist"], "fashion_mnist_small"),
        (["--algorithm", "cudnn"], "vmap"),
        (["--learning-rat", "1"], "learning-rate"),
        (["--learning-rate", "1e9", "--smoke"], "loss became"),
    ],
)
def test_a_mistake_is_told_what_to_do(arguments, text, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    error = command_line(monkeypatch, capsys, *arguments)
    assert text in error
    assert "Traceback" not in error


def test_a_resumed_run_keeps_its_options(finished, monkeypatch, capsys):
    _, workdir = finished
    arguments = ["--workdir", str(workdir), "--resume", "--seed", "7"]
    error = command_line(monkeypatch, capsys, *arguments)
    assert f"`--seed` was 0 in {workdir / 'config.json'}" in error


def test_a_run_that_never_started_can_be_started_again(monkeypatch, capsys, tmp_path):
    arguments = ["--workdir", str(tmp_path), "--batch-size"]
    assert "at most the number" in command_line(monkeypatch, capsys, *arguments, "7000")
    assert run(tmp_path, batch_size=640, epochs=0).epochs == 0


def test_a_file_is_no_workdir(monkeypatch, capsys, tmp_path):
    (tmp_path / "file").touch()
    assert "file" in command_line(monkeypatch, capsys, "--workdir", str(tmp_path / "file"))


def test_a_damaged_configuration_is_named(tmp_path, monkeypatch, capsys):
    (tmp_path / "config.json").write_text('{"config": ')
    error = command_line(monkeypatch, capsys, "--workdir", str(tmp_path), "--resume")
    assert f"{tmp_path / 'config.json'} is damaged" in error
