"""Parts of error messages."""

from collections.abc import Sequence

LONGEST = 100  # characters of a value in an error


def shown(value: object) -> str:
    """`value` in a few words: an array by its dtype and shape, a long text cut.

    ```
    >>> import numpy as np
    >>> shown(np.ones((2, 3))), shown("ab"), shown(10**400)
    ('an array of float64[2, 3]', "'ab'", 'an int of 1329 bits')

    ```
    """
    kind, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    if kind is not None and isinstance(shape, tuple) and shape:
        return f"an array of {kind}{list(shape)}"
    if isinstance(value, int) and value.bit_length() > 256:
        return f"an int of {value.bit_length()} bits"
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python does not write out a very long int in a tuple
        return f"a {type(value).__name__}"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def if_traced(name: str, value: object) -> str:
    """What to add to an error where `value` is not known while JAX traces."""
    entries = value if isinstance(value, Sequence) else (value,)
    if not any("Tracer" in type(entry).__name__ for entry in entries):
        return ""
    return f" Make it static: `jax.jit(..., static_argnames={name!r})`."


def count(number: int, noun: str) -> str:
    """A number with its noun, which is in the plural unless the number is 1."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
