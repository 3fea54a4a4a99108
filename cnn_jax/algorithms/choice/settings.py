"""Settings for a block of code, `using`, and a record of what `auto` chose there, `noting`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import jax

from cnn_jax import arguments

from .._contract import Problem
from .policy import Choice
from .registry import ALGORITHMS

MAX_WORKSPACE = 256 * 2**20


@dataclass(eq=False)
class Notes:
    """The problems that `auto` met while tracing, in order, each once, and what it chose."""

    met: dict[Problem, dict[str, Choice]] = field(default_factory=dict)

    def append(self, problem: Problem, chosen: dict[str, Choice]) -> None:
        self.met.setdefault(problem, chosen)


@dataclass(frozen=True)
class Settings:
    """What holds for the calls that are traced now.

    Attributes:
        algorithm: the algorithm of calls that say ``"auto"``.
        max_workspace: bytes that an algorithm which ``"auto"`` chooses may expect to need.
        notes: where ``"auto"`` records what it meets; None if that is not wanted.
    """

    algorithm: str = "auto"
    max_workspace: int = MAX_WORKSPACE
    notes: Notes | None = None


_DEFAULT = Settings()
# Part of the key of every cache of traced and compiled functions that JAX keeps.
_changed = jax.make_user_context(None)


def current() -> Settings:
    """The settings that hold here."""
    return _changed.value or _DEFAULT


@contextmanager
def using(*, algorithm: str = "auto", max_workspace: int | None = None) -> Iterator[None]:
    """Set the algorithm of every call inside that says ``algorithm="auto"``, when it is traced.

    What the algorithm does not compute, such as a pool by ``"winograd"``, stays ``"auto"``. A
    function that was jitted and called before is traced again inside; outside it keeps its old
    trace. Only what ``jax.jit(f).lower(x).compile()`` compiled does not change.

    ```
    >>> import jax.numpy as jnp
    >>> from cnn_jax import functional as F
    >>> with F.using(algorithm="vmap"):
    ...     F.conv(jnp.arange(4.0)[:, None], jnp.ones((2, 1, 1))).ravel()
    Array([1., 3., 5.], dtype=float32)

    ```

    Args:
        algorithm: ``"auto"`` or a name.
        max_workspace: bytes that an algorithm which ``"auto"`` chooses may expect to need besides
            arguments and results; None keeps the limit in force, 256 MiB by default. XLA's own is
            always allowed.

    Raises:
        TypeError: if `max_workspace` is no int.
        ValueError: if there is no algorithm of that name, or `max_workspace` is negative.
    """
    now = replace(current(), algorithm=checked(algorithm))
    if max_workspace is not None:
        size = arguments.as_int(max_workspace)
        if size is None:
            given = arguments.shown(max_workspace)
            raise TypeError(f"`max_workspace` must be an int, in bytes; got {given}.")
        if size < 0:
            raise ValueError(
                f"`max_workspace` must be at least 0 bytes; got {arguments.shown(size)}."
            )
        now = replace(now, max_workspace=size)
    with _changed(now):
        yield


@contextmanager
def noting() -> Iterator[Notes]:
    """Record the problems of all calls traced inside that say ``"auto"``, and the choices."""
    notes = Notes()
    with _changed(replace(current(), notes=notes)):
        yield notes


def checked(algorithm: str) -> str:
    """`algorithm`, if it is ``"auto"`` or the name of one; a ValueError lists the names if not."""
    return arguments.one_of("algorithm", algorithm, ("auto", *ALGORITHMS))
