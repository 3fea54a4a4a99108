"""Checkpoints that are whole, or known not to be."""

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
import types
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from cnn_jax import training

from .tiny import assert_same_bits

CONFIG = {"lr": 0.1, "sizes": (3, 4), "nested": {"name": "tiny"}}


def record(epoch):
    return {"epoch": epoch, "step": epoch, "train_loss": 1 / 3, "test_loss": 0.1 / epoch}


HISTORY = tuple(record(epoch) for epoch in range(1, 1000))


def odd_state(seed=0):
    """A state with the values and dtypes that a careless format would change."""
    bits = np.random.default_rng(seed).integers(0, 2**32, (3, 5), np.uint32)
    params = {
        "any bits": jnp.asarray(bits.view(np.float32)),
        "zeros": jnp.asarray(np.array([0.0, -0.0, np.inf, np.nan], np.float32)),
        "scalar": jnp.float32(seed),
        "bfloat16": jnp.asarray(bits.view(np.uint16), jnp.uint16).view(jnp.bfloat16),
        "float16": jnp.arange(4, dtype=jnp.float16) / 3,
        "layers": {0: {"kernel": jnp.arange(6.0).reshape(2, 3)}, 1: {"kernel": jnp.ones(1)}},
    }
    opt_state = (jnp.uint8([255]), {"mask": jnp.array([True, False])}, (jnp.int32(-7), ()))
    return training.TrainState(jnp.int32(seed), params, {}, opt_state)


def after(epoch):
    """Where a run stands after so many epochs of one step."""
    partial = {"loss": [1 / 3, 0.1]}
    return training.Progress(odd_state(epoch), HISTORY[:epoch], partial, {"sha256": "12", "n": 3})


def parts(progress):
    assert progress.partial == {"loss": [1 / 3, 0.1]}
    assert progress.data == {"sha256": "12", "n": 3}
    return progress.state, progress.history


def saved(directory, epochs=3, **options):
    checkpoints = training.Checkpoints(directory, CONFIG, **options)
    for epoch in range(epochs):
        checkpoints.save(after(epoch))
    return checkpoints


def test_every_bit_comes_back(tmp_path, capfd):
    checkpoints = saved(tmp_path)
    state, history = parts(checkpoints.restore(odd_state()))
    assert_same_bits(state, odd_state(2))
    assert not any(leaf.weak_type for leaf in jax.tree.leaves(state))
    assert history == HISTORY[:2]
    assert capfd.readouterr() == ("", "")


def test_a_state_over_several_devices_comes_back_to_them(tmp_path):
    over = NamedSharding(Mesh(np.array(jax.devices()), ("batch",)), PartitionSpec("batch"))
    state = training.TrainState(jnp.int32(0), {"a": jax.device_put(np.arange(16.0), over)}, {}, ())
    checkpoints = training.Checkpoints(tmp_path, {})
    checkpoints.start(training.Progress(state))
    restored = checkpoints.restore(state).state
    assert_same_bits(restored, state)
    assert restored.params["a"].sharding == over


def test_the_newest_are_kept(tmp_path):
    checkpoints = saved(tmp_path, epochs=6, keep=2)
    assert checkpoints.steps() == [4, 5]
    assert names_in(tmp_path / "checkpoints") == [
        "00000004",
        "00000005",
    ]


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def files_of(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_the_manifest_can_be_checked_with_sha256sum(tmp_path):
    folder = saved(tmp_path).folder(2)
    assert len(files_of(folder)) > 5
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=folder, check=True)


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [flip, truncate, Path.unlink])
def test_whichever_file_is_damaged_it_is_noticed_and_the_one_before_is_used(tmp_path, damage):
    checkpoints = saved(tmp_path / "whole")
    names = [path.relative_to(checkpoints.folder(2)) for path in files_of(checkpoints.folder(2))]
    damaged = 0
    for name in names:
        shutil.copytree(tmp_path / "whole", tmp_path / "run", dirs_exist_ok=True)
        run = training.Checkpoints(tmp_path / "run", CONFIG)
        path = run.folder(2) / name
        if damage is not Path.unlink and path.stat().st_size == 0:
            continue
        damage(path)
        if damaged in (0, len(names) // 2):  # a restore is slow; the manifest's answer is not
            named = re.escape(str(run.folder(2))) + " .* is damaged; trying the one before it"
            with pytest.warns(UserWarning, match=named):
                state, history = parts(run.restore(odd_state()))
            assert_same_bits(state, odd_state(1))
            assert history == HISTORY[:1]
        shutil.rmtree(run.folder(0))
        shutil.rmtree(run.folder(1))
        with pytest.warns(UserWarning, match="is damaged"), pytest.raises(training.CheckpointError):
            run.restore(odd_state())
        shutil.rmtree(tmp_path / "run")
        damaged += 1
    assert damaged >= 6


def test_a_step_that_is_none_has_no_folder(tmp_path):
    checkpoints = training.Checkpoints(tmp_path, {})
    with pytest.raises(TypeError, match=r"`step` must be an int of at least 0; got 'last'\."):
        checkpoints.folder("last")
    with pytest.raises(ValueError, match=r"`step` must be an int of at least 0; got -1\."):
        checkpoints.folder(-1)


def test_a_folder_with_another_number_is_no_checkpoint(tmp_path):
    (tmp_path / "checkpoints" / "7").mkdir(parents=True)
    checkpoints = saved(tmp_path, epochs=2)
    assert checkpoints.steps() == [0, 1]
    assert (tmp_path / "checkpoints" / "7").is_dir()


def put_a_file(folder):
    shutil.rmtree(folder)
    folder.write_text("not a folder")


def put_a_link(folder):
    shutil.move(folder, folder.parent / "elsewhere")
    folder.symlink_to(folder.parent / "elsewhere")


def put_a_folder_for_the_list(folder):
    (folder / "SHA256SUMS").unlink()
    (folder / "SHA256SUMS").mkdir()


def leave_the_list_alone_and_empty(folder):
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "SHA256SUMS").touch()


