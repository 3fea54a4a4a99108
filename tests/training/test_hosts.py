"""Two processes of two devices train as one process does, stop together, and end together."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import optax
import pytest
from flax import nnx

from cnn_jax import files, tasks, training

from . import tiny

ROOT = Path(__file__).parents[2]
KEY, BATCH = 5, 16
HOW = ("resident", "stream", "own", "fully sharded")
EPOCHS, STEPS = 10, 2  # 20 steps
LONG = 4  # epochs of the run that is stopped
PAUSE = 5  # the step at which it waits for what the test does to it: in the middle of an epoch

TRAIN = tiny.split(40, seed=1)
TEST = tiny.split(11, seed=2)  # batches of 8 and 3, over 4 devices


class Records:
    """The training examples one by one, and which were read at a time."""

    def __init__(self):
        self.read = []

    def __len__(self):
        return len(TRAIN["label"])

    def __getitem__(self, index):
        return {name: array[index] for name, array in TRAIN.items()}

    def __getitems__(self, indices):
        self.read.append(list(indices))
        return [self[index] for index in indices]


def own(batches):
    """A function that makes the batches of an epoch, the same as these."""

    def make(epoch):
        for step in range(epoch * STEPS, (epoch + 1) * STEPS):
            rows = batches.indices(jax.random.key(KEY), step)
            yield {name: array[rows] for name, array in TRAIN.items()}

    return make


def parts():
    """The first state, the step, and an evaluation with a metric that is no mean."""
    model, optimizer = tiny.Tiny(8, rngs=nnx.Rngs(0)), optax.adamw(1e-2)
    loss = tasks.classification.loss()
    state, apply = training.init(model, optimizer)
    step = training.make_step(apply, optimizer, loss, prepare=tiny.prepare)

    def evaluate(mesh, resident):
        return training.make_evaluate(
            apply,
            loss,
            training.batches(TEST, 8, mesh=mesh, resident=resident),
            prepare=tiny.prepare,
            metrics={"confusion": tasks.classification.confusion(tiny.CLASSES)},
        )

    return model, state, step, evaluate


def fit(folder, how, mesh, epochs, **options):
    """Train in a folder, from its last checkpoint if it has one; return all records."""
    model, state, step, evaluate = parts()
    data, resident = Records() if how == "stream" else TRAIN, how != "stream"
    batches = training.batches(data, BATCH, mesh=mesh, resident=resident)
    if how == "own":
        batches = training.Own(own(batches), steps=STEPS, batch_size=BATCH, mesh=mesh)
    checkpoints = training.Checkpoints(folder, {"how": how})
    start = checkpoints.restore(state) if checkpoints.steps() else training.Progress(state)
    records = list(start.history)
    options.setdefault("fully_sharded", how == "fully sharded" and mesh is not None)
    confusion = None
    if isinstance(data, Records):
        data.read.clear()  # without what the fingerprint read
    for record, state in training.fit(
        start,
        step,
        batches,
        epochs=epochs,
        key=jax.random.key(KEY),
        evaluate={"test": (test := evaluate(mesh, resident))},
        checkpoints=checkpoints,
        **options,
    ):
        records.append(record)
        if len(records) == epochs:
            confusion = test(state)["confusion"].tolist()
            training.save_weights(state, folder / "again.safetensors")
            training.trained(model, state)(np.ones((2, 6, 6, 1), np.float32)).block_until_ready()
    return {"records": records, "confusion": confusion, "read": getattr(data, "read", None)}


# The processes, which `joined` starts.


def train(folder, process):
    for how in HOW:
        result = fit(folder / how, how, training.make_mesh(), EPOCHS)
        (folder / f"{how} {process}.json").write_text(json.dumps(result))


def long(folder, process, **options):
    """A run whose steps are asked for one at a time."""
    return fit(folder, "fully sharded", training.make_mesh(), LONG, save_every=1, **options)


def stop(folder, process):
    def report(made):
        if made == PAUSE:
            _wait(folder, process)

    with training.stop_on_signal() as asked:
        long(folder, process, stop=asked, report=report)
    (folder / f"stopped {process}").write_text(str(asked.signal))
    return asked.exit_code


def die(folder, process):
    victim = int(folder.name)

    def report(made):
        if made == PAUSE and process == victim:
            _wait(folder, process)  # the other one waits in the next step's sum

    long(folder, process, report=report)


def fail(folder, process):
    def report(made):
        if made == PAUSE and process == 0:
            raise OSError("no space left")

    long(folder, process, report=report)


def differ(folder, process):
    _, state, step, _ = parts()
    batches = training.batches(TRAIN, BATCH, mesh=training.make_mesh(), resident=process == 0)
    for mesh, expected in ((None, "have a mesh"), (batches.mesh, "the same in all processes")):
        batches.mesh = mesh
        with pytest.raises(ValueError, match=f"`batches` must .*{expected}"):
            training.fit(state, step, batches, epochs=1, key=jax.random.key(0))
    batches = training.batches(TRAIN, BATCH, mesh=training.make_mesh())
    with pytest.raises(ValueError, match="`start`, `epochs` and `key` must be the same"):
        training.fit(state, step, batches, epochs=1, key=jax.random.key(process))
    with pytest.raises(ValueError, match="`mesh` must have devices of all 2 processes"):
        training.batches(TRAIN, BATCH, mesh=training.make_mesh(jax.local_devices()))


def resume(folder, process):
    for name in ("stop", "die/0", "die/1", "whole"):
        result = long(folder / name, process)
        (folder / name / f"end {process}.json").write_text(json.dumps(result))
    differ(folder, process)


WORK = {"train": train, "stop": stop, "die": die, "fail": fail, "resume": resume}


def _wait(folder, process):
    (folder / f"waits {process}").touch()
    _until((folder / "go").exists)


def _until(holds, seconds=90):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


# The tests.


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hosts")


class Pair:
    """Two processes of two devices each."""

    def __init__(self, kind, folder):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", 0))
            except OSError as error:
                pytest.skip(f"no loopback network: {error}")
            port = probe.getsockname()[1]
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        environment = os.environ | {
            "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
            "JAX_NUMPY_DTYPE_PROMOTION": "strict",
            "JAX_NUMPY_RANK_PROMOTION": "raise",
        }
        command = sys.executable, "-m", "tests.training.joined"
        self.processes = [
            subprocess.Popen(
                [*command, kind, str(port), str(process), str(folder)],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for process in range(2)
        ]

    def wait_for(self, *processes):
        """Wait until these wait for the test."""

        def waits():
            assert all(process.poll() is None for process in self.processes), self.errors()
            return all((self.folder / f"waits {process}").exists() for process in processes)

        _until(waits)

    def errors(self):
        return "\n".join(process.communicate(timeout=10)[1] for process in self.processes)

    def ends(self):
        """The exit codes and what came on stderr."""
        try:
            said = [process.communicate(timeout=100)[1] for process in self.processes]
        finally:
            for process in self.processes:
                process.kill()
        return [process.returncode for process in self.processes], said


def messages(said):
    return [line for line in said.splitlines() if line.startswith("error: ")]


@pytest.fixture(scope="module")
def trained_by_two(folder):
    codes, said = Pair("train", folder / "train").ends()
    assert codes == [0, 0], said
    return folder / "train"


@pytest.fixture(scope="module")
def trained_by_one(folder):
    """The records and the folder of one process, by the number of devices."""
    results = {}
    for devices in (1, 4):
        mesh = None if devices == 1 else training.make_mesh(jax.devices()[:devices])
        results[devices] = fit(folder / f"one {devices}", "resident", mesh, EPOCHS + 2)
    return results


def assert_same_numbers(ours, theirs, atol):
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs):
        assert one.keys() == other.keys()
        for name in one.keys() - {"seconds"}:
            np.testing.assert_allclose(one[name], other[name], rtol=0, atol=atol, err_msg=name)


@pytest.mark.parametrize("devices", [1, 4])
@pytest.mark.parametrize("how", HOW)
def test_two_processes_train_as_one_does(trained_by_two, trained_by_one, how, devices):
    both = [json.loads((trained_by_two / f"{how} {i}.json").read_text()) for i in range(2)]
    alone = trained_by_one[devices]["records"][:EPOCHS]
    assert both[0]["records"] == both[1]["records"]
    assert both[0]["confusion"] == both[1]["confusion"]
    assert np.sum(both[0]["confusion"]) == len(TEST["label"])
    assert alone[0]["train_loss"] > alone[-1]["train_loss"] + 0.1  # it learns
    assert_same_numbers(both[0]["records"], alone, atol=1e-5)


@pytest.mark.parametrize("how", HOW)
def test_the_weights_are_those_of_one_process(trained_by_two, folder, how):
    _, state, step, _ = parts()
    batches = training.batches(TRAIN, BATCH)
    run = training.fit(state, step, batches, epochs=EPOCHS, key=jax.random.key(KEY))
    for _, state in run:
        pass
    training.save_weights(state, folder / "alone.safetensors")
    alone = files.read_arrays(folder / "alone.safetensors")
    for name in ("weights", "again"):
        written = files.read_arrays(trained_by_two / how / f"{name}.safetensors")
        assert written.keys() == alone.keys()
        for path, array in written.items():
            np.testing.assert_allclose(array, alone[path], rtol=0, atol=1e-5, err_msg=path)


def test_each_process_reads_its_own_rows_only(trained_by_two):
    read = [json.loads((trained_by_two / f"stream {i}.json").read_text())["read"] for i in (0, 1)]
    batches = training.batches(TRAIN, BATCH)
    for step in range(EPOCHS * STEPS):
        rows = batches.indices(jax.random.key(KEY), step).tolist()
        assert rows[: BATCH // 2] in read[0]
        assert rows[BATCH // 2 :] in read[1]
    assert {len(rows) for rows in read[0] + read[1]} == {BATCH // 2}


def test_one_process_goes_on_from_the_checkpoint_of_two(trained_by_two, trained_by_one):
    here = trained_by_two / "fully sharded"
    result = fit(here, "fully sharded", None, EPOCHS + 2)
    assert_same_numbers(result["records"], trained_by_one[1]["records"], atol=1e-5)


@pytest.fixture(scope="module")
def stopped(folder):
    pair = Pair("stop", folder / "long" / "stop")
    pair.wait_for(0, 1)
    pair.processes[1].send_signal(signal.SIGTERM)
    time.sleep(0.2)
    (pair.folder / "go").touch()
    return pair.ends()


@pytest.fixture(scope="module", params=[0, 1])
def killed(request, folder):
    """Which one is killed, then the other's seconds, exit code and message."""
    victim = request.param
    pair = Pair("die", folder / "long" / "die" / str(victim))
    pair.wait_for(victim)
    pair.processes[victim].kill()
    killed_at = time.monotonic()
    pair.processes[1 - victim].wait(timeout=100)
    seconds = time.monotonic() - killed_at
    codes, said = pair.ends()
    return victim, seconds, codes[1 - victim], said[1 - victim]


