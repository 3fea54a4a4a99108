"""What a file of arrays holds, as its readers say it before any array is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Stored:
    """An array of a file.

    Attributes:
        shape: by the file's header.
        dtype: by the header; NumPy's name, such as ``"float32"``, or the file's if NumPy has none.
        read: reads the array.

    Example:
        >>> Stored((2,), "float64", read=lambda: np.zeros(2)).read()
        array([0., 0.])
    """

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], np.ndarray]


@dataclass(frozen=True)
class ArrayFile:
    """An open file of arrays.

    Attributes:
        path: of the file.
        arrays: by name; none is read yet.
        metadata: texts by name, without the checksum.

    Example:
        >>> ArrayFile(Path("empty.npz"), {}).metadata
        {}
    """

    path: Path
    arrays: Mapping[str, Stored]
    metadata: Mapping[str, str] = field(default_factory=dict)


class Damaged(Exception):
    """A file does not hold what it should."""
