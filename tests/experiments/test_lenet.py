"""`experiments.lenet`: what it writes, that it resumes to the same bits, and what mistakes get."""

import contextlib
import dataclasses
import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import chex
import jax.numpy as jnp
import matplotlib.image
import numpy as np
import pytest

from cnn_jax import data, training
from experiments import lenet
from experiments.running import command

from .runs import alike, interrupt_the_first_epoch, metrics

ROOT = Path(__file__).parents[2]


def run(workdir, **options):
    return lenet.main(lenet.Config(**{"workdir": workdir, "smoke": True, "devices": 1, **options}))


def newest_state(workdir):
    """All arrays of the newest checkpoint."""
    saved = json.loads((workdir / "config.json").read_text())["config"]
    model, optimizer = lenet.make(lenet.Config(**saved), 2, 640)
    state, _ = training.init(model, optimizer)
    return training.Checkpoints(workdir, config=saved).restore(state).state


def command_line(monkeypatch, capsys, *arguments):
    """What `python -m experiments.lenet ARGUMENTS` writes to stderr when it ends with an error."""
    monkeypatch.setattr(sys, "argv", ["lenet", *arguments])
    with pytest.raises(SystemExit) as ended:
        command.run(lenet.main, lenet.Config, lenet.__doc__)
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
        "result.json",
        "weights.safetensors",
        "weights_best.safetensors",
        "checkpoints",
        ".lock",
    }
    assert result.workdir == workdir
    assert result.epochs == len(metrics(workdir)) == 2
    assert result.metrics["accuracy"] == pytest.approx(metrics(workdir)[-1]["test_accuracy"])
    config = json.loads((workdir / "config.json").read_text())
    assert config["config"]["dropout"] == 0.3
    assert {"jax", "flax"} <= config["versions"].keys()
    written = json.loads((workdir / "result.json").read_text())
    headline = written["headline"]
    assert (headline["name"], headline["value"]) == ("accuracy", result.metrics["accuracy"])
    assert 0.5 < headline["baseline"] < 0.8
    assert (written["config"], written["seed"]) == (config["config"], 0)
    for picture in workdir.glob("*.png"):
        pixels = matplotlib.image.imread(picture)
        assert min(pixels.shape[:2]) > 300
        assert pixels[..., :3].std() > 0.1


@alike
def test_resumes_to_the_same_bits(finished, tmp_path, monkeypatch):
    _, whole = finished
    interrupt_the_first_epoch(monkeypatch)
    first = run(tmp_path, dropout=0.3)
    assert (first.epochs, len(metrics(tmp_path)), first.exit_code) == (1, 1, 130)
    monkeypatch.undo()
    assert 2 * int(newest_state(tmp_path).step) == int(newest_state(whole).step)
    second = lenet.main(
        lenet.Config(workdir=tmp_path, resume=True, devices=1)
    )  # the folder knows the rest
    assert second.epochs == 2
    assert metrics(tmp_path) == metrics(whole)
    chex.assert_trees_all_equal(newest_state(tmp_path), newest_state(whole))
    assert (tmp_path / "confusion.png").read_bytes() == (whole / "confusion.png").read_bytes()


def test_a_finished_run_resumes_to_nothing_new(finished):
    result, workdir = finished
    before = metrics(workdir)
    again = lenet.main(lenet.Config(workdir=workdir, resume=True, devices=1))
    assert metrics(workdir) == before
    assert dataclasses.replace(again, seconds=0) == dataclasses.replace(result, seconds=0)