def test_a_signal_to_one_process_stops_both_at_the_same_step(stopped, folder):
    codes, said = stopped
    assert codes == [128 + signal.SIGTERM] * 2, said
    for process in range(2):
        text = (folder / "long" / "stop" / f"stopped {process}").read_text()
        assert text == str(int(signal.SIGTERM))
    assert training.Checkpoints(folder / "long" / "stop", {}).steps()[-1] == PAUSE


def test_when_a_process_dies_the_other_one_ends_and_says_why(killed):
    victim, seconds, code, said = killed
    assert seconds < 60
    assert code != 0
    host = socket.gethostname()
    (message,) = messages(said)
    assert message.startswith(f"error: Process {victim} (host {host}) died, ")
    assert message.endswith(training.hosts.RESTART)


def test_when_a_process_fails_the_other_one_says_why(folder):
    codes, said = Pair("fail", folder / "fail").ends()
    assert 0 not in codes
    assert "Traceback" in said[0]
    assert "OSError: no space left" in said[0]
    assert not messages(said[0])
    assert messages(said[1]) == [
        f"error: Process 0 (host {socket.gethostname()}) failed (OSError: no space left), so "
        f"process 1 ends too. {training.hosts.RESTART}"
    ]


def test_runs_that_were_stopped_or_killed_end_as_one_that_was_not(folder, stopped):
    for victim in (0, 1):  # as in `killed`, which may not have run
        place = folder / "long" / "die" / str(victim)
        if not place.exists():
            pytest.skip("the tests of killed runs have not run before")
    codes, said = Pair("resume", folder / "long").ends()
    assert codes == [0, 0], said
    weights = {}
    for name in ("whole", "stop", "die/0", "die/1"):
        here = folder / "long" / name
        assert training.Checkpoints(here, {}).steps()[-1] == LONG * STEPS
        weights[name] = files.read_arrays(here / "weights.safetensors")
        ends = [json.loads((here / f"end {i}.json").read_text())["records"] for i in (0, 1)]
        assert ends[0] == ends[1]
        whole = json.loads((folder / "long" / "whole" / "end 0.json").read_text())["records"]
        assert_same_numbers(ends[0], whole, atol=0)
    for name in ("stop", "die/0", "die/1"):
        tiny.assert_same_bits(weights[name], weights["whole"])


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"processes": 2}, "`coordinator` must be HOST:PORT of the first process"),
        ({"coordinator": "auto", "process": 0}, "`coordinator` must be HOST:PORT of the first"),
        ({"coordinator": "here", "processes": 2, "process": 0}, "`coordinator` must be HOST:PORT"),
        ({"coordinator": "here:1"}, "`coordinator` needs `processes` and `process`"),
        (
            {"coordinator": "here:1", "processes": 2, "process": 2},
            "`process` must be under `processes`, 2; got 2",
        ),
        ({"coordinator": "here:1", "processes": 0, "process": 0}, "`processes` must be"),
        ({"coordinator": 3}, "`coordinator` must be a text; got 3"),
    ],
)
def test_wrong_arguments_are_refused(given, error):
    with pytest.raises((TypeError, ValueError), match=error), training.connected(**given):
        pass


