"""Records in array_record files, as TFDS prepares them."""

import os
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .._errors import DamagedFileError
from ._source import Example

_lost_to_a_fork = False


def _note_the_fork() -> None:
    """In a forked process array_record waits for threads that only its parent has, or crashes."""
    global _lost_to_a_fork
    _lost_to_a_fork = "array_record.python.array_record_module" in sys.modules


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_note_the_fork)


class PreparedRecords:
    """The examples of one split in a folder that TFDS has prepared, decoded by its features.

    The files are opened when they are first read, by each process for itself: a pickled copy comes
    without the reader. A forked process cannot read them after its parent has read some, so start
    workers by "spawn" or "forkserver".

    Args:
        folder: the prepared version of a set, ``NAME/1.0.0``, with its ``features.json``.
        split: a split that it has.
        remedy: one sentence for the error message: what the user can do about a bad file.

    Example:
        >>> PreparedRecords(Path("/nowhere/pets/1.0.0"), "train", "Copy it again.").place(3)
        'record 3 of the train split in /nowhere/pets/1.0.0'
    """

    def __init__(self, folder: Path, split: str, remedy: str):
        self.folder = folder
        self.split = split
        self.remedy = remedy

    @cached_property
    def _builder(self) -> Any:
        import tensorflow_datasets as tfds

        return tfds.builder_from_directory(self.folder)

    @cached_property
    def _opened(self) -> Any:
        return self._builder.as_data_source(self.split)

    @cached_property
    def _labels(self) -> list[str]:
        """The features that are labels: TFDS stores them as int64."""
        import tensorflow_datasets as tfds

        features = self._builder.info.features
        return [k for k, f in features.items() if isinstance(f, tfds.features.ClassLabel)]

    def __len__(self) -> int:
        return self._builder.info.splits[self.split].num_examples

    def read(self, indices: list[int]) -> list[Example]:
        """Read and decode these examples; labels are int32, all else is as TFDS decodes it.

        Raises:
            DamagedFileError: a record cannot be read; the message names it.
            RuntimeError: this process is forked from one that had read or written such files.
        """
        if _lost_to_a_fork:
            raise RuntimeError(
                "A forked process cannot read array_record files after its parent has read or "
                'written some. Start workers by "spawn" or "forkserver" instead: PyTorch\'s '
                'DataLoader takes multiprocessing_context="spawn".'
            )
        opened = self._opened
        try:
            # One record without the reader's threads: with them it would take ten times as long.
            one = len(indices) == 1
            examples = [opened[indices[0]]] if one else opened.__getitems__(indices)
        except Exception as error:  # of the file's reader, of protobuf, of an image's decoder
            raise self._damaged(indices, error) from error
        for example in examples:
            for name in self._labels:
                example[name] = np.int32(example[name])
        return examples

    def place(self, index: int) -> str:
        """Say where a record lies."""
        return f"record {index} of the {self.split} split in {self.folder}"

    def _damaged(self, indices: list[int], error: Exception) -> DamagedFileError:
        if len(indices) > 1:  # find the one that is
            for index in indices:
                try:
                    self._opened[index]
                except Exception as itself:
                    return self._damaged([index], itself)
        reason = str(error).partition("\n")[0] or type(error).__name__
        return DamagedFileError(f"{self.place(indices[0])} is damaged ({reason}). {self.remedy}")

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "split": self.split, "remedy": self.remedy}
