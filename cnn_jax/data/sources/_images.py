"""Records that are image files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import UnidentifiedImageError

from .._errors import DamagedFileError
from ._pictures import FORMATS, decode
from ._source import Example


class ImageRecords:
    """Examples that are files of one picture each, decoded when they are read.

    Args:
        root: the folder that they lie in.
        files: their paths in it.
        labels: the number of each file's class.

    Example:
        >>> records = ImageRecords(Path("/data/pets"), ["cat/1.jpg", "dog/1.jpg"], [0, 1])
        >>> records.place(1)
        'picture /data/pets/dog/1.jpg'
    """

    def __init__(self, root: Path, files: Sequence[str], labels: Sequence[int]):
        self.root = root
        self.files = tuple(files)
        self.labels = np.asarray(labels, np.int32)

    def __len__(self) -> int:
        return len(self.files)

    def read(self, indices: list[int]) -> list[Example]:
        """Decode these files: ``image`` uint8 (height, width, 3), and ``label``."""
        return [{"image": self._image(index), "label": self.labels[index]} for index in indices]

    def place(self, index: int) -> str:
        """Say where a record lies."""
        return f"picture {self.root / self.files[index]}"

    def _image(self, index: int) -> np.ndarray:
        try:
            return decode(self.root / self.files[index])
        except MemoryError:
            raise
        except Exception as error:  # each of Pillow's decoders has its own
            raise DamagedFileError(
                f"{self.place(index)} cannot be decoded ({_reason(error)}). Replace or delete it."
            ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return f"it is none of {', '.join(FORMATS)}"
    system = error.strerror if isinstance(error, OSError) else None  # "Permission denied"
    return system or str(error).partition("\n")[0] or type(error).__name__
