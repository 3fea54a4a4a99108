"""Checkpoints: Orbax writes the arrays, and our SHA-256 checksums show which are complete.

A directory of checkpoints holds one folder per epoch, named by its number::

    000012/arrays/       the state's arrays by name, written by Orbax
    000012/run.json      epoch, step, config, shapes, and the record of every epoch so far
    000012/SHA256SUMS    the checksums of all these files (`sha256sum -c` reads it), written last

A folder gets its name by a rename when all of it is written. A process that is killed in between
leaves a folder `000012.....partial`, which the next save deletes.
"""

import dataclasses
import errno
import json
import os
import re
import shutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from cnn_jax import arguments, files

from ._checks import check_type
from ._leaves import by_name, differences, shapes, some
from .record import EpochRecord, check_history
from .state import TrainState

# Upper bounds of what Orbax writes besides the arrays' bytes; measured: 38 kB and 0.2 kB per array.
EXTRA_BYTES, EXTRA_BYTES_PER_ARRAY = 2**16, 2**10


class CheckpointError(RuntimeError):
    """A checkpoint is missing, damaged, of another run, or another process writes there."""


class _Damaged(Exception):
    """A checkpoint whose checksums are right is none of a run."""


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one run, in one directory.

    Args:
        directory: where they lie; made when it is first needed.
        config: what must be the same when the run is continued, by name, in values that JSON can
            hold. Leave out what may change, such as the number of epochs if no schedule depends on
            it.
        keep: how many of the newest to keep; older ones are deleted.

    Raises:
        TypeError: `directory` is no path, `config` is no mapping or holds something that JSON
            cannot, or `keep` is no int.
        ValueError: `config` holds NaN or infinity, or `keep` is under 1.
    """

    directory: str | os.PathLike[str]
    config: Mapping[str, Any]
    keep: int = 3

    def __post_init__(self):
        if not isinstance(self.directory, str | os.PathLike):
            raise TypeError(f"`directory` must be a path; got {arguments.shown(self.directory)}.")
        if not isinstance(self.config, Mapping):
            raise TypeError(
                f"`config` must be a mapping of names to values; got "
                f"{arguments.shown(self.config)}."
            )
        arguments.integer("keep", self.keep, at_least=1)
        try:
            _as_json(self.config)
        except (TypeError, ValueError, RecursionError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"`config` must be what JSON can hold; {error}.") from error

    def folder(self, epoch: int) -> Path:
        """Return the folder of the checkpoint after `epoch` epochs."""
        arguments.integer("epoch", epoch, at_least=0)
        return Path(self.directory).resolve() / f"{epoch:06d}"

    def epochs(self) -> list[int]:
        """Return the epochs that have a checkpoint, damaged ones included, oldest first."""
        directory = Path(self.directory)
        folders = directory.iterdir() if directory.is_dir() else ()
        names = [path.name for path in folders if path.name.isdecimal()]
        return sorted(int(name) for name in names if name == f"{int(name):06d}")

    def lock(self) -> files.Lock:
        """Keep other processes from training in this directory, until the result is released.

        Raises:
            CheckpointError: another one does.
        """
        directory = Path(self.directory)
        directory.mkdir(parents=True, exist_ok=True)
        try:
            return files.lock(directory / ".lock")
        except files.Locked as error:
            raise CheckpointError(
                f"Another process trains in {directory} ({error}). Wait until it has ended, or "
                "choose another directory."
            ) from error

    def start(self, state: TrainState) -> None:
        """Save the initial state of a new run.

        Raises:
            CheckpointError: the directory holds checkpoints already.
        """
        if epochs := self.epochs():
            raise CheckpointError(
                f"{Path(self.directory)} holds the checkpoints of a run, up to epoch {epochs[-1]}. "
                "Resume it, or choose another directory."
            )
        self.save(state, ())

    def save(self, state: TrainState, history: Sequence[EpochRecord]) -> None:
        """Save the state after `len(history)` epochs, and delete checkpoints that are not kept.

        These are the ones older than the `keep` newest, and those of later epochs, which `restore`
        skipped as damaged.

        Raises:
            OSError: the disk is full, or cannot be written. The error names the new checkpoint;
                nothing of it is left, and earlier checkpoints are untouched.
            TypeError: `state` is no `TrainState`, or `history` no sequence of `EpochRecord`.
        """
        check_type("state", state, TrainState, "a TrainState")
        check_history(history)
        arrays = by_name(jax.device_get(state))
        folder = self.folder(len(history))
        folder.parent.mkdir(parents=True, exist_ok=True)
        for leftover in folder.parent.glob("[0-9]*.partial"):
            shutil.rmtree(leftover)
        size = EXTRA_BYTES + sum(a.nbytes + EXTRA_BYTES_PER_ARRAY for a in arrays.values())
        files.require_space(folder, size)
        about = {
            "epoch": len(history),
            "step": int(state.step),
            "config": _as_json(self.config),
            "arrays": shapes(state),
            "history": [dataclasses.asdict(record) for record in history],
        }
        if folder.is_symlink() or folder.is_file():
            folder.unlink()
        with files.replacing_folder(folder) as partial:
            _write_arrays(partial / "arrays", arrays)
            (partial / "run.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
            files.write_checksums(partial)
        earlier = [epoch for epoch in self.epochs() if epoch <= len(history)]
        for epoch in set(self.epochs()) - set(earlier[-self.keep :]):
            _remove(self.folder(epoch))

    def restore(self, state: TrainState) -> tuple[TrainState, tuple[EpochRecord, ...]]:
        """Return the newest state that is complete, and the records of the epochs that led to it.

        If a checkpoint is damaged, a warning names it, and the one before it is tried.

        Args:
            state: of the same model and optimizer, such as `init` returns; its values are not used.

        Returns:
            The state, with the exact bits that were saved, and one record per epoch: given both,
            `fit` continues the run.

        Raises:
            CheckpointError: there is no checkpoint, none is complete, or the newest complete one
                was made with another config, model or optimizer; the message names what differs.
            TypeError: `state` is no `TrainState`.
        """
        check_type("state", state, TrainState, "a TrainState")
        damaged = []
        for epoch in reversed(self.epochs()):
            folder = self.folder(epoch)
            found = files.damage(folder)
            if not found:
                try:
                    return self._read(folder, state)
                except _Damaged as error:
                    found = [str(error)]
            damaged.append(f"{folder} ({some(found)})")
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
            f"There is no checkpoint in {Path(self.directory)}. "
            "Is it the directory of the run? If nothing was saved yet, start the run anew."
        )

    def _read(self, folder, state):
        about = _about(folder / "run.json")
        expected = by_name(state)
        _check_same("config", _as_json(self.config), about["config"], folder)
        _check_same("model or optimizer", shapes(state), about["arrays"], folder)
        targets = {name: np.empty(a.shape, a.dtype) for name, a in expected.items()}
        try:
            with _orbax() as checkpointer:
                restore = ocp.args.StandardRestore(targets)
                arrays = checkpointer.restore(folder / "arrays", args=restore)
            history = tuple(EpochRecord(**record) for record in about["history"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _Damaged(f"it cannot be read: {str(error).splitlines()[0]}") from error
        leaves = [_placed(arrays[name], like) for name, like in expected.items()]
        return jax.tree.unflatten(jax.tree.structure(state), leaves), history


def _about(file: Path) -> dict[str, Any]:
    """What run.json says, checked to be of the right kinds."""
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        kinds = {"config": dict, "arrays": dict, "history": list}
        if all(isinstance(about[name], kind) for name, kind in kinds.items()):
            return about
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    raise _Damaged(f"{file.name} is none of a run")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _check_same(what: str, here: Mapping[str, Any], there: Mapping[str, Any], folder: Path) -> None:
    if found := differences(here, there):
        raise CheckpointError(
            f"{folder} was made with another {what}: {some(found)}. "
            "Resume with what it was made with, or choose another directory."
        )


def _as_json(config: Mapping[str, Any]) -> dict[str, Any]:
    """`config` as it is read back from a JSON file, which turns tuples into lists."""
    return json.loads(json.dumps(dict(config), allow_nan=False))


def _write_arrays(folder: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays by Orbax, whose ValueError holds a system error as text: raise that OSError."""
    try:
        with _orbax() as checkpointer:
            checkpointer.save(folder, args=ocp.args.StandardSave(arrays))
    except ValueError as error:
        code = re.search(r"os_error_code='(\d+)'", str(error))
        if code is None and os.strerror(errno.ENOSPC) not in str(error):
            raise
        number = int(code[1]) if code else errno.ENOSPC
        raise OSError(number, os.strerror(number), str(folder)) from error


def _orbax() -> ocp.Checkpointer:
    return ocp.Checkpointer(ocp.StandardCheckpointHandler())


def _placed(array, like):
    """Shard a restored array as `like` if that is on several devices; else use JAX's default."""
    array = jnp.array(array)
    return jax.device_put(array, like.sharding) if len(like.sharding.device_set) > 1 else array
