"""What the caller decides for a whole block of code: `using`; and what was met there: `noting`."""

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
    """What `auto` met while tracing, in order, each problem once."""

    met: dict[Problem, dict[str, Choice]] = field(default_factory=dict)

    def append(self, problem: Problem, chosen: dict[str, Choice]) -> None:
        self.met.setdefault(problem, chosen)


@dataclass(frozen=True)
class Settings:
    """What holds for the calls that are traced now.

    Attributes:
        algorithm: for calls that say ``"auto"``.
        max_workspace: bytes that an algorithm which ``"auto"`` chooses may expect to take.
        notes: where ``"auto"`` notes what it met, if anyone asked.
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
    """Decide how every call traced inside is computed that says ``algorithm="auto"``.

    What the algorithm does not compute, a pool by Winograd's say, stays ``"auto"``. A function that
    was jitted and called before is traced anew inside; outside it keeps what it had. Only what was
    compiled by hand, by ``jax.jit(f).lower(x).compile()``, stays as it is.

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
    """Note what every call traced inside that says ``"auto"`` meets."""
    notes = Notes()
    with _changed(replace(current(), notes=notes)):
        yield notes


def checked(algorithm: str) -> str:
    """`algorithm`, if it is ``"auto"`` or the name of one; a ValueError lists the names if not."""
    return arguments.one_of("algorithm", algorithm, ("auto", *ALGORITHMS))
