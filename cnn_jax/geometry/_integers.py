"""Integers as a user writes them: one for all axes, or one per axis."""

import operator
from collections.abc import Sequence


def per_axis(
    name: str, value: int | Sequence[int], rank: int, source: str, least: int = 1
) -> tuple[int, ...]:
    """Spread an int of at least `least` over `rank` axes, or check a sequence of one per axis.

    `source` is what says how many spatial axes there are, for errors: TypeError for what is not
    made of ints, ValueError for a wrong length or an entry below `least`.
    """
    rule = f"`{name}` must be an int or {count(rank, 'int')}, one per spatial axis of {source}"
    if (single := as_int(value)) is not None:
        entries = (single,) * rank
    elif isinstance(value, Sequence) and not isinstance(value, str):
        entries = tuple(entry for entry in map(as_int, value) if entry is not None)
        if len(entries) != len(value):
            raise TypeError(f"{rule}; got {value!r}.{if_traced(name, value)}")
        if len(entries) != rank:
            raise ValueError(f"{rule}; got {value!r}.")
    else:
        raise TypeError(f"{rule}; got {value!r}.{if_traced(name, value)}")
    if min(entries, default=least) < least:
        raise ValueError(f"`{name}` must be at least {least} on every axis; got {value!r}.")
    return entries


def positive_int(name: str, value: object) -> int:
    """`value` as a Python int; a TypeError if it is none, a ValueError if it is below 1."""
    if (number := as_int(value)) is None:
        text = f"`{name}` must be a positive int; got {value!r}.{if_traced(name, value)}"
        raise TypeError(text)
    if number < 1:
        raise ValueError(f"`{name}` must be a positive int; got {value!r}.")
    return number


def as_int(value: object) -> int | None:
    """`value` as a Python int if it is a concrete integer (bools are not), else None."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or getattr(value, "shape", ()):
        return None
    try:
        return operator.index(value)  # pyright: ignore[reportArgumentType]
    except TypeError:  # a traced value, a float array: not an integer that is known now
        return None


def if_traced(name: str, value: object) -> str:
    """What to add to an error where `value` is not known while JAX traces."""
    entries = value if isinstance(value, Sequence) else (value,)
    if not any("Tracer" in type(entry).__name__ for entry in entries):
        return ""
    return f" Make it static: `jax.jit(..., static_argnames={name!r})`."


def count(number: int, noun: str) -> str:
    """A number with its noun, which is in the plural unless the number is 1."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
