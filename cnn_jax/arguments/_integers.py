"""Integers: one, or one per spatial axis."""

import operator
from collections.abc import Sequence

from ._texts import count, if_traced, shown

LARGEST = 2**31 - 1
"""The largest size that every platform accepts; XLA ends the process on some larger ones."""


def as_int(value: object) -> int | None:
    """`value` as a Python int if it is a concrete integer (bools are not), else None."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or getattr(value, "shape", ()):
        return None
    try:
        return operator.index(value)  # pyright: ignore[reportArgumentType]
    except TypeError:  # a traced value, a float array: not an integer that is known now
        return None


def integer(
    name: str, value: object, *, at_least: int | None = None, at_most: int = LARGEST
) -> int:
    """`value` as a Python int.

    ```
    >>> integer("groups", 2, at_least=1)
    2
    >>> integer("groups", True, at_least=1)
    Traceback (most recent call last):
    TypeError: `groups` must be a positive int; got True.

    ```

    Raises:
        TypeError: if it is no int. A bool is none.
        ValueError: if it is below `at_least` or above `at_most`.
    """
    if at_least is None:
        rule = "an int"
    elif at_least == 1:
        rule = "a positive int"
    else:
        rule = f"an int of at least {at_least}"
    if (found := as_int(value)) is None:
        raise TypeError(f"`{name}` must be {rule}; got {shown(value)}.{if_traced(name, value)}")
    if at_least is not None and found < at_least:
        raise ValueError(f"`{name}` must be {rule}; got {shown(found)}.")
    if not -LARGEST - 1 <= found <= at_most:
        raise ValueError(f"`{name}` must be at most {at_most}; got {shown(found)}.")
    return found


def per_axis(
    name: str,
    value: int | Sequence[int],
    rank: int,
    source: str,
    *,
    at_least: int = 1,
) -> tuple[int, ...]:
    """Spread an int over `rank` spatial axes, or check a sequence of one int per axis.

    ```
    >>> per_axis("stride", 2, 3, "`kernel`")
    (2, 2, 2)

    ```

    Args:
        name: of the argument.
        value: an int, or a sequence of `rank` ints.
        rank: the number of spatial axes.
        source: what says how many there are, for the errors.
        at_least: the smallest int that is allowed.

    Raises:
        TypeError: if it is not made of ints.
        ValueError: if it has another length, or an int is too small or does not fit into 32 bits.
    """
    rule = f"`{name}` must be an int or {count(rank, 'int')}, one per spatial axis of {source}"
    if (single := as_int(value)) is not None:
        entries = (single,) * rank
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        entries = tuple(entry for entry in map(as_int, value) if entry is not None)
        if len(entries) != len(value):
            raise TypeError(f"{rule}; got {shown(value)}.{if_traced(name, value)}")
        if len(entries) != rank:
            raise ValueError(f"{rule}; got {shown(value)}.")
    else:
        raise TypeError(f"{rule}; got {shown(value)}.{if_traced(name, value)}")
    if min(entries, default=at_least) < at_least:
        raise ValueError(f"`{name}` must be at least {at_least} on every axis; got {shown(value)}.")
    if max(entries, default=0) > LARGEST:
        raise ValueError(f"`{name}` must be at most {LARGEST} on every axis; got {shown(value)}.")
    return entries


def lengths(
    name: str,
    value: object,
    *,
    at_least: int = 1,
    source: str = "the input",
    example: int = 2,
) -> tuple[int, ...]:
    """Check a tuple or list of ints, one per spatial axis, whose length is the spatial rank.

    ```
    >>> lengths("window", [3, 3])
    (3, 3)
    >>> lengths("n", 3)
    Traceback (most recent call last):
    TypeError: `n` must be a tuple with one int per spatial axis, such as (3, 3) for images; got 3.

    ```

    Args:
        name: of the argument.
        value: what was given. A single int does not say how many axes there are: it is refused.
        at_least: the smallest int that is allowed.
        source: whose spatial axes they are, for the errors.
        example: an int that may stand there, for the errors.

    Raises:
        TypeError: if it is no tuple or list, or not made of ints.
        ValueError: if an int is too small or does not fit into 32 bits.
    """
    if not isinstance(value, tuple | list) or None in map(as_int, value):
        raise TypeError(not_a_tuple(name, "one int", value, example))
    return per_axis(name, value, len(value), source, at_least=at_least)


def not_a_tuple(name: str, entry: str, value: object, example: object) -> str:
    """The error about a `value` that is no tuple of one `entry` per spatial axis.

    It shows how to write `value` for images, or the `example` if `value` is not a number.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    single = shown(value if is_number else example)
    return (
        f"`{name}` must be a tuple with {entry} per spatial axis, such as ({single}, {single}) for "
        f"images; got {shown(value)}.{if_traced(name, value)}"
    )
