"""Records that are image files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .._errors import DamagedFileError
from ._pictures import decode
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
        except FileNotFoundError:
            raise DamagedFileError(f"{self.place(index)} was deleted or renamed.") from None
        except PermissionError:
            raise DamagedFileError(f"{self.place(index)} may not be read.") from None
        except Exception as error:  # each of Pillow's decoders has its own
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise DamagedFileError(
                f"{self.place(index)} is damaged, no picture or too large ({reason}). Replace or "
                f"delete it."
            ) from error
