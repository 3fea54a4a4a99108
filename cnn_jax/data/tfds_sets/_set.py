"""`TfdsSet`: a set that TFDS has prepared on disk."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .._errors import DamagedFileError
from .._info import Info
from ..sources import PreparedRecords, Records
from ._facts import facts_of

READABLE = "array_record"
REMEDY = "Prepare it anew, or copy it again."


def knows(name: str) -> bool:
    """Tell whether TFDS could prepare a set of this name, config and version aside.

    Example:
        >>> knows("coco/2017"), knows("zebra")
        (True, False)
    """
    import tensorflow_datasets as tfds

    known = tfds.list_builders(with_community_datasets=False)
    return name.partition("/")[0].partition(":")[0] in known


def how_to_prepare(name: str, folder: Path) -> str:
    """Say how to prepare a set, which takes TensorFlow.

    Example:
        >>> how_to_prepare("coco/2017", Path("/data")).rpartition(", ")[2]
        'and copy the folder coco to /data.'
    """
    return (
        f"TFDS prepares it with TensorFlow, and without it is read: run `pip install tensorflow "
        f"tensorflow-datasets` and `tfds build {name} --file_format={READABLE}` in another "
        f"environment or on any machine, and copy the folder "
        f"{name.partition('/')[0].partition(':')[0]} to {folder}."
    )


@dataclass(frozen=True)
class TfdsSet:
    """A set that TFDS has prepared, in a folder that has been found.

    Attributes:
        name: as the user wrote it.
        place: the folder of one version.

    Example:
        >>> TfdsSet("pets", Path("/nowhere/pets/1.0.0")).info(None)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        cnn_jax.data._errors.DamagedFileError: /nowhere/pets/1.0.0 cannot be read as a set that ...
    """

    name: str
    place: Path

    def info(self, folder: Path | None) -> Info:
        """Tell the facts."""
        return facts_of(self.name, self._builder.info)

    def open(self, split: str, folder: Path | None) -> Records:
        """Open one split.

        Raises:
            ValueError: the set is prepared in another format than array_record.
        """
        found = self._builder.info
        formats = {each.value for each in found.available_file_formats()}
        if READABLE not in formats:
            raise ValueError(
                f"{self.place} must be in the format {READABLE}; it is in "
                f"{' and '.join(sorted(formats)) or 'none'}. Where TensorFlow is installed, run "
                f"`tfds convert_format --dataset_version_dir={self.place} "
                f"--out_file_format={READABLE}`, which adds it."
            )
        return PreparedRecords(self.place, split, REMEDY)

    @cached_property
    def _builder(self) -> Any:
        import tensorflow_datasets as tfds

        try:
            return tfds.builder_from_directory(self.place)
        except Exception as error:  # of JSON, of protobuf, of TFDS
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            raise DamagedFileError(
                f"{self.place} cannot be read as a set that TFDS has prepared ({reason}). {REMEDY}"
            ) from error