def test_a_port_in_use_is_refused():
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
        with (
            pytest.raises(ValueError, match=rf"`coordinator` must have a port that .*; {port}: "),
            training.connected(f"127.0.0.1:{port}", 2, 0),
        ):
            pass


def test_it_must_come_before_other_calls_of_jax():
    jax.devices()
    with (
        pytest.raises(RuntimeError, match="`connected` must be entered once, before any other"),
        training.connected("127.0.0.1:1234", 2, 0),
    ):
        pass


def test_one_process_needs_nothing(monkeypatch):
    monkeypatch.setenv("SLURM_NTASKS", "4")  # of an interactive job
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "1")
    monkeypatch.setenv("TPU_WORKER_HOSTNAMES", "localhost")
    with training.connected():
        assert jax.process_count() == 1
    with training.connected("here:1", processes=1, process=0):
        assert jax.process_count() == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLURM_STEP_NUM_TASKS", "2"),
        ("OMPI_COMM_WORLD_SIZE", "2"),
        ("TPU_WORKER_HOSTNAMES", "one,two"),
    ],
)
def test_what_a_launcher_says_is_heard(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    asked = []
    monkeypatch.setattr(jax.distributed, "initialize", lambda *given, **_: asked.append(given))
    with training.connected():
        pass
    assert asked == [(None, None, None)]
