"""Which algorithm computes a call: the one it names, the one it stands in, or the fast one."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

from cnn_jax import arguments

from . import (
    _table,
    fft,
    im2col,
    phases,
    planes,
    separable,
    shifted,
    toeplitz,
    vmap,
    winograd,
    xla,
)
from ._problem import Problem
from ._tuning import store

ALGORITHMS: dict[str, ModuleType] = {
    "xla": xla,
    "vmap": vmap,
    "toeplitz": toeplitz,
    "im2col": im2col,
    "shifted": shifted,
    "winograd": winograd,
    "fft": fft,
    "phases": phases,
    "planes": planes,
    "separable": separable,
}

MAX_WORKSPACE = 256 * 2**20


@dataclass(frozen=True)
class Choice:
    """An algorithm, and why it."""

    algorithm: str
    why: str


@dataclass(eq=False)
class Notes:
    """What `auto` met while tracing, in order, each problem once."""

    met: dict[Problem, dict[str, Choice]] = field(default_factory=dict)

    def append(self, problem: Problem, chosen: dict[str, Choice]) -> None:
        self.met.setdefault(problem, chosen)


@dataclass(frozen=True)
class _Settings:
    algorithm: str = "auto"
    max_workspace: int = MAX_WORKSPACE
    notes: Notes | None = None


_DEFAULT = _Settings()
_settings: ContextVar[_Settings] = ContextVar("algorithm", default=_DEFAULT)


def choose(algorithm: str, problem: Problem) -> Any:
    """The algorithm, with the functions of one, that computes a call with this `algorithm`.

    Raises:
        ValueError: if there is no algorithm of that name, or it does not compute this.
    """
    from .auto import Auto  # which asks this module for its choices

    settings = _settings.get()
    for name, ask in ((_checked(algorithm), True), (settings.algorithm, False)):
        if name == "auto":
            continue
        reason = unsupported(name, problem)
        if reason is None:
            return ALGORITHMS[name]
        if ask:
            able = ", ".join(repr(n) for n in ALGORITHMS if unsupported(n, problem) is None)
            raise ValueError(
                f"`algorithm` {name!r} does not compute this {_what(problem)}: {reason}. "
                f"Those that do: 'auto', {able}."
            )
    return Auto(settings.max_workspace, settings.notes)


def pick(problem: Problem, max_workspace: int) -> dict[str, Choice]:
    """The fast algorithm on each platform that has one of its own; elsewhere XLA's is."""
    chosen = {"cpu": _from_table(problem, max_workspace)}
    name = store.lookup(problem)
    if name is not None and _fits(name, problem, max_workspace):
        chosen[store.platform()] = Choice(name, "measured by cnn_jax.autotune")
    return chosen


def _from_table(problem: Problem, max_workspace: int) -> Choice:
    for row in _table.ROWS:
        applies = problem.side in row.sides and row.when(problem)
        if applies and _fits(row.algorithm, problem, max_workspace):
            return Choice(row.algorithm, row.measured)
    return Choice("xla", "nothing measured to be faster")


def _fits(name: str, problem: Problem, max_workspace: int) -> bool:
    return (
        name in ALGORITHMS
        and unsupported(name, problem) is None
        and workspace(name, problem) <= max_workspace
    )


def unsupported(name: str, problem: Problem) -> str | None:
    """Why this algorithm does not compute `problem`, or None if it does."""
    algorithm = ALGORITHMS[name]
    needed = "output" if problem.kernel and problem.side != "local" else problem.side
    if not hasattr(algorithm, needed):
        return "it has no such function"
    reason = getattr(algorithm, "unsupported", None)
    return reason(problem) if reason else None


def workspace(name: str, problem: Problem) -> int:
    """Bytes that an algorithm expects to take besides arguments and results; 0 if it cannot say."""
    expected = getattr(ALGORITHMS[name], "workspace", None)
    return expected(problem) if expected else 0


def candidates(problem: Problem, max_workspace: int) -> list[str]:
    """The algorithms with a function of their own for this side, that fit."""
    return [
        name
        for name, algorithm in ALGORITHMS.items()
        if hasattr(algorithm, problem.side) and _fits(name, problem, max_workspace)
    ]


@contextmanager
def using(*, algorithm: str = "auto", max_workspace: int | None = None) -> Iterator[None]:
    """Decide how every call traced inside is computed that says ``algorithm="auto"``.

    What the algorithm does not compute, a pool by Winograd's say, stays ``"auto"``. A function that
    was jitted and traced before keeps what it was traced with.

    ```
    >>> import jax.numpy as jnp
    >>> from cnn_jax import functional as F
    >>> with F.using(algorithm="vmap"):
    ...     F.conv(jnp.arange(4.0)[:, None], jnp.ones((2, 1, 1))).ravel()
    Array([1., 3., 5.], dtype=float32)

    ```

    Args:
        algorithm: ``"auto"`` or a name.
        max_workspace: bytes that an algorithm which ``"auto"`` chooses may expect to take besides
            arguments and results; None leaves it, at first 256 MiB. XLA's own is always allowed.

    Raises:
        TypeError: if `max_workspace` is no int.
        ValueError: if there is no algorithm of that name, or `max_workspace` is negative.
    """
    now = replace(_settings.get(), algorithm=_checked(algorithm))
    if max_workspace is not None:
        size = arguments.as_int(max_workspace)
        if size is None:
            raise TypeError(f"`max_workspace` must be an int, in bytes; got {max_workspace!r}.")
        if size < 0:
            raise ValueError(f"`max_workspace` must be at least 0 bytes; got {size}.")
        now = replace(now, max_workspace=size)
    with _changed(now):
        yield


@contextmanager
def noting() -> Iterator[Notes]:
    """Note what every call traced inside that says ``"auto"`` meets."""
    notes = Notes()
    with _changed(replace(_settings.get(), notes=notes)):
        yield notes


@contextmanager
def _changed(settings: _Settings) -> Iterator[None]:
    token = _settings.set(settings)
    try:
        yield
    finally:
        _settings.reset(token)


def _checked(algorithm: str) -> str:
    names = ("auto", *ALGORITHMS)
    if algorithm not in names:
        known = ", ".join(map(repr, names))
        raise ValueError(f"`algorithm` must be one of {known}; got {algorithm!r}.")
    return algorithm


def _what(problem: Problem) -> str:
    return {
        "output": "convolution",
        "input_grad": "transposed convolution",
        "local": "unshared convolution",
        "patches": "unfolding",
    }.get(problem.side, problem.side.replace("_", " "))
