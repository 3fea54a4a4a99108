"""`ImageFolder`: a folder of images as a data set."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .._info import Info
from ..sources import ImageRecords, Records
from ._layout import Layout, layout


@dataclass(frozen=True)
class ImageFolder:
    """A folder of images that `load` and `source` know by its path.

    Attributes:
        root: the folder.

    Example:
        >>> ImageFolder(Path("/nowhere")).info(None)
        Traceback (most recent call last):
        FileNotFoundError: There is no folder /nowhere.
    """

    root: Path

    def info(self, folder: Path | None) -> Info:
        """Tell the facts, without opening an image."""
        return Info(
            name=str(self.root),
            title=self.root.resolve().name,
            description=f"The images in {self.root}, a folder for each class.",
            counts={name: len(files) for name, (files, _) in self._layout.splits.items()},
            shape=(None, None, 3),
            labels={"label": self._layout.classes},
        )

    def open(self, split: str, folder: Path | None) -> Records:
        """Open one split."""
        return ImageRecords(self.root, *self._layout.splits[split])

    @cached_property
    def _layout(self) -> Layout:
        return layout(self.root)
