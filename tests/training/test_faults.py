"""A run that is killed at any moment goes on to the same bits, by every way that data come.

`CNN_JAX_KILLS=20 pytest -n 0 tests/training/test_faults.py` kills each run 20 times.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from pathlib import Path

import jax
import numpy as np
import pytest

from cnn_jax import training

from . import test_resume, tiny
from .tiny import assert_same_bits, without_seconds

KILLS = int(os.environ.get("CNN_JAX_KILLS", "1"))

# Trains from where the folder stands, a checkpoint in every step, and writes a line per epoch.
CHILD = """
    import json, sys, time
    from pathlib import Path
    from cnn_jax import training
    from tests.training import test_resume, tiny
    folder, way = Path(sys.argv[1]), sys.argv[2]
    checkpoints = training.Checkpoints(folder, {}, keep=2)
    start = checkpoints.restore(tiny.start()) if checkpoints.steps() else tiny.start()
    history = list(start.history) if isinstance(start, training.Progress) else []
    print("training", flush=True)
    for record, _ in test_resume.fit(start, way, checkpoints=checkpoints, save_every=1):
        history.append(record)
        (folder / "metrics.jsonl").write_text("".join(json.dumps(r) + "\\n" for r in history))
    print("finished", flush=True)
"""


def child(folder, way):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CHILD), str(folder), way],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("way", test_resume.WAYS)
def test_killed_at_random_moments(way, tmp_path):
    expected = [
        (record, jax.device_get(training.fetch(state)))
        for record, state in test_resume.fit(tiny.start(), way)
    ]
    rng, kills = random.Random(way), 0
    while True:
        with child(tmp_path, way) as process:
            assert process.stdout.readline() == "training\n"
            if kills < KILLS:
                time.sleep(rng.uniform(0, 3))  # compiling, steps and saves take about so long
                process.send_signal(signal.SIGKILL)
                process.wait()
                ended = process.stdout.read() == "finished\n"
                kills += not ended
            else:
                assert process.wait(timeout=300) == 0
                ended = True
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # nothing is damaged, only unfinished
            if steps := training.Checkpoints(tmp_path, {}).steps():
                reached = training.Checkpoints(tmp_path, {}).restore(tiny.start())
                assert int(reached.state.step) == steps[-1]
        if ended and kills >= KILLS:
            break
        if ended:  # it was faster than the kill
            shutil.rmtree(tmp_path)
            tmp_path.mkdir()
    assert_same_bits(reached.state, expected[-1][1])
    assert without_seconds(reached.history) == without_seconds(r for r, _ in expected)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == list(reached.history)
    assert not list((tmp_path / "checkpoints").glob("*.partial"))
    assert np.isfinite(reached.state.params["classify"]["kernel"]).all()
