"""Checkpoints: Orbax writes the arrays, and our SHA-256 checksums show which are complete.

The folder of a run holds::

    checkpoints/00000092/arrays/       the state's arrays by name, written by Orbax
    checkpoints/00000092/run.json      step, config, shapes, data, the record of every epoch so far
    checkpoints/00000092/SHA256SUMS    their checksums (`sha256sum -c` reads it), written last
    weights.safetensors                the newest weights, for any program: see `weights`

A checkpoint is named by its step, and gets its name by a rename when all of it is written. A
process that is killed in between leaves a folder `00000092.....partial`, which the next save
deletes.
"""

import json
import os
import shutil
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from cnn_jax import arguments, files

from . import _arrays
from ._checks import check_type
from ._leaves import by_name, differences, shapes, some
from .hosts import fetch
from .record import Best, Progress
from .weights import write_weights


class CheckpointError(RuntimeError):
    """A checkpoint is missing, damaged, of another run, or another process writes there."""


class Checkpoints:
    """The checkpoints of one run, and its weights, in the run's folder.

    Over several hosts the folder must be one that all of them see; the first one writes.

    Args:
        folder: of the run; made when it is first needed.
        config: what must be the same when the run is continued, by name, in values that JSON can
            hold. Leave out what may change, such as the number of epochs if no schedule depends on
            it.
        keep: how many of the newest to keep; older ones are deleted.
        best: which epoch's checkpoint to keep besides, with its weights in
            `weights_best.safetensors`; None keeps none.

    Raises:
        TypeError: `folder` is no path, `config` is no mapping or holds something that JSON cannot,
            `keep` is no int, or `best` no `Best`.
        ValueError: `config` holds NaN or infinity, or `keep` is under 1.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        config: Mapping[str, Any],
        *,
        keep: int = 3,
        best: Best | None = None,
    ):
        if not isinstance(folder, str | os.PathLike):
            raise TypeError(f"`folder` must be a path; got {arguments.shown(folder)}.")
        if not isinstance(config, Mapping):
            raise TypeError(
                f"`config` must be a mapping of names to values; got {arguments.shown(config)}."
            )
        try:
            self.config = _as_json(config)
        except (TypeError, ValueError, RecursionError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"`config` must be what JSON can hold; {error}.") from error
        self.directory = Path(folder)
        self.keep = arguments.integer("keep", keep, at_least=1)
        if best is not None:
            check_type("best", best, Best, "training.Best or None")
        self.best = best
        self._writing: Writing | None = None

    def folder(self, step: int) -> Path:
        """Return the folder of the checkpoint after `step` steps."""
        arguments.integer("step", step, at_least=0)
        return self.directory.resolve() / "checkpoints" / f"{step:08d}"

    def steps(self) -> list[int]:
        """Return the steps that have a checkpoint, damaged ones included, oldest first."""
        directory = self.directory / "checkpoints"
        folders = directory.iterdir() if directory.is_dir() else ()
        names = [path.name for path in folders if path.name.isdecimal()]
        return sorted(int(name) for name in names if name == f"{int(name):08d}")

    def lock(self) -> files.Lock | None:
        """Keep other processes from training in this folder, until the result is released.

        Of several hosts only the first one holds it.

        Raises:
            CheckpointError: another one does.
        """
        if jax.process_index():
            return None
        self.directory.mkdir(parents=True, exist_ok=True)
        try:
            return files.lock(self.directory / ".lock")
        except files.Locked as error:
            raise CheckpointError(
                f"Another process trains in {self.directory} ({error}). Wait until it has ended, "
                "or choose another folder."
            ) from error

    def start(self, progress: Progress) -> None:
        """Save the initial state of a new run.

        Raises:
            CheckpointError: the folder holds checkpoints already.
        """
        if jax.process_index() == 0 and (steps := self.steps()):
            raise CheckpointError(
                f"{self.directory} holds the checkpoints of a run, up to step {steps[-1]}. "
                "Resume it, or choose another folder."
            )
        self.save(progress)

    def save(self, progress: Progress) -> None:
        """Save where a run stands, and delete checkpoints that are not kept.

        These are the ones older than the `keep` newest, but for the best, and those of later steps,
        which `restore` skipped as damaged.

        Raises:
            OSError: the disk is full, or cannot be written. The error names the new checkpoint;
                nothing of it is left, and earlier checkpoints are untouched.
            TypeError: `progress` is no `Progress`.
        """
        self.save_later(progress)
        self.wait()

    def save_later(self, progress: Progress) -> None:
        """Save as `save` does, in the background: the state is copied now.

        Raises:
            OSError: an earlier one could not be written.
        """
        check_type("progress", progress, Progress, "a training.Progress")
        self.wait()
        if self.best is not None and progress.history:
            self.best.of(progress.history)  # a wrong name is found here, not in the background
        state = fetch(progress.state)
        if jax.process_index() == 0:
            # A copy: the arrays' own memory is taken by the next step.
            state = jax.tree.map(lambda array: np.array(array, copy=True), state)
            self._writing = Writing(self._write, progress, state)

    def wait(self) -> None:
        """Wait until what `save_later` was given is written.

        Raises:
            OSError: it cannot be.
        """
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.join()
            if writing.error is not None:
                raise writing.error

    def _write(self, progress: Progress, state: Any) -> None:
        arrays, step = by_name(state), int(state.step)
        folder = self.folder(step)
        folder.parent.mkdir(parents=True, exist_ok=True)
        for leftover in folder.parent.glob("[0-9]*.partial"):
            shutil.rmtree(leftover)
        files.require_space(folder, _arrays.size(arrays))
        about = {
            "step": step,
            "epoch": progress.epoch,
            "config": self.config,
            "data": dict(progress.data),
            "arrays": shapes(state),
            "partial": progress.partial,
            "history": progress.history,
        }
        if folder.is_symlink() or folder.is_file():
            folder.unlink()
        with files.replacing_folder(folder) as partial:
            _arrays.write(partial / "arrays", arrays)
            (partial / "run.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
            files.write_checksums(partial)
        best = self.best.of(progress.history) if self.best else None
        earlier = [other for other in self.steps() if other <= step]
        kept = {*earlier[-self.keep :], best["step"] if best else step}
        for other in set(self.steps()) - kept:
            _remove(self.folder(other))
        write_weights(self.directory, state, best=bool(best and best["step"] == step))

    def restore(self, state: Any) -> Progress:
        """Return where the run stands: its newest checkpoint that is complete.

        If a checkpoint is damaged, a warning names it, and the one before it is tried.

        Args:
            state: of the same model and optimizer, such as `init` returns, on any devices; its
                values are not used.

        Returns:
            The progress, with the exact bits that were saved: given it, `fit` continues the run.

        Raises:
            CheckpointError: there is no checkpoint, none is complete, or the newest complete one
                was made with another config, model or optimizer; the message names what differs.
        """
        self.wait()
        damaged = []
        for step in reversed(self.steps()):
            folder = self.folder(step)
            found = files.damage(folder)
            if not found:
                try:
                    return self._read(folder, state)
                except _arrays.Damaged as error:
                    found = [str(error)]
            damaged.append(f"{folder} ({some(found)})")
            if jax.process_index() == 0:
                warnings.warn(
                    f"The checkpoint {damaged[-1]} is damaged; trying the one before it. "
                    "It will be replaced when the run gets there.",
                    stacklevel=2,
                )
        if damaged:
            raise CheckpointError(
                f"No checkpoint is complete: {'; '.join(damaged)}. Put back a copy of one of these "
                "folders, or delete them and start the run again."
            )
        raise CheckpointError(
            f"There is no checkpoint in {self.directory}. "
            "Is it the folder of the run? If nothing was saved yet, start the run anew."
        )

    def _read(self, folder, state):
        about = _about(folder / "run.json")
        _check_same("config", self.config, about["config"], folder)
        _check_same("model or optimizer", shapes(state), about["arrays"], folder)
        expected = by_name(state)
        arrays = _arrays.read(folder / "arrays", expected)
        leaves = [_arrays.placed(arrays[name], like) for name, like in expected.items()]
        state = jax.tree.unflatten(jax.tree.structure(state), leaves)
        return Progress(state, tuple(about["history"]), about["partial"], about["data"])


class Writing(threading.Thread):
    """A thread that writes one checkpoint, and the error that ended it."""

    def __init__(self, function: Any, *arguments: Any):
        super().__init__(daemon=False)
        self.call, self.error = (function, arguments), None
        self.start()

    def run(self) -> None:
        """Write."""
        function, arguments = self.call
        try:
            function(*arguments)
        except BaseException as error:  # raised by `wait`, in the thread that trains
            self.error = error


def _about(file: Path) -> dict[str, Any]:
    """What run.json says, checked to be of the right kinds."""
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        kinds = {"config": dict, "data": dict, "arrays": dict, "partial": dict, "history": list}
        right = all(isinstance(about[name], kind) for name, kind in kinds.items())
        if right and all(isinstance(record, dict) for record in about["history"]):
            return about
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    raise _arrays.Damaged(f"{file.name} is none of a run")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _check_same(what: str, here: Mapping[str, Any], there: Mapping[str, Any], folder: Path) -> None:
    if found := differences(here, there):
        raise CheckpointError(
            f"{folder} was made with another {what}: {some(found)}. "
            "Resume with what it was made with, or choose another folder."
        )


def _as_json(config: Mapping[str, Any]) -> dict[str, Any]:
    """`config` as it is read back from a JSON file, which turns tuples into lists."""
    return json.loads(json.dumps(dict(config), allow_nan=False))