def test_the_definition_of_convolution_gives_the_same_numbers(finished, tmp_path):
    _, workdir = finished  # by the algorithms that are chosen for this machine
    run(tmp_path, algorithm="vmap", dropout=0.3)
    numbers = [[list(m.values()) for m in metrics(folder)] for folder in (workdir, tmp_path)]
    np.testing.assert_allclose(*numbers, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("split", ["train", "test"])
def test_standardized_images_have_mean_0_and_variance_1(split):
    images = data.load("fashion_mnist_small", split).images
    values = np.asarray(lenet.standardize(jnp.asarray(images)), np.float64)
    assert values.shape == images.shape
    assert abs(values.mean()) < 0.02
    assert abs(values.var() - 1) < 0.02
    # Every image by the same map, so that bright stays bright.
    np.testing.assert_array_equal(
        np.argsort([values[images == n][0] for n in range(256)]), range(256)
    )


def test_ctrl_c_ends_with_a_checkpoint(tmp_path):
    options = ["--smoke", "--workdir", tmp_path, "--epochs", "500"]
    command = [sys.executable, "-m", "experiments.lenet", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        next(line for line in process.stdout if line.startswith("epoch"))
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 130
    done = int(re.search(r"Stopped after epoch (\d+) of 500\. To continue:", rest).group(1))
    assert f"--workdir {tmp_path} --resume" in rest
    steps = [int(path.name) for path in (tmp_path / "checkpoints").iterdir()]
    assert 5 * done <= max(steps) < 5 * done + 5
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
        (["--batch-size", "0"], "`--batch-size` must be in [1, 65536]; got 0."),
        (["--epochs", "-1"], "`--epochs` must be in [0, 100000]; got -1."),
        (["--dropout", "1.5"], "`--dropout` must be in [0, 1); got 1.5."),
        (["--batch-size", "7000"], "`--batch-size` must be at most the number of examples, 6000"),
        (["--dataset", "mnist"], "fashion_mnist_small"),
        (["--devices", "9"], "`--devices` must be in [1, 8], as JAX finds; got 9."),
        (["--batch-size", "100"], "a multiple of the 8 devices"),
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


@pytest.mark.parametrize(
    ("saved", "text"),
    [
        ('{"config": ', "is damaged: it does not hold a run's configuration."),
        ("[" * 100_000, "is damaged: it does not hold a run's configuration."),
        ('{"config": []}', "is damaged: it does not hold a run's configuration."),
        (
            '{"config": {"batch_size": "abc"}}',
            "is damaged: `--batch-size` must be an int; got 'abc'.",
        ),
        (
            '{"config": {"batch_size": true}}',
            "is damaged: `--batch-size` must be an int; got True.",
        ),
        (
            '{"config": {"learning_rate": NaN}}',
            "is damaged: `--learning-rate` must be positive and finite; got nan.",
        ),
        (
            '{"config": {"pool": ["max"]}}',
            "is damaged: `--pool` must be one of 'max', 'avg'; got ('max',).",
        ),
        (
            '{"config": {"epochs": 1.5}}',
            "is damaged: `--epochs` must be an int or None; got 1.5.",
        ),
        (
            '{"config": {"smoke": 1}}',
            "is damaged: `--smoke` must be True or False; got 1.",
        ),
    ],
)
def test_a_damaged_configuration_is_named(saved, text, tmp_path, monkeypatch, capsys):
    (tmp_path / "config.json").write_text(saved)
    error = command_line(monkeypatch, capsys, "--workdir", str(tmp_path), "--resume")
    assert error == f"error: {tmp_path / 'config.json'} {text}\n"


@contextlib.contextmanager
def disk(folder, size):
    """A disk of so many bytes in that folder; only root can have one."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk_ends_the_run_with_one_line(tmp_path, monkeypatch, capsys):
    with disk(tmp_path, 2**21):  # of which a checkpoint takes 0.6 MiB, and weights 0.2
        workdir = tmp_path / "run"
        error = command_line(monkeypatch, capsys, "--smoke", "--workdir", str(workdir))
        assert re.fullmatch(
            r"error: \[Errno 28\] No space left on device: \d+ bytes are needed and \d+ are free: "
            rf"'{workdir}/checkpoints/00000010'\. Make room\. With --workdir DIR --resume the run "
            r"goes on from its last checkpoint\.\n",
            error,
        )
        names = {path.name for path in (workdir / "checkpoints").iterdir()}
        assert names == {"00000000", "00000005"}
        assert int(newest_state(workdir).step) == 5
        assert len(metrics(workdir)) == 1


def test_a_disk_that_holds_nothing_more(tmp_path, monkeypatch, capsys):
    with disk(tmp_path, 2**16):
        (tmp_path / "filler").write_bytes(bytes(2**16))
        error = command_line(monkeypatch, capsys, "--smoke", "--workdir", str(tmp_path / "run"))
        assert error.startswith("error: [Errno 28] No space left on device: '")
        assert error.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch, capsys):
    with disk(tmp_path, 2**16):
        subprocess.run(["mount", "-o", "remount,ro", tmp_path], check=True)
        workdir = str(tmp_path / "run")
        error = command_line(monkeypatch, capsys, "--smoke", "--workdir", workdir)
        assert error == f"error: [Errno 30] Read-only file system: '{workdir}'\n"


def test_a_second_run_in_the_folder_is_refused(finished, tmp_path, monkeypatch, capsys):
    _, workdir = finished
    shutil.copytree(workdir, tmp_path / "run")
    held = training.Checkpoints(tmp_path / "run", {}).lock()  # as another process holds it
    arguments = ["--workdir", str(tmp_path / "run"), "--resume", "--devices", "1"]
    error = command_line(monkeypatch, capsys, *arguments)
    assert re.match(r"error: Another process trains in .*run \(process \d+ holds", error)
    assert error.count("\n") == 1
    held.release()
