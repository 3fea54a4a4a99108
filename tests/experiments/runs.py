"""Small runs, what they leave, errors and folders, for tests of the experiments that train."""

import json
import signal
import sys

import numpy as np
import pytest
from PIL import Image

from experiments import train
from experiments.running import command, watching
from experiments.running.train_options import Config

# What compiles for a minute or more. Other tasks' tests ask the same of the same code at each run.
slow = pytest.mark.slow
# What the tests of other experiments ask, too, of the same code.
alike = pytest.mark.alike
# A network that soon compiles, and no kernels of ours to be compiled.
HERE = {"devices": 1, "smoke": True, "algorithm": "xla"}
SMALL = {"model": "mlp", "model_options": '{"widths": [16]}', **HERE}


def run(workdir, **options):
    """Train."""
    return train.main(Config(workdir=workdir, **{**SMALL, **options}))


def metrics(workdir):
    """What each epoch measured, without its seconds."""
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]


def interrupt_the_first_epoch(patch):
    """Send Ctrl-C when the first steps are made: the run ends after its first epoch."""
    report = watching.Watch.report

    def interrupted(watch, made):
        report(watch, made)
        signal.raise_signal(signal.SIGINT)

    patch.setattr(watching.Watch, "report", interrupted)


def check_resuming(experiment, start, whole, folder, patch):
    """A run that Ctrl-C stops after its first epoch of two goes on to the bits of a whole one.

    Args:
        experiment: its module.
        start: begins the run in a folder.
        whole: the folder of the run that was not stopped.
        folder: for the one that is.
        patch: a `pytest.MonkeyPatch`.
    """
    interrupt_the_first_epoch(patch)
    first = start(folder)
    assert (first.epochs, first.exit_code) == (1, 130)
    patch.undo()
    second = experiment.main(experiment.Config(workdir=folder, resume=True, devices=1))
    assert second.epochs == 2
    assert metrics(folder) == metrics(whole)
    name = "weights.safetensors"
    assert (folder / name).read_bytes() == (whole / name).read_bytes()


def error_of(monkeypatch, capsys, experiment, words, parse=None):
    """What `python -m experiments.NAME WORDS` writes to stderr when it ends with an error."""
    monkeypatch.setattr(sys, "argv", ["experiment", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        command.run(experiment.main, experiment.Config, experiment.__doc__, parse)
    assert ended.value.code not in (0, None)
    return capsys.readouterr().err


def pictures(folder):
    """Write a set of two classes in color, dark and bright ones, of different sizes."""
    rng = np.random.default_rng(0)
    for number in range(80):
        name, level = (("dark", 60), ("bright", 190))[number % 2]
        size = rng.integers(20, 60, 2)
        image = np.clip(rng.normal(level, 30, (*size, 3)), 0, 255).astype(np.uint8)
        split = "test" if number < 20 else "train"
        (folder / split / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / split / name / f"{number}.png")
    return folder