def put_another_list(folder):
    shutil.rmtree(folder / "arrays")
    (folder / "run.json").write_text("[1]")
    training.checkpoint.files.write_checksums(folder)


def lose_the_arrays(folder):
    shutil.rmtree(folder / "arrays")
    training.checkpoint.files.write_checksums(folder)


STRANGE = {
    put_a_file: "00000002 is no folder",
    put_a_link: "00000002 is no folder",
    put_a_folder_for_the_list: "SHA256SUMS is missing or damaged",
    leave_the_list_alone_and_empty: "SHA256SUMS is empty",
    put_another_list: "run.json is none of a run",
    lose_the_arrays: "it cannot be read: ",
}


@pytest.mark.parametrize("change", STRANGE)
def test_what_is_no_checkpoint_at_all_is_named_skipped_and_replaced(tmp_path, change):
    checkpoints = saved(tmp_path)
    change(checkpoints.folder(2))
    with pytest.warns(UserWarning, match=rf"00000002 \({STRANGE[change]}.* is damaged; trying the"):
        state, history = parts(checkpoints.restore(odd_state()))
    assert_same_bits(state, odd_state(1))
    assert history == HISTORY[:1]
    checkpoints.save(after(2))
    assert_same_bits(checkpoints.restore(odd_state()).state, odd_state(2))


def test_of_two_trainers_in_one_folder_the_second_is_refused(tmp_path):
    checkpoints = saved(tmp_path)
    held = checkpoints.lock()
    with pytest.raises(training.CheckpointError, match=r"Another process trains in .*process \d+"):
        checkpoints.lock()
    held.release()
    checkpoints.lock()


def test_a_file_too_many_is_damage_too(tmp_path):
    checkpoints = saved(tmp_path)
    (checkpoints.folder(2) / "arrays" / "extra").write_text("")
    with pytest.warns(UserWarning, match=r"arrays/extra is not listed in SHA256SUMS"):
        assert checkpoints.restore(odd_state()).epoch == 1


def test_if_none_is_whole_all_are_named(tmp_path):
    checkpoints = saved(tmp_path)
    for epoch in range(3):
        flip(checkpoints.folder(epoch) / "run.json")
    with (
        pytest.warns(UserWarning, match="is damaged"),
        pytest.raises(training.CheckpointError) as caught,
    ):
        checkpoints.restore(odd_state())
    for epoch in range(3):
        assert f"{checkpoints.folder(epoch)} (run.json has changed since it was written)" in str(
            caught.value
        )
    assert "Put back a copy" in str(caught.value)


def test_no_checkpoint_at_all(tmp_path):
    with pytest.raises(training.CheckpointError, match=r"There is no checkpoint in .*nowhere\. Is"):
        training.Checkpoints(tmp_path / "nowhere", {}).restore(odd_state())


def test_damaged_checkpoints_are_replaced_when_the_run_gets_there(tmp_path):
    checkpoints = saved(tmp_path, epochs=5)  # 2, 3 and 4 are kept
    flip(checkpoints.folder(3) / "run.json")
    flip(checkpoints.folder(4) / "run.json")
    with pytest.warns(UserWarning, match="is damaged"):
        assert checkpoints.restore(odd_state()).epoch == 2
    checkpoints.save(after(3))
    assert checkpoints.steps() == [2, 3]
    assert_same_bits(checkpoints.restore(odd_state()).state, odd_state(3))


def test_a_new_run_does_not_write_over_another(tmp_path):
    checkpoints = saved(tmp_path)
    with pytest.raises(training.CheckpointError, match=r"holds the checkpoints .* step 2\. Resume"):
        checkpoints.start(after(0))
    assert_same_bits(checkpoints.restore(odd_state()).state, odd_state(2))


