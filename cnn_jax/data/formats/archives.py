"""Read files out of zip and tar archives into memory; nothing is ever unpacked to disk.

An archive is refused as a whole if a name in it leads elsewhere (``../``, ``/``), if it holds a
link or a device, or if it claims to hold more than `MOST` bytes.
"""

import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from .._errors import DamagedFileError

MOST = 2**32  # bytes of all files in an archive; those of EMNIST, the largest, have 0.6 * 10**9


class Member(NamedTuple):
    """A file that was read out of an archive; its text names both.

    Example:
        >>> str(Member(Path("/data/all.zip"), "train/labels.gz", b""))
        'train/labels.gz in /data/all.zip'
    """

    archive: Path
    name: str
    content: bytes

    def read_bytes(self) -> bytes:
        """Return the content, as `pathlib.Path.read_bytes` does."""
        return self.content

    def __str__(self) -> str:
        return f"{self.name} in {self.archive}"


def zip_members(archive: Path, names: Collection[str], *, remedy: str) -> dict[str, Member]:
    """Read the files called ``names`` out of a zip archive.

    Args:
        archive: the file.
        names: full names in the archive.
        remedy: one sentence for the error message: what the user can do about a bad file.

    Returns:
        The files, by name.

    Raises:
        DamagedFileError: the archive is damaged, lacks one of them, or must be refused.
        FileNotFoundError: there is no archive.

    Example:
        >>> import tempfile
        >>> archive = Path(tempfile.mkdtemp()) / "all.zip"
        >>> with zipfile.ZipFile(archive, "w") as new:
        ...     new.writestr("train/labels", b"abc")
        >>> zip_members(archive, ["train/labels"], remedy="Copy it again.")["train/labels"].content
        b'abc'
    """
    with _named(archive, remedy), zipfile.ZipFile(archive) as opened:
        entries = {entry.filename: entry for entry in opened.infolist()}
        _refuse(archive, entries, sum(entry.file_size for entry in entries.values()), remedy)
        _require(archive, names, entries, remedy)
        return {name: Member(archive, name, opened.read(entries[name])) for name in names}


def tar_members(archive: Path, names: Collection[str], *, remedy: str) -> dict[str, Member]:
    """Read the files called ``names`` out of a gzipped tar archive.

    Args:
        archive: the file.
        names: full names in the archive.
        remedy: one sentence for the error message: what the user can do about a bad file.

    Returns:
        The files, by name.

    Raises:
        DamagedFileError: the archive is damaged, lacks one of them, or must be refused.
        FileNotFoundError: there is no archive.

    Example:
        >>> import io, tempfile
        >>> archive = Path(tempfile.mkdtemp()) / "all.tar.gz"
        >>> with tarfile.open(archive, "w:gz") as new:
        ...     entry = tarfile.TarInfo("train/labels")
        ...     entry.size = 3
        ...     new.addfile(entry, io.BytesIO(b"abc"))
        >>> tar_members(archive, ["train/labels"], remedy="Copy it again.")["train/labels"].content
        b'abc'
    """
    found: dict[str, Member] = {}
    size = 0
    # As a stream, so that a bomb is noticed by the sizes it claims before it is unpacked.
    with _named(archive, remedy), tarfile.open(archive, "r|gz") as opened:
        for entry in opened:
            if not (entry.isfile() or entry.isdir()):
                raise DamagedFileError(
                    f"{archive} is refused: {entry.name} in it is a link or a device. {remedy}"
                )
            size += entry.size
            _refuse(archive, [entry.name], size, remedy)
            if entry.name in names and (stream := opened.extractfile(entry)):
                found[entry.name] = Member(archive, entry.name, stream.read())
        _require(archive, names, found, remedy)
    return found


def _refuse(archive: Path, names: Collection[str], size: int, remedy: str) -> None:
    for name in names:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in name:
            raise DamagedFileError(f"{archive} is refused: {name!r} leads out of it. {remedy}")
    if size > MOST:
        raise DamagedFileError(
            f"{archive} is refused: it claims to hold {size} bytes, more than any set of this "
            f"kind. {remedy}"
        )


def _require(archive: Path, names: Collection[str], found: Collection[str], remedy: str) -> None:
    if missing := [name for name in names if name not in found]:
        raise DamagedFileError(f"{archive} lacks {', '.join(missing)}. {remedy}")


@contextmanager
def _named(archive: Path, remedy: str) -> Iterator[None]:
    """Turn whatever the standard library says about a bad archive into an error that names it."""
    try:
        yield
    except (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error) as error:
        raise DamagedFileError(f"{archive} is damaged ({error}). {remedy}") from error
    except EOFError as error:
        raise DamagedFileError(f"{archive} is truncated. {remedy}") from error
    except (NotImplementedError, RuntimeError) as error:  # an unknown compression, a password
        raise DamagedFileError(f"{archive} cannot be read ({error}). {remedy}") from error
