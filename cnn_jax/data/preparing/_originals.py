"""Find the original files of a set in a folder, and check that they are the originals."""

from pathlib import Path

from cnn_jax import files

from .._errors import DamagedFileError
from .._found import Found
from ..sets import Original, Set


def in_folder(folder: Path, facts: Set) -> Found:
    """Take the original files that lie in ``folder``.

    Args:
        folder: holds the files under their original names.
        facts: the set.

    Returns:
        Their places.

    Raises:
        FileNotFoundError: a file is missing; the message lists all that are.
        DamagedFileError: a file does not have the size or SHA-256 of the original.

    Example:
        >>> from cnn_jax.data.sets import SETS
        >>> in_folder(Path("/nowhere"), SETS["emnist_letters"])
        Traceback (most recent call last):
        FileNotFoundError: `folder` must hold the file of EMNIST letters; /nowhere lacks gzip.zip.
    """
    folder = folder.expanduser()
    places = {original.name: folder / original.name for original in facts.originals}
    if missing := [name for name, file in places.items() if not file.is_file()]:
        raise FileNotFoundError(
            f"`folder` must hold {facts.files}; {folder} lacks {', '.join(missing)}."
        )
    if facts.debian and folder == facts.debian.folder:
        found = Found(places, f"Reinstall Debian's package {facts.debian.package}.")
    else:
        found = Found(places, "Replace it by the original file, or give another `folder`.")
    if not facts.checks_content:
        for original in facts.originals:
            _require(original, places[original.name], found.remedy)
    return found


def _require(original: Original, file: Path, remedy: str) -> None:
    if (size := file.stat().st_size) != original.size:
        raise DamagedFileError(
            f"{file} is truncated or another file: it has {size} bytes, the original "
            f"{original.size}. {remedy}"
        )
    with file.open("rb") as stream:
        if files.sha256(stream) != original.sha256:
            raise DamagedFileError(
                f"{file} is damaged or another file: it has the wrong SHA-256. {remedy}"
            )
