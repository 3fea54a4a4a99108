"""Which algorithm computes a call: the one it names, the one it stands in, or the default."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from . import vmap, xla

ALGORITHMS = {"xla": xla, "vmap": vmap}

_in_use: ContextVar[str] = ContextVar("algorithm", default="auto")


def choose(algorithm: str):
    """The module that computes a call with this `algorithm`: ``"auto"`` or a name.

    Raises:
        ValueError: if there is no algorithm of that name.
    """
    name = _checked(algorithm)
    if name == "auto":
        name = _in_use.get()
    return ALGORITHMS["xla" if name == "auto" else name]


@contextmanager
def using(*, algorithm: str) -> Iterator[None]:
    """Decide the algorithm of every call traced inside that says ``algorithm="auto"``.

    A function that was jitted and traced before keeps what it was traced with.

    ```
    >>> import jax.numpy as jnp
    >>> from cnn_jax import functional as F
    >>> with F.using(algorithm="vmap"):
    ...     F.conv(jnp.arange(4.0)[:, None], jnp.ones((2, 1, 1))).ravel()
    Array([1., 3., 5.], dtype=float32)

    ```

    Args:
        algorithm: ``"auto"`` or a name.

    Raises:
        ValueError: if there is no algorithm of that name.
    """
    token = _in_use.set(_checked(algorithm))
    try:
        yield
    finally:
        _in_use.reset(token)


def _checked(algorithm: str) -> str:
    names = ("auto", *ALGORITHMS)
    if algorithm not in names:
        known = ", ".join(map(repr, names))
        raise ValueError(f"`algorithm` must be one of {known}; got {algorithm!r}.")
    return algorithm
