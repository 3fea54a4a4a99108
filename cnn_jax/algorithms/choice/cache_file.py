"""One JSON file of measurements, read and merged; several processes may do so at once."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from .environment import environment

try:
    import fcntl
except ImportError:  # Windows: of two processes that write at once, one may lose its entry
    fcntl = None

FORMAT = 1


class Unusable(Exception):
    """Why a file, or an entry of one, says nothing."""


def read(path: Path) -> dict[str, Any]:
    """The entries as they stand in the file; none if there is no file.

    Raises:
        Unusable: if it cannot be read, or is not of this format and environment.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise Unusable(f"it cannot be read ({error})") from error
    except (ValueError, RecursionError) as error:
        raise Unusable(f"it is no JSON ({error})") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise Unusable(f"it does not say that it has format {FORMAT}")
    if (there := content.get("environment")) != (here := environment()):
        there = there if isinstance(there, dict) else {}
        names = ", ".join(name for name in {**here, **there} if here.get(name) != there.get(name))
        raise Unusable(f"it was measured elsewhere, with another {names}")
    if not isinstance(content.get("entries"), dict):
        raise Unusable("it has no entries")
    return content["entries"]


def merge(path: Path, new: dict[str, Any]) -> dict[str, Any]:
    """Write `new` entries to the file, next to those that it has, and return all of them.

    A file that is unusable is put aside first, with ``.bad`` at the end of its name.

    Raises:
        OSError: if that cannot be done.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path):
        entries = {**_old(path), **new}
        content = {"format": FORMAT, "environment": environment(), "entries": entries}
        _replace(path, json.dumps(content, indent=1))
    return entries


def _old(path: Path) -> dict[str, Any]:
    """The entries to keep as they stand in the file; one that is unusable is put aside."""
    try:
        return read(path)
    except Unusable:
        aside = path.with_name(f"{path.name}.bad")
        while os.path.lexists(aside):
            aside = path.with_name(f"{path.name}.{uuid4().hex[:8]}.bad")
        os.replace(path, aside)
        return {}


def _replace(path: Path, text: str) -> None:
    """Write the file so that whoever reads it meanwhile finds the old or the new one, whole."""
    new = path.with_name(f"{path.name}.{uuid4().hex}.new")
    try:
        with open(new, "x", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes from writing the same file, where the system can do that."""
    with open(path.with_name(f"{path.name}.lock"), "a") as stream:
        if fcntl is not None:
            with suppress(OSError):  # a network folder without locks
                fcntl.flock(stream, fcntl.LOCK_EX)
        yield
