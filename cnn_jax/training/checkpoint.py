"""Checkpoints that are whole or known not to be: Orbax's arrays under a SHA-256 manifest of ours.

A directory of checkpoints holds one folder per epoch, named by its number::

    000012/arrays/       the state's arrays by name, written by Orbax
    000012/run.json      epoch, step, config, shapes, and the record of every epoch so far
    000012/SHA256SUMS    the sums of all these files (`sha256sum -c` reads it), written last

A folder gets its name by a rename when all of it is written, so a kill leaves `000012.partial`.
"""

import dataclasses
import json
import os
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

from cnn_jax import files

from ._checks import check_int
from .record import EpochRecord
from .state import TrainState


class CheckpointError(RuntimeError):
    """A checkpoint is missing, damaged, or of another run."""


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one run, in one directory.

    Args:
        directory: where; made when first needed.
        config: what must be the same when the run is continued, as far as JSON can hold it. Leave
            out what may change, such as the number of epochs if no schedule depends on it.
        keep: how many of the newest to keep; older ones are deleted.

    Raises:
        TypeError: `config` holds something that JSON cannot, or `keep` is no int.
        ValueError: `keep` is under 1.
    """

    directory: str | os.PathLike[str]
    config: Mapping[str, Any]
    keep: int = 3

    def __post_init__(self):
        check_int("keep", self.keep, at_least=1)
        try:
            json.dumps(self.config)
        except (TypeError, ValueError) as error:
            raise TypeError(f"`config` must be what JSON can hold; {error}.") from error

    def folder(self, epoch: int) -> Path:
        """Return the folder of the checkpoint after `epoch` epochs."""
        return Path(self.directory).resolve() / f"{epoch:06d}"

    def epochs(self) -> list[int]:
        """Return the epochs that have a checkpoint, whole or not, oldest first."""
        directory = Path(self.directory)
        folders = directory.iterdir() if directory.is_dir() else ()
        return sorted(int(path.name) for path in folders if path.name.isdecimal())

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
        """Save the state after `len(history)` epochs, and delete what is not to be kept.

        Deleted are checkpoints older than the `keep` newest, and any of later epochs: `restore`
        passed over those because they are damaged.
        """
        arrays = _by_name(jax.device_get(state))
        folder = self.folder(len(history))
        partial = folder.with_name(f"{folder.name}.partial")
        partial.parent.mkdir(parents=True, exist_ok=True)
        for leftover in partial.parent.glob("[0-9]*.partial"):
            shutil.rmtree(leftover)
        partial.mkdir()
        with _orbax() as checkpointer:
            checkpointer.save(partial / "arrays", args=ocp.args.StandardSave(arrays))
        about = {
            "epoch": len(history),
            "step": int(state.step),
            "config": self.config,
            "arrays": _shapes(arrays),
            "history": [dataclasses.asdict(record) for record in history],
        }
        (partial / "run.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
        files.write_checksums(partial)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(partial, folder)
        earlier = [epoch for epoch in self.epochs() if epoch <= len(history)]
        for epoch in set(self.epochs()) - set(earlier[-self.keep :]):
            shutil.rmtree(self.folder(epoch))

    def restore(self, state: TrainState) -> tuple[TrainState, tuple[EpochRecord, ...]]:
        """Return the newest state that is whole, and the records of the epochs that led to it.

        A damaged checkpoint is named in a warning, and the next older one is used.

        Args:
            state: of the same model and optimizer, such as `init` returns; its values are not used.

        Returns:
            The state, with the exact bits that were saved, and one record per epoch: give both to
            `fit` and it goes on from there.

        Raises:
            CheckpointError: there is no checkpoint, none is whole, or the newest that is was made
                with another config, model or optimizer; the message names what differs.
        """
        damaged = []
        for epoch in reversed(self.epochs()):
            folder = self.folder(epoch)
            if damage := files.damage(folder):
                damaged.append(f"{folder} ({_some(damage)})")
                warnings.warn(
                    f"The checkpoint {damaged[-1]} is damaged; trying the one before it. "
                    "It will be replaced when the run gets there.",
                    stacklevel=2,
                )
                continue
            return self._read(folder, state)
        if damaged:
            raise CheckpointError(
                f"No checkpoint is whole: {'; '.join(damaged)}. Put back a copy of one of these "
                "folders, or delete them and start the run again."
            )
        raise CheckpointError(
            f"There is no checkpoint in {Path(self.directory)}. "
            "Is it the directory of the run? If nothing was saved yet, start the run anew."
        )

    def _read(self, folder, state):
        about = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        expected = _by_name(state)
        self._check_same("config", json.loads(json.dumps(self.config)), about["config"], folder)
        self._check_same("model or optimizer", _shapes(expected), about["arrays"], folder)
        targets = {name: np.empty(a.shape, a.dtype) for name, a in expected.items()}
        with _orbax() as checkpointer:
            arrays = checkpointer.restore(folder / "arrays", args=ocp.args.StandardRestore(targets))
        leaves = [_placed(arrays[name], like) for name, like in expected.items()]
        history = tuple(EpochRecord(**record) for record in about["history"])
        return jax.tree.unflatten(jax.tree.structure(state), leaves), history

    @staticmethod
    def _check_same(what, here, there, folder):
        missing = "absent"
        differing = [
            f"{name} is {here.get(name, missing)} here and {there.get(name, missing)} there"
            for name in {**here, **there}
            if here.get(name, missing) != there.get(name, missing)
        ]
        if differing:
            raise CheckpointError(
                f"{folder} was made with another {what}: {_some(differing)}. "
                "Resume with what it was made with, or choose another directory."
            )


def _orbax() -> ocp.Checkpointer:
    return ocp.Checkpointer(ocp.StandardCheckpointHandler())


def _by_name(state) -> dict[str, Any]:
    """The leaves of a state as `params.conv1.kernel` and so on, in the order of its leaves."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(state)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def _shapes(arrays) -> dict[str, str]:
    return {name: f"{array.dtype}{list(array.shape)}" for name, array in arrays.items()}


def _placed(array, like):
    """Put a restored array where `like` is: on several devices, or wherever JAX puts a new one."""
    array = jnp.array(array)
    return jax.device_put(array, like.sharding) if len(like.sharding.device_set) > 1 else array


def _some(items: list[str]) -> str:
    return ", ".join(items[:5]) + (f", and {len(items) - 5} more" if len(items) > 5 else "")
