"""The binary files of CIFAR: for each image its labels, a byte each, then its three planes.

References:
    A. Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar.html, section "Binary version".
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from .._errors import DamagedFileError
from .._found import Found
from .archives import Member, tar_members

SIDE = 32
PIXELS = 3 * SIDE * SIDE  # bytes of an image


def reader(
    archive: str, members: Mapping[str, Sequence[str]], labels: Sequence[str]
) -> Callable[[Found, str], dict[str, np.ndarray]]:
    """Return the function that reads one split out of a gzipped tar archive.

    Args:
        archive: its name.
        members: for each split the names of its files in the archive, in their order.
        labels: the names of the labels in front of each image, in their order.

    Returns:
        A function of `Found` and a split, which returns ``image`` uint8 (n, 32, 32, 3) and the
        labels, int32 (n,), by name.

    Example:
        >>> read = reader("pets.tar.gz", {"train": ["pets/train.bin"]}, ["label"])
    """

    def read_split(found: Found, split: str) -> dict[str, np.ndarray]:
        files = tar_members(found.files[archive], members[split], remedy=found.remedy)
        parts = [read(files[name], labels, remedy=found.remedy) for name in members[split]]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    return read_split


def read(file: Member, labels: Sequence[str], *, remedy: str) -> dict[str, np.ndarray]:
    """Read one file.

    Args:
        file: its content is used.
        labels: the names of the labels in front of each image, in their order.
        remedy: one sentence for the error message: what the user can do about a bad file.

    Returns:
        ``image`` uint8 (n, 32, 32, 3) and the labels, int32 (n,), by name.

    Raises:
        DamagedFileError: it does not hold a whole number of images.

    Example:
        >>> from pathlib import Path
        >>> content = bytes([7]) + bytes(1024) + bytes([255]) * 1024 + bytes(1024)  # green
        >>> green = read(Member(Path("a.tar.gz"), "test.bin", content), ["label"], remedy="")
        >>> green["label"], green["image"][0, 31, 31]
        (array([7], dtype=int32), array([  0, 255,   0], dtype=uint8))
    """
    record = len(labels) + PIXELS
    if not file.content or len(file.content) % record:
        raise DamagedFileError(
            f"{file} must hold {record} bytes for each image; it has {len(file.content)}. {remedy}"
        )
    table = np.frombuffer(file.content, np.uint8).reshape(-1, record)
    planes = table[:, len(labels) :].reshape(-1, 3, SIDE, SIDE)
    arrays = {"image": np.ascontiguousarray(planes.transpose(0, 2, 3, 1))}
    return arrays | {name: table[:, i].astype(np.int32) for i, name in enumerate(labels)}
