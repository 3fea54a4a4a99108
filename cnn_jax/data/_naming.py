"""What a name means: one of our sets, a folder of images, or a set that TFDS has prepared."""

import os
from pathlib import Path

from cnn_jax import arguments

from . import tfds_sets
from ._registry import REGISTRY, Entry
from .folders import ImageFolder

SEPARATORS = tuple(filter(None, (os.sep, os.altsep)))


def entry_of(name: str | os.PathLike[str], folder: Path | None) -> Entry:
    """Find the entry that a name means.

    These are tried in turn: one of our sets; a path, if ``name`` is a `Path` or begins with ``/``,
    ``./``, ``../`` or ``~``; a set that TFDS has prepared; a relative path such as ``data/pets``.

    Args:
        name: as `load` takes it.
        folder: where the prepared sets are; by default where TFDS keeps them.

    Raises:
        ValueError: there is no such thing.
        FileNotFoundError: TFDS could prepare a set of this name, and it is not prepared; or the
            name looks like a path, and there is no such folder.

    Example:
        >>> entry_of("./pets", None).root.name
        'pets'
        >>> entry_of("mnst", None)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ValueError: `name` must be one of ...; got 'mnst'. Did you mean 'mnist'?
    """
    if isinstance(name, os.PathLike):
        return _at(Path(name), folder)
    if not isinstance(name, str) or name in REGISTRY:
        return REGISTRY[arguments.one_of("name", name, REGISTRY)]
    starts = [f"{dots}{separator}" for dots in ("", ".", "..") for separator in SEPARATORS]
    if name in (".", "..") or name.startswith(("~", *starts)) or os.path.isabs(name):
        return _at(Path(name), folder)
    data = tfds_sets.data_folder() if folder is None else folder.absolute()
    if place := tfds_sets.named(name, data):
        return tfds_sets.TfdsSet(name, place)
    has_separator = bool(set(SEPARATORS) & set(name))
    if folder is None and has_separator and os.path.isdir(name):
        return _at(Path(name), folder)
    found = tfds_sets.names_in(data)
    if tfds_sets.knows(name):
        raise FileNotFoundError(
            f"{name} is not prepared in {data}. {tfds_sets.how_to_prepare(name, data)}"
        )
    if folder is not None:
        raise ValueError(
            f"`name` must be one of our sets, or of those that TFDS has prepared in `folder`, "
            f"{data}, which has {', '.join(found) or 'none'}; got {arguments.shown(name)}."
            f"{arguments.did_you_mean(name, (*REGISTRY, *found))}"
        )
    if os.path.isdir(name):
        raise ValueError(f"`name` must be './{name}' for the folder of that name; got {name!r}.")
    if has_separator:
        raise FileNotFoundError(
            f"There is no folder {Path(name).absolute()}, and no set {name} in {data}."
            f"{arguments.did_you_mean(name, found)}"
        )
    return REGISTRY[arguments.one_of("name", name, (*REGISTRY, *found))]


def _at(path: Path, folder: Path | None) -> Entry:
    """A folder of images, or of one version of a set that TFDS has prepared."""
    if folder is not None:
        raise ValueError(f"`folder` must be left out where `name` is a path; got {str(folder)!r}.")
    path = path.expanduser().absolute()
    if tfds_sets.is_version(path):
        return tfds_sets.TfdsSet(str(path), path)
    return ImageFolder(path)
