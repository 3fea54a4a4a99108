"""Our sets by name. Every entry can tell its facts and open one split; `REGISTRY` has them all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from . import fashion_mnist, mnist1d
from ._info import Info
from .sets import SETS, Set
from .sources import ArrayRecords, PreparedRecords, Records


class Entry(Protocol):
    """A set that `load` and `source` know.

    Example:
        >>> entry: Entry = REGISTRY["mnist"]
    """

    def info(self, folder: Path | None) -> Info:
        """Tell the facts, without reading an image."""
        ...

    def open(self, split: str, folder: Path | None) -> Records:
        """Open one split, after preparing the set if need be."""
        ...


@dataclass(frozen=True)
class Embedded:
    """The part of Fashion-MNIST that comes with the package.

    Example:
        >>> Embedded().info(None).counts["test"]
        1000
    """

    def info(self, folder: Path | None) -> Info:
        """Tell the facts; there must be no ``folder``."""
        if folder is not None:
            raise ValueError(
                f"`folder` is only for 'fashion_mnist'; 'fashion_mnist_small' comes with the "
                f"package; got {str(folder)!r}."
            )
        return replace(
            SETS["fashion_mnist"].info,
            name="fashion_mnist_small",
            description="The first 7,000 pictures of Fashion-MNIST; they come with the package.",
            counts=fashion_mnist.COUNTS,
        )

    def open(self, split: str, folder: Path | None) -> Records:
        """Read one split into memory."""
        images, labels = fashion_mnist.read_small(split)
        return ArrayRecords({"image": images, "label": labels}, "fashion_mnist_small")


@dataclass(frozen=True)
class Prepared:
    """A set that is prepared from its original files.

    Example:
        >>> Prepared(SETS["kmnist"]).info(None).license
        'CC BY-SA 4.0'
    """

    facts: Set

    def info(self, folder: Path | None) -> Info:
        """Tell the facts."""
        return self.facts.info

    def open(self, split: str, folder: Path | None) -> Records:
        """Open one split, after preparing the set if need be."""
        from . import preparing  # imports TFDS: half a second that few need

        place = preparing.prepared(self.facts, folder)
        return PreparedRecords(place, split, preparing.remade(place))


@dataclass(frozen=True)
class Made:
    """A set that is made when it is opened.

    Example:
        >>> Made(mnist1d.INFO, mnist1d.made).info(None).shape
        (40, 1)
    """

    facts: Info
    make: Callable[[str], Mapping[str, np.ndarray]]

    def info(self, folder: Path | None) -> Info:
        """Tell the facts; there must be no ``folder``."""
        if folder is not None:
            raise ValueError(
                f"`folder` must be left out for {self.facts.name!r}, which is made from no file; "
                f"got {str(folder)!r}."
            )
        return self.facts

    def open(self, split: str, folder: Path | None) -> Records:
        """Make one split, in memory."""
        return ArrayRecords(self.make(split), self.facts.name)


REGISTRY: Mapping[str, Entry] = {
    "fashion_mnist_small": Embedded(),
    **{name: Prepared(facts) for name, facts in SETS.items()},
    "mnist1d": Made(mnist1d.INFO, mnist1d.made),
    "mnist1d_shuffled": Made(mnist1d.SHUFFLED_INFO, mnist1d.shuffled),
}
