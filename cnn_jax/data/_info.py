"""`Info`: what is known about a set without reading its images."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Info:
    """The facts about a set.

    Attributes:
        name: as `load` knows it.
        title: as its authors write it.
        description: one line.
        counts: the number of examples of each split.
        shape: height, width and channels; None where they differ from image to image. Of a signal:
            length and channels. Empty if there is no ``image``.
        labels: for each label of an example the names of its classes; ``"label"`` is the first. A
            label inside of something else is written ``objects/label``.
        license: "none stated" if its authors state none.
        homepage: an address.
        citation: whom to cite.
        masks: the names of the masks that lie on ``image``, uint8 (height, width, 1).
        boxes: the names of the boxes in ``image``, (top, left, bottom, right) from 0 to 1.

    Example:
        >>> info = Info(
        ...     name="pets",
        ...     title="Pets",
        ...     description="Two kinds.",
        ...     counts={"train": 8, "test": 2},
        ...     shape=(32, 32, 3),
        ...     labels={"label": ("cat", "dog")},
        ... )
        >>> info.classes, info.splits
        (('cat', 'dog'), ('train', 'test'))
    """

    name: str
    title: str
    description: str
    counts: Mapping[str, int]
    shape: tuple[int | None, ...]
    labels: Mapping[str, tuple[str, ...]]
    license: str = "none stated"
    homepage: str = ""
    citation: str = ""
    masks: tuple[str, ...] = ()
    boxes: tuple[str, ...] = ()

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits."""
        return tuple(self.counts)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes that ``label`` numbers."""
        return self.labels.get("label", ())
