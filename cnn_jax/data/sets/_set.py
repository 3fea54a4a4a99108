"""`Set`: the facts about a set, where its original files are, and how to read them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .._errors import DamagedFileError
from .._found import Found
from .._info import Info


class Original(NamedTuple):
    """A file as its authors published it.

    Attributes:
        name: it follows the set's ``url``.
        size: in bytes.
        sha256: in hexadecimal.

    Example:
        >>> Original("train.bin", 3, "ba78...").size
        3
    """

    name: str
    size: int
    sha256: str


class Debian(NamedTuple):
    """A Debian package that installs the originals, and the folder it installs them in.

    Example:
        >>> Debian("dataset-pets", Path("/usr/share/datasets/pets")).package
        'dataset-pets'
    """

    package: str
    folder: Path


Arrays = dict[str, np.ndarray]
"""``image`` uint8 (n, height, width, channels) and labels, int32 (n,), by name."""


@dataclass(frozen=True)
class Set:
    """A set that is prepared from its original files.

    Attributes:
        info: what there is in it. What `read` returns must agree with it.
        url: where the originals are, with its final slash.
        originals: the files.
        read: takes the originals and a split, and returns its arrays. It raises `DamagedFileError`
            where a file is not as it should be.
        checks_content: whether `read` compares the unzipped content with a checksum of its own.
            Then a file in a folder may be zipped anew, and its own checksum is not compared.
        debian: the package that has the originals, if there is one.

    Example:
        >>> from cnn_jax.data.sets import SETS
        >>> SETS["mnist"].originals[1].name
        'train-labels-idx1-ubyte.gz'
    """

    info: Info
    url: str
    originals: tuple[Original, ...]
    read: Callable[[Found, str], Arrays]
    checks_content: bool = False
    debian: Debian | None = None

    @property
    def files(self) -> str:
        """ "the four files of Fashion-MNIST", for error messages."""
        number = {1: "file", 2: "two files", 4: "four files"}[len(self.originals)]
        return f"the {number} of {self.info.title}"

    def arrays(self, found: Found, split: str) -> Arrays:
        """Read one split, and compare it with the facts.

        Args:
            found: the original files.
            split: one of ``info.splits``.

        Returns:
            ``image`` uint8 (n, height, width, channels) and the labels, int32 (n,), by name.

        Raises:
            DamagedFileError: a file is damaged, or does not hold what it should.
        """
        arrays = self.read(found, split)
        shape = (self.info.counts[split], *self.info.shape)
        if arrays["image"].shape != shape:
            raise DamagedFileError(
                f"{self._names(found)}: the {split} split has images of shape "
                f"{arrays['image'].shape}, not {shape}. {found.remedy}"
            )
        for name, classes in self.info.labels.items():
            labels = arrays[name]
            if labels.shape != shape[:1] or labels.min() < 0 or labels.max() >= len(classes):
                raise DamagedFileError(
                    f"{self._names(found)}: the {split} split must have {shape[0]} numbers below "
                    f"{len(classes)} as `{name}`. {found.remedy}"
                )
        return arrays

    def _names(self, found: Found) -> str:
        return ", ".join(str(found.files[original.name]) for original in self.originals)
