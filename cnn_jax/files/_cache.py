"""The cache folder, and a JSON file of named entries that several processes read and write."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from ._replace import replace

try:
    import fcntl
except ImportError:  # Windows: of two processes that write at once, one may lose its entry
    fcntl = None


def cache_folder() -> Path:
    """Return the folder for what can be made again: ``$CNN_JAX_CACHE`` or ``~/.cache/cnn_jax``.

    Returns:
        The path, with ``~`` replaced by the home folder. The folder need not exist, and what the
        variable says is not checked.

    Example:
        >>> import os
        >>> saved = os.environ.get("CNN_JAX_CACHE", "")
        >>> os.environ["CNN_JAX_CACHE"] = "/tmp/mine"
        >>> cache_folder().as_posix()
        '/tmp/mine'
        >>> os.environ["CNN_JAX_CACHE"] = saved
    """
    return Path(os.path.expanduser(os.environ.get("CNN_JAX_CACHE") or "~/.cache/cnn_jax"))


class Unusable(Exception):
    """A file, or an entry of one, cannot be used; the message says why: "it is no JSON".

    Example:
        >>> raise Unusable("it has no entries")
        Traceback (most recent call last):
        cnn_jax.files._cache.Unusable: it has no entries
    """


@dataclass(frozen=True)
class JsonCache:
    """Named entries in one JSON file, for one format and one environment.

    Several processes may write to the file at the same time, and a reader finds it whole at every
    moment. A file that cannot be used is never overwritten: it is renamed.

    Args:
        path: the file; it and its folder are made when they are first needed.
        format: the version of the entries' format.
        environment: what must be the same for entries to count, such as the version of a library.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "times.json"
        >>> cache = JsonCache(path, format=1, environment={"cores": 2})
        >>> cache.read()
        {}
        >>> cache.merge({"first": 0.5})
        {'first': 0.5}
        >>> cache.merge({"second": 0.25})
        {'first': 0.5, 'second': 0.25}
        >>> JsonCache(path, format=1, environment={"cores": 8}).read()
        Traceback (most recent call last):
        cnn_jax.files._cache.Unusable: it was made elsewhere, with another cores
    """

    path: Path
    format: int
    environment: Mapping[str, Any]

    def read(self) -> dict[str, Any]:
        """Return the entries in the file; none if there is no file.

        Raises:
            Unusable: it cannot be read, or has another format or environment.
        """
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise Unusable(f"it cannot be read ({error})") from error
        except (ValueError, RecursionError) as error:
            raise Unusable(f"it is no JSON ({error})") from error
        if not isinstance(content, dict) or content.get("format") != self.format:
            raise Unusable(f"it does not say that it has format {self.format}")
        here, there = dict(self.environment), content.get("environment")
        if here != there:
            there = there if isinstance(there, dict) else {}
            names = [name for name in {**here, **there} if here.get(name) != there.get(name)]
            raise Unusable(f"it was made elsewhere, with another {', '.join(names)}")
        if not isinstance(content.get("entries"), dict):
            raise Unusable("it has no entries")
        return content["entries"]

    def merge(self, new: Mapping[str, Any]) -> dict[str, Any]:
        """Add entries to the file, over those of the same names, and return all of them.

        A file that is unusable is renamed first: ``.bad`` is put at the end of its name.

        Raises:
            OSError: the file cannot be written; it is as it was before.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(self.path):
            try:
                old = self.read()
            except Unusable:
                old = {}
                _put_aside(self.path)
            entries = {**old, **new}
            head = {"format": self.format, "environment": dict(self.environment)}
            replace(self.path, json.dumps({**head, "entries": entries}, indent=1))
        return entries


def _put_aside(path: Path) -> None:
    """Rename a file so that its name ends in ``.bad``, without overwriting another."""
    aside = path.with_name(f"{path.name}.bad")
    while os.path.lexists(aside):
        aside = path.with_name(f"{path.name}.{uuid4().hex[:8]}.bad")
    os.replace(path, aside)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes from writing the same file, where the system can do that."""
    with open(path.with_name(f"{path.name}.lock"), "a") as stream:
        if fcntl is not None:
            with suppress(OSError):  # a network folder without locks
                fcntl.flock(stream, fcntl.LOCK_EX)
        yield
