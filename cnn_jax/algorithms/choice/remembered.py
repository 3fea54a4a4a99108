"""What `cnn_jax.autotune` measured: remembered in one JSON file for each environment.

The files lie in the folder that `CNN_JAX_CACHE` names, else in ``~/.cache/cnn_jax``. A process
reads the file of its environment when it first traces a call that says ``algorithm="auto"``, and
again when it remembers something. What cannot be read is named in a warning and counts as not
measured; what cannot be written is remembered until the process ends.
"""

import json
import os
import warnings
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cnn_jax.files import JsonCache, Unusable, cache_folder

from .._contract import Problem
from .environment import environment
from .environment import platform as platform
from .registry import ALGORITHMS

LONGEST = 1e12  # milliseconds, 30 years: a longer time in a file is damage


@dataclass(frozen=True)
class Entry:
    """What was measured for one problem.

    Attributes:
        algorithm: the algorithm to take.
        default: the algorithm that is taken where nothing was measured.
        milliseconds: the median time of each algorithm whose result was right.
        failures: why each other algorithm was skipped.
    """

    algorithm: str
    default: str
    milliseconds: dict[str, float]
    failures: dict[str, str]


_known: dict[Path, dict[str, Entry]] = {}  # file -> key of a problem -> what was measured
_worth_reading: dict[Path, bool] = {}  # folder -> whether it holds a file of any environment
_said: set[str] = set()


def lookup(problem: Problem) -> str | None:
    """The algorithm that was measured to be the fastest for `problem` on this machine, if any."""
    found = entry(problem)
    return None if found is None else found.algorithm


def entry(problem: Problem) -> Entry | None:
    """What was measured for `problem` in this environment, if anything."""
    folder = cache_folder()
    if folder not in _worth_reading:
        _worth_reading[folder] = _holds_files(folder)
    if not _worth_reading[folder]:  # do not ask JAX for its devices, which would start them
        return None
    return _entries(file()).get(key(problem))


def remember(problem: Problem, measured: Entry) -> str | None:
    """Take `measured` for `problem` from now on: in this process and, if possible, in later ones.

    Returns:
        None, or why it could not be written; a warning says that too.
    """
    path, name = file(), key(problem)
    _entries(path)[name] = measured
    _worth_reading[path.parent] = True
    trouble = _misplaced(path.parent)
    if trouble is None:
        try:
            _known[path].update(_checked(_cache(path).merge({name: asdict(measured)}), path))
            return None
        except OSError as error:
            trouble = f"{path.parent} cannot be written ({error})"
    _warn(f"{trouble}: what cnn_jax.autotune measures is remembered in this process only.")
    return trouble


def forget() -> None:
    """Forget what this process has read and measured; the next lookup reads the file again."""
    for state in (_known, _worth_reading, _said):
        state.clear()


def key(problem: Problem) -> str:
    """`problem` as a line of text: its name in the file."""
    window = problem.window
    numbers = {
        "x": problem.x,
        "kernel": problem.kernel,
        "size": window.size,
        "stride": window.stride,
        "padding": [end for pair in window.padding for end in pair],
        "dilation": window.dilation,
        "base_dilation": window.base_dilation,
        "groups": [problem.groups],
    }
    each = (f"{name}={','.join(map(str, values))}" for name, values in numbers.items())
    return " ".join([problem.side, *each, problem.dtype])


def file() -> Path:
    """The file of this environment."""
    about = json.dumps(environment(), sort_keys=True)
    return cache_folder() / f"tuned-{sha256(about.encode()).hexdigest()[:16]}.json"


def _cache(path: Path) -> JsonCache:
    return JsonCache(path, format=1, environment=environment())


def _misplaced(folder: Path) -> str | None:
    if not folder.is_absolute():
        return f"`CNN_JAX_CACHE` must be an absolute path; got {str(folder)!r}"
    if os.path.exists(folder) and not os.path.isdir(folder):
        return f"`CNN_JAX_CACHE` must be a folder; {str(folder)!r} is none"
    return None


def _holds_files(folder: Path) -> bool:
    trouble = _misplaced(folder)
    if trouble is None:
        try:
            return any(name.startswith("tuned-") for name in os.listdir(folder))
        except FileNotFoundError:
            return False
        except OSError as error:
            trouble = f"{folder} cannot be read ({error})"
    _warn(f"{trouble}: nothing that cnn_jax.autotune measured in earlier processes is known.")
    return False


def _entries(path: Path) -> dict[str, Entry]:
    """What is known of this file, which is read at the first call."""
    if path not in _known:
        _known[path] = {}
        if _misplaced(path.parent) is None:
            try:
                _known[path].update(_checked(_cache(path).read(), path))
            except Unusable as why:
                _warn(f"{path} is ignored: {why}. Delete it, or run cnn_jax.autotune again.")
    return _known[path]


def _checked(raw: dict[str, Any], path: Path) -> dict[str, Entry]:
    """The valid entries; a warning names each invalid one."""
    good = {}
    for name, value in raw.items():
        try:
            good[name] = _entry(value)
        except Unusable as why:
            _warn(f"The entry {name!r} of {path} is ignored: {why}. Run cnn_jax.autotune again.")
    return good


def _entry(value: Any) -> Entry:
    try:
        found = Entry(**value)
    except TypeError as error:
        raise Unusable("it does not have the fields of one") from error
    if not isinstance(found.algorithm, str) or found.algorithm not in ALGORITHMS:
        raise Unusable(f"there is no algorithm {found.algorithm!r}")
    times, reasons = found.milliseconds, found.failures
    if not (
        isinstance(found.default, str)
        and isinstance(times, dict)
        and all(isinstance(time, int | float) for time in times.values())
        and isinstance(reasons, dict)
        and all(isinstance(reason, str) for reason in reasons.values())
    ):
        raise Unusable("a field has the wrong type")
    for name, time in times.items():
        if isinstance(time, bool) or not 0 < time <= LONGEST:
            raise Unusable(f"the time of {name!r} must be positive, and at most {LONGEST:.0e} ms")
    return found


def _warn(text: str) -> None:
    """Warn once."""
    if text not in _said:
        _said.add(text)
        warnings.warn(text, stacklevel=3)
