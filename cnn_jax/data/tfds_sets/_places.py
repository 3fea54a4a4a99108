"""Where sets that TFDS has prepared lie: ``DATA/NAME/1.0.0`` or ``DATA/NAME/CONFIG/1.0.0``."""

import os
import re
from pathlib import Path

FACTS = "dataset_info.json"  # in the folder of each version
VERSION = re.compile(r"\d+\.\d+\.\d+")
NAME = re.compile(r"(?P<name>\w+)(/(?P<config>\w[\w.@+-]*))?(:(?P<version>[\d.]+))?")


def data_folder() -> Path:
    """Return where TFDS keeps its sets: ``$TFDS_DATA_DIR`` or ``~/tensorflow_datasets``.

    Example:
        >>> data_folder().is_absolute()
        True
    """
    chosen = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return Path(chosen).expanduser().absolute()


def names_in(folder: Path) -> tuple[str, ...]:
    """List the sets that are prepared in a folder, by the names that `named` takes.

    Args:
        folder: such as `data_folder`; it need not exist.

    Returns:
        ``name``, or ``name/config`` where a set has configs.

    Example:
        >>> names_in(Path("/nowhere"))
        ()
    """
    names = []
    for place in _folders(folder):
        if versions_in(place):
            names.append(place.name)
        names += [
            f"{place.name}/{config.name}" for config in _folders(place) if versions_in(config)
        ]
    return tuple(names)


def named(name: str, folder: Path) -> Path | None:
    """Find the prepared set that a name means.

    Args:
        name: ``name``, ``name/config``, either with ``:version`` behind it; by default the newest
            version. The config may be left out where there is one.
        folder: as for `names_in`.

    Returns:
        The folder of one version; None if nothing there is called so.

    Raises:
        ValueError: the set has several configs and ``name`` says none, or lacks the version.

    Example:
        >>> named("coco/2017", Path("/nowhere"))
    """
    if (parts := NAME.fullmatch(name)) is None:
        return None
    place = folder / parts["name"] / (parts["config"] or "")
    if not (versions := versions_in(place)):
        configs = [config for config in _folders(place) if versions_in(config)]
        if parts["config"] or not configs:
            return None
        if len(configs) > 1:
            several = ", ".join(repr(f"{parts['name']}/{config.name}") for config in configs)
            raise ValueError(f"`name` must say which config: one of {several}; got {name!r}.")
        place, versions = configs[0], versions_in(configs[0])
    version = parts["version"] or versions[-1]
    if version not in versions:
        raise ValueError(
            f"`name` must have a version that {place} has, one of {', '.join(versions)}; got "
            f"{name!r}."
        )
    return place / version


def is_version(place: Path) -> bool:
    """Tell whether a folder is that of one version of a prepared set.

    Example:
        >>> is_version(Path("/nowhere/coco/2017/1.1.0"))
        False
    """
    return (place / FACTS).is_file()


def versions_in(place: Path) -> list[str]:
    """List the complete versions of a set, the oldest first.

    Example:
        >>> versions_in(Path("/nowhere/coco/2017"))
        []
    """
    complete = [
        path.name for path in _folders(place) if VERSION.fullmatch(path.name) and is_version(path)
    ]
    return sorted(complete, key=lambda name: [int(part) for part in name.split(".")])


def _folders(place: Path) -> list[Path]:
    """The folders in a folder, but hidden ones; none where there is no folder."""
    if not place.is_dir():
        return []
    return sorted(path for path in place.iterdir() if path.is_dir() and path.name[0] != ".")
