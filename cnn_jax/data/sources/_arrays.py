"""Records that are arrays in memory."""

from collections.abc import Mapping

import numpy as np

from ._source import Example


class ArrayRecords:
    """Examples out of arrays whose first axes have the same length.

    Args:
        arrays: by name: ``image`` (n, height, width, channels), ``label`` (n,).
        name: of the set, for error messages.

    Example:
        >>> arrays = {"image": np.zeros((2, 4, 4, 1), np.uint8), "label": np.array([3, 1])}
        >>> ArrayRecords(arrays, "pets").read([1])[0]["label"]
        np.int64(1)
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], name: str):
        self.arrays = dict(arrays)
        self.name = name

    def __len__(self) -> int:
        return len(self.arrays["label"])

    def read(self, indices: list[int]) -> list[Example]:
        """Return these examples; their arrays are the caller's own."""
        return [
            {name: array[index].copy() for name, array in self.arrays.items()} for index in indices
        ]

    def place(self, index: int) -> str:
        """Say where a record lies."""
        return f"example {index} of {self.name}"