def test_another_config_is_named(tmp_path):
    saved(tmp_path)
    other = training.Checkpoints(tmp_path, {"lr": 0.2, "sizes": [3, 4], "seed": 1})
    with pytest.raises(training.CheckpointError) as caught:
        other.restore(odd_state())
    text = str(caught.value)
    assert "00000002 was made with another config: lr is 0.2 here and 0.1 there, " in text
    assert "seed is 1 here and absent there" in text
    assert "nested is absent here and {'name': 'tiny'} there" in text
    assert "sizes" not in text  # a tuple that JSON made a list of is no difference


def test_another_model_is_named(tmp_path):
    checkpoints = saved(tmp_path)
    other = odd_state()
    del other.params["zeros"]
    other.params["layers"][0]["kernel"] = jnp.ones((2, 4))
    other.params["scalar"] = jnp.int32(1)
    with pytest.raises(training.CheckpointError, match="another model or optimizer") as caught:
        checkpoints.restore(other)
    text = str(caught.value)
    assert "params.layers.0.kernel is float32[2, 4] here and float32[2, 3] there" in text
    assert "params.zeros is absent here and float32[4] there" in text
    assert "params.scalar is int32[] here and float32[] there" in text
    assert "bfloat16" not in text


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"config": {"path": Path()}}, TypeError, "`config` must be what JSON can hold; Object of"),
        ({"config": {"lr": float("nan")}}, ValueError, "`config` must be what JSON can hold; Out"),
        ({"config": {"a": {"b": [-np.inf]}}}, ValueError, "`config` must be what JSON can hold"),
        ({"config": None}, TypeError, r"`config` must be a mapping of names to values; got None"),
        ({"config": float("nan")}, TypeError, "`config` must be a mapping .* got nan"),
        ({"config": "lr=0.1"}, TypeError, "`config` must be a mapping .* got 'lr=0.1'"),
        ({"config": {}, "keep": 0}, ValueError, r"`keep` must be a positive int; got 0\."),
        ({"config": {}, "keep": "all"}, TypeError, r"`keep` must be a positive int; got 'all'\."),
        ({"config": {}, "folder": None}, TypeError, "`folder` must be a path; got None"),
    ],
)
def test_what_cannot_be_a_checkpoint_is_refused(tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        training.Checkpoints(**{"folder": tmp_path, **options})


@pytest.mark.parametrize("config", [{}, {"lr": 0.1, 3: (1, 2)}, types.MappingProxyType({"a": 1})])
def test_every_config_that_is_taken_can_be_restored(tmp_path, config):
    training.Checkpoints(tmp_path, config).start(after(0))
    assert_same_bits(training.Checkpoints(tmp_path, config).restore(odd_state()).state, odd_state())


def test_what_is_no_progress_is_refused(tmp_path):
    checkpoints = saved(tmp_path)
    for wrong in ({}, None, odd_state()):
        with pytest.raises(TypeError, match=r"`progress` must be a training\.Progress; got"):
            checkpoints.save(wrong)
    assert checkpoints.steps() == [0, 1, 2]


def test_the_best_is_kept_besides(tmp_path):
    best = training.Best("score")
    checkpoints = training.Checkpoints(tmp_path, CONFIG, keep=2, best=best)
    history = tuple({"epoch": e, "step": e, "score": -abs(e - 2)} for e in range(1, 7))
    for epoch in range(7):
        checkpoints.save(training.Progress(odd_state(epoch), history[:epoch]))
    assert checkpoints.steps() == [2, 5, 6]
    with pytest.raises(ValueError, match="`metric` must be a number of the records, which have ep"):
        training.Checkpoints(tmp_path, CONFIG, best=training.Best("scor")).save(
            training.Progress(odd_state(7), history)
        )
    with pytest.raises(TypeError, match=r"`best` must be training\.Best or None; got str"):
        training.Checkpoints(tmp_path, CONFIG, best="score")


def test_a_save_in_the_background_has_the_state_of_that_moment(tmp_path, monkeypatch):
    gate, write = threading.Event(), training._arrays.write

    def slowly(*arguments):
        gate.wait(60)
        write(*arguments)

    monkeypatch.setattr(training._arrays, "write", slowly)
    checkpoints = training.Checkpoints(tmp_path, CONFIG)
    state = jax.tree.map(jnp.copy, odd_state(3))
    checkpoints.save_later(training.Progress(state, HISTORY[:3]))
    jax.tree.map(lambda array: array.delete(), state)  # as the next step does, which takes it
    assert checkpoints.steps() == []
    gate.set()
    checkpoints.wait()
    assert_same_bits(checkpoints.restore(odd_state()).state, odd_state(3))


def test_an_error_in_the_background_is_raised_in_the_next_call(tmp_path, monkeypatch):
    checkpoints = saved(tmp_path)

    def fail(*arguments):
        raise OSError(errno.EIO, "the disk is broken")

    with monkeypatch.context() as patch:
        patch.setattr(training._arrays, "write", fail)
        checkpoints.save_later(after(3))
        with pytest.raises(OSError, match="the disk is broken"):
            checkpoints.save_later(after(4))
    checkpoints.wait()
    assert checkpoints.steps() == [0, 1, 2]


def assert_nothing_is_lost(checkpoints, error):
    """The error names the checkpoint that was not written; those before are as they were."""
    folder = checkpoints.folder(3)
    assert (error.value.errno, error.value.filename) == (errno.ENOSPC, str(folder))
    assert str(error.value).startswith("[Errno 28] No space left on device")
    assert names_in(folder.parent) == [
        "00000000",
        "00000001",
        "00000002",
    ]
    assert_same_bits(checkpoints.restore(odd_state()).state, odd_state(2))
    checkpoints.save(after(3))  # once there is space
    assert checkpoints.steps() == [1, 2, 3]


def test_a_full_disk_is_found_before_anything_is_written(tmp_path, monkeypatch):
    checkpoints, needed = saved(tmp_path), []

    def nearly_full(path):
        needed.append(path)
        return types.SimpleNamespace(free=sum(a.nbytes for a in jax.tree.leaves(odd_state(3))))

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", nearly_full)
        with pytest.raises(OSError, match=r"No space left .* bytes are needed and \d+ ar") as error:
            checkpoints.save(after(3))
    assert needed == [tmp_path / "checkpoints"]
    assert_nothing_is_lost(checkpoints, error)


@pytest.mark.parametrize(
    "reason",
    [
        "RESOURCE_EXHAUSTED: Error writing 'a': No space left on device [os_error_code='28']",
        "Failed to write: [OS error 28: ENOSPC No space left on device]",
    ],
)
def test_a_disk_that_another_process_fills_meanwhile(tmp_path, monkeypatch, reason):
    checkpoints = saved(tmp_path)

    def fill(self, folder, args):
        folder.mkdir()
        (folder / "half").touch()
        raise ValueError(reason)

    with monkeypatch.context() as patch:
        patch.setattr(training._arrays.ocp.Checkpointer, "save", fill)
        with pytest.raises(OSError, match="No space left") as error:
            checkpoints.save(after(3))
    error.value.filename = error.value.filename.removesuffix("/arrays")
    assert_nothing_is_lost(checkpoints, error)


def test_another_error_of_orbax_is_not_called_a_full_disk(tmp_path, monkeypatch):
    def fail(self, folder, args):
        raise ValueError("bad sharding")

    monkeypatch.setattr(training._arrays.ocp.Checkpointer, "save", fail)
    with pytest.raises(ValueError, match="bad sharding"):
        training.Checkpoints(tmp_path, {}).start(after(0))
    assert not list((tmp_path / "checkpoints").iterdir())


@pytest.mark.parametrize("moment", ["rename", "manifest", "arrays"])
def test_a_save_that_breaks_off_is_no_checkpoint(tmp_path, monkeypatch, moment):
    checkpoints = saved(tmp_path)
    broken = {
        "rename": (os, "replace"),
        "manifest": (training.checkpoint.files, "write_checksums"),
        "arrays": (training.checkpoint.json, "dumps"),
    }[moment]

    def power_cut(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(*broken, power_cut)
        with pytest.raises(KeyboardInterrupt):
            checkpoints.save(after(3))
    assert names_in(tmp_path / "checkpoints") == [
        "00000000",
        "00000001",
        "00000002",
    ]
    assert_same_bits(checkpoints.restore(odd_state()).state, odd_state(2))
    checkpoints.save(after(3))
    assert names_in(tmp_path / "checkpoints") == [
        "00000001",
        "00000002",
        "00000003",
    ]


def test_a_kill_at_any_moment_leaves_a_whole_checkpoint(tmp_path):
    script = """
        import sys
        from cnn_jax import training
        from tests.training.test_checkpoint import CONFIG, after
        checkpoints, epoch = training.Checkpoints(sys.argv[1], CONFIG), 0
        while True:
            checkpoints.save(after(epoch))
            epoch += 1
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2]) as process:
        while not (tmp_path / "checkpoints" / "00000003").exists():
            assert process.poll() is None
            time.sleep(0.02)
        time.sleep(time.time() % 0.2)  # any moment of the next saves
        process.send_signal(signal.SIGKILL)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing is damaged, only unfinished
        state, history = parts(training.Checkpoints(tmp_path, CONFIG).restore(odd_state()))
    assert len(history) >= 3
    assert history == HISTORY[: len(history)]
    assert_same_bits(state, odd_state(len(history)))
