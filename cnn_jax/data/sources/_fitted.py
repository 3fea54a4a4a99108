"""Records whose images get another size or number of channels when they are read."""

from ._pictures import fit
from ._source import Example, Records


class FittedRecords:
    """The records of another, with ``image`` changed by `fit`.

    Args:
        records: those of the set.
        size: height and width of the images, or None.
        channels: 1, 3 or None.

    Example:
        >>> from cnn_jax import data
        >>> records = data.source("fashion_mnist_small", "test").records
        >>> FittedRecords(records, (32, 32), 3).read([0])[0]["image"].shape
        (32, 32, 3)
    """

    def __init__(self, records: Records, size: tuple[int, int] | None, channels: int | None):
        self.records = records
        self.size = size
        self.channels = channels

    def __len__(self) -> int:
        return len(self.records)

    def read(self, indices: list[int]) -> list[Example]:
        """Read these examples, and change their images."""
        return [
            {**example, "image": fit(example["image"], self.size, self.channels)}
            for example in self.records.read(indices)
        ]

    def place(self, index: int) -> str:
        """Say where a record lies."""
        return self.records.place(index)
