"""Which images lie in a folder, and of which split and class each is.

    root/SPLIT/CLASS/*.jpg     as here, with splits of any name, or
    root/CLASS/*.jpg           then every image is of "train" or "test", by a hash of its path

The depth tells one from the other. What is hidden (``.name``, ``__MACOSX``) and files that are not
called like images are skipped. A link is followed to a place inside of root, and refused otherwise.
"""

import hashlib
import os
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..sources import SUFFIXES

EXPECTED = "images must lie in {root}/CLASS/ or in {root}/SPLIT/CLASS/"
TEST = 10  # percent of the images that are held out where there are no splits


@dataclass(frozen=True)
class Layout:
    """The images of a folder.

    Attributes:
        classes: their names, sorted.
        splits: for each split the paths of its images in the root, sorted within each class, and
            their classes.

    Example:
        >>> Layout(("cat", "dog"), {"train": (("cat/1.jpg", "dog/1.jpg"), (0, 1))}).classes
        ('cat', 'dog')
    """

    classes: tuple[str, ...]
    splits: Mapping[str, tuple[tuple[str, ...], tuple[int, ...]]]


def layout(root: Path) -> Layout:
    """Find the images in a folder, without opening one.

    Args:
        root: the folder.

    Raises:
        FileNotFoundError: there is no such folder.
        NotADirectoryError: it is a file.
        ValueError: it has no images, or a folder where there should be some has none; it has images
            at both depths; or a link leads out of it.

    Example:
        >>> layout(Path("/nowhere"))
        Traceback (most recent call last):
        FileNotFoundError: There is no folder /nowhere.
    """
    if not root.is_dir():
        if root.exists():
            raise NotADirectoryError(f"{root} must be a folder; it is a file.")
        raise FileNotFoundError(f"There is no folder {root}.")
    walk = _Walk(root)
    # By split, or by "" where there are none: by class its images.
    found: dict[str, dict[str, list[str]]] = {}
    for name in walk.visit("").folders:
        here = walk.visit(name)
        if here.images and here.folders:
            raise ValueError(
                f"{root / name} has both images and folders ({here.folders[0]}): "
                f"{EXPECTED.format(root=root)}."
            )
        if here.images:
            found.setdefault("", {})[name] = here.images
        else:
            found[name] = {inner: walk.images(f"{name}/{inner}") for inner in here.folders}
        if not here.images and not here.folders:
            raise ValueError(f"{root / name} has no images: {EXPECTED.format(root=root)}.")
    if not found:
        raise ValueError(f"{root} has no folders with images: {EXPECTED.format(root=root)}.")
    if "" in found and len(found) > 1:
        *_, split = found
        raise ValueError(
            f"{root} must have images at one depth; {next(iter(found['']))} has images, and "
            f"{split} has folders: {EXPECTED.format(root=root)}."
        )
    classes = tuple(sorted({name for split in found.values() for name in split}))
    numbers = {name: number for number, name in enumerate(classes)}
    every = [
        (split or split_of(file), file, numbers[name])
        for split, folders in found.items()
        for name, files in folders.items()
        for file in files
    ]
    names = _ordered(found) if "" not in found else ("train", "test")
    return Layout(classes, {name: _split(name, every) for name in names})


def split_of(file: str) -> str:
    """Tell the split of an image where no folder tells: 10 % are "test", by a hash of the path.

    It depends on nothing else, so that images that are added or deleted move no other one.

    Args:
        file: the image's path in the root, with slashes.

    Example:
        >>> [split_of(f"cat/{number}.jpg") for number in range(100)].count("test")
        8
    """
    # A Mac and a Linux machine may write an accent with one or two characters.
    path = unicodedata.normalize("NFC", file).encode("utf-8", "surrogateescape")
    number = int.from_bytes(hashlib.sha256(path).digest()[:8])
    return "test" if number % 100 < TEST else "train"


def _ordered(splits: Iterable[str]) -> tuple[str, ...]:
    """Names of splits, "train" first."""
    return tuple(sorted(splits, key=lambda name: (name != "train", name)))


def _split(
    name: str, every: Iterable[tuple[str, str, int]]
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    mine = [(file, number) for split, file, number in every if split == name]
    return tuple(file for file, _ in mine), tuple(number for _, number in mine)


@dataclass
class _Visited:
    """The names of the folders, and the paths in the root of the images, in one folder."""

    folders: list[str]
    images: list[str]


@dataclass
class _Walk:
    """Lists folders below `root`."""

    root: Path

    def visit(self, folder: str) -> _Visited:
        """List one folder by its path in the root."""
        visited = _Visited([], [])
        with os.scandir(self.root / folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name.startswith((".", "__")):
                    continue
                is_image = entry.name.lower().endswith(SUFFIXES)
                if entry.is_symlink() and (is_image or entry.is_dir()):
                    self._require_inside(Path(entry.path))
                if entry.is_dir():
                    visited.folders.append(entry.name)
                elif is_image:
                    visited.images.append(f"{folder}/{entry.name}" if folder else entry.name)
        return visited

    def images(self, folder: str) -> list[str]:
        """List the images in the folder of a class, which must have some and no folders."""
        visited = self.visit(folder)
        place = self.root / folder
        if visited.folders:
            raise ValueError(
                f"{place} must have images and no folders; it has {visited.folders[0]}: "
                f"{EXPECTED.format(root=self.root)}."
            )
        if not visited.images:
            raise ValueError(f"{place} has no images: {EXPECTED.format(root=self.root)}.")
        return visited.images

    def _require_inside(self, link: Path) -> None:
        target = link.resolve()
        if not target.is_relative_to(self.root.resolve()):
            raise ValueError(
                f"{link} must lead to a place in {self.root}; it is a link to {target}."
            )
