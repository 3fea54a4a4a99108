"""`Source`: one split of a set, example by example."""

import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, SupportsIndex

from cnn_jax import arguments

from .._info import Info

Example = dict[str, Any]


class Records(Protocol):
    """What a `Source` reads: picklable, so that worker processes can have it.

    Example:
        >>> def first(records: Records) -> Example:
        ...     return records.read([0])[0]
    """

    def __len__(self) -> int: ...

    def read(self, indices: list[int]) -> list[Example]:
        """Read and decode the records of these indices, each in [0, len(self)).

        Raises:
            DamagedFileError: a record cannot be read; the message names it.
        """
        ...

    def place(self, index: int) -> str:
        """Say where a record lies, for an error message: "picture /data/cat/3.png"."""
        ...


@dataclass(frozen=True, eq=False, repr=False)
class Source:
    """The examples of one split, by their index; each is read and decoded when it is asked for.

    It can be pickled and sent to worker processes. `grain` and PyTorch's loaders take it as it is;
    start their workers by "spawn", as neither JAX nor TFDS's files bear a fork.

    Attributes:
        info: the facts about the set.
        split: the split's name.
        records: where the examples come from.

    Example:
        >>> from cnn_jax import data
        >>> test = data.source("fashion_mnist_small", "test")
        >>> test
        Source(fashion_mnist_small, test: 1000 examples, 10 classes)
        >>> example = test[-1]
        >>> example["image"].shape, example["label"]
        ((28, 28, 1), np.int32(7))
    """

    info: Info
    split: str
    records: Records

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes that ``label`` numbers."""
        return self.info.classes

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: SupportsIndex) -> Example:
        """Read the example of one index; a negative one counts from the end.

        Returns:
            ``image`` uint8 (height, width, channels), or float32 (length, channels) if it is a
            signal; ``label`` int32; and what else the set has.

        Raises:
            TypeError: ``index`` is no int.
            IndexError: there is no such example.
            DamagedFileError: it is damaged; the message names its file.
            RuntimeError: a forked process cannot read this set; the message says how else to start.
        """
        return self.records.read([self._checked(index)])[0]

    def __getitems__(self, indices: Iterable[SupportsIndex]) -> list[Example]:
        """Read several examples at once, which is faster; loaders call it."""
        return self.records.read([self._checked(index) for index in indices])

    def __iter__(self) -> Iterator[Example]:
        for index in range(len(self)):
            yield self[index]

    def __repr__(self) -> str:
        return (
            f"Source({self.info.name}, {self.split}: {len(self)} examples, "
            f"{len(self.classes)} classes)"
        )

    def _checked(self, index: SupportsIndex) -> int:
        try:
            number = operator.index(index)
        except TypeError:
            raise TypeError(f"`index` must be an int; got {arguments.shown(index)}.") from None
        if not -len(self) <= number < len(self):
            raise IndexError(
                f"`index` must be below {len(self)}, the number of examples of the "
                f"{self.split} split of {self.info.name}; got {arguments.shown(number)}."
            )
        return number % len(self)
