"""Write a file or a folder so that a reader finds the old one or the new one, never a part.

The new content is written under a temporary name in the same folder and gets its real name by a
rename, which is atomic. A process that is killed in between leaves the temporary one, whose name
ends in ``.partial`` (before the suffix, for a file).
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


def replace(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write a file, completely or not at all.

    Args:
        path: the file, which may exist; its folder must exist.
        content: bytes, or text, which is written as UTF-8 with its line ends as they are.

    Raises:
        OSError: it cannot be written, for instance because the disk is full. The error names
            `path`, which is as it was before.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "notes.txt"
        >>> replace(file, "first")
        >>> replace(file, b"second")
        >>> file.read_text(), [path.name for path in file.parent.iterdir()]
        ('second', ['notes.txt'])
    """
    data = content.encode() if isinstance(content, str) else content
    with replacing(path) as new:
        new.write_bytes(data)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path to write to; what was written there gets the name `path` at the end.

    After an error inside the ``with`` block nothing new is left, and `path` is as it was before.

    Args:
        path: the file, which may exist; its folder must exist.

    Yields:
        A path in the same folder and with the same suffix, where no file is yet.

    Raises:
        OSError: the file cannot be written. Where the error was about the temporary path, or
            named no file at all (a full disk), it names `path`.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "points.csv"
        >>> with replacing(file) as new:
        ...     _ = new.write_text("x,y\\n")
        ...     file.exists(), new.suffix
        (False, '.csv')
        >>> file.read_text()
        'x,y\\n'
    """
    path = Path(path)
    new = path.with_name(f".{path.stem}.{uuid4().hex[:8]}.partial{path.suffix}")
    try:
        yield new
        with open(new, "r+b") as stream:
            os.fsync(stream.fileno())
        os.replace(new, path)
    except OSError as error:
        raise _renamed(error, new, path) or error from None
    finally:
        new.unlink(missing_ok=True)


@contextmanager
def replacing_folder(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary folder to fill; it gets the name `folder` at the end.

    An older folder of that name is deleted just before the new one takes its name. After an error
    inside the ``with`` block nothing new is left, and `folder` is as it was before.

    Args:
        folder: which may exist; its parent must exist.

    Yields:
        An empty folder in the same parent, whose name ends in ``.partial``.

    Raises:
        OSError: the folder cannot be written. Where the error named no file (a full disk), it names
            `folder`.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp()) / "run"
        >>> with replacing_folder(folder) as new:
        ...     _ = (new / "result.json").write_text("{}")
        ...     folder.exists()
        False
        >>> [file.name for file in folder.iterdir()]
        ['result.json']
    """
    folder = Path(folder)
    new = folder.with_name(f"{folder.name}.{uuid4().hex[:8]}.partial")
    try:
        new.mkdir()
        yield new
        if folder.is_dir():
            shutil.rmtree(folder)
        os.replace(new, folder)
    except OSError as error:
        raise _renamed(error, new, folder) or error from None
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _renamed(error: OSError, new: Path, path: Path) -> OSError | None:
    """The same error about `path`, if it was about the temporary `new` or named no file."""
    about = str(error.filename or new)
    if error.errno is None or not about.startswith(str(new)):
        return None
    return OSError(error.errno, error.strerror, about.replace(str(new), str(path), 1))
