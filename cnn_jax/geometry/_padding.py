"""Padding as a user writes it: a name, an int, ints or ``(low, high)`` pairs."""

from collections.abc import Sequence
from typing import Literal

from cnn_jax.arguments import LARGEST, as_int, count, did_you_mean, if_traced, one_of, shown

Pair = tuple[int, int]
PaddingLike = str | int | Sequence[int | Sequence[int]]
PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]

PADDING_NAMES = ("VALID", "SAME", "SAME_LOWER", "FULL", "CAUSAL")
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")

TEXTS = (str, bytes, bytearray)
"""Sequences that hold no entries for axes."""


def padding_mode(mode: object) -> str:
    """`mode` in lower case, if it is a padding mode in any case; else a ValueError."""
    if isinstance(mode, str) and mode.lower() in PADDING_MODES:
        return mode.lower()
    return str(one_of("padding_mode", mode, PADDING_MODES))


def padding_pairs(
    padding: PaddingLike,
    inputs: tuple[int, ...],
    extents: tuple[int, ...],
    stride: tuple[int, ...],
    source: str,
) -> tuple[Pair, ...]:
    """Resolve `padding` into one ``(low, high)`` pair per spatial axis.

    Args:
        padding: what the user wrote, as for `resolve`.
        inputs: the lengths of the dilated input.
        extents: the lengths of the dilated window.
        stride: input steps between two positions.
        source: what says how many spatial axes there are, for errors.

    Raises:
        TypeError: if it is neither a name, an int, nor made of ints.
        ValueError: if the name is unknown, the number of axes is another, or an int does not fit
            into 32 bits.
    """
    rank = len(inputs)
    if isinstance(padding, str):
        return _named_padding(padding, inputs, extents, stride)
    rule = (
        f"`padding` must be one of {', '.join(map(repr, PADDING_NAMES))}, an int, "
        f"{count(rank, 'int')} or {count(rank, '(low, high) pair')}, "
        f"one per spatial axis of {source}; got {shown(padding)}."
    )
    if (single := as_int(padding)) is not None:
        pairs = ((single, single),) * rank
    elif (pairs := as_pairs(padding)) is None:
        raise TypeError(rule + if_traced("padding", padding))
    elif len(pairs) != rank:
        raise ValueError(rule)
    check_padding(pairs)
    return pairs


def as_pairs(padding: object) -> tuple[Pair, ...] | None:
    """One ``(low, high)`` pair for each entry, an int or two; None if it is made of anything else.

    ```
    >>> as_pairs([1, (0, 2)])
    ((1, 1), (0, 2))

    ```
    """
    if not isinstance(padding, Sequence) or isinstance(padding, TEXTS):
        return None
    pairs = tuple(pair for pair in map(_as_pair, padding) if pair is not None)
    return pairs if len(pairs) == len(padding) else None


def check_padding(pairs: tuple[Pair, ...]) -> None:
    """Check that every entry fits into 32 bits; a ValueError if not."""
    if any(abs(entry) > LARGEST for pair in pairs for entry in pair):
        raise ValueError(
            f"`padding` must be from {-LARGEST} to {LARGEST} on every axis; got {shown(pairs)}."
        )


def _as_pair(entry: object) -> Pair | None:
    if (single := as_int(entry)) is not None:
        return (single, single)
    if isinstance(entry, Sequence) and not isinstance(entry, TEXTS) and len(entry) == 2:
        low, high = map(as_int, entry)
        if low is not None and high is not None:
            return (low, high)
    return None


def _named_padding(
    name: str, inputs: tuple[int, ...], extents: tuple[int, ...], stride: tuple[int, ...]
) -> tuple[Pair, ...]:
    match name.upper():
        case "VALID":
            return ((0, 0),) * len(inputs)
        case "SAME":
            return tuple((t // 2, t - t // 2) for t in map(_same_total, inputs, extents, stride))
        case "SAME_LOWER":
            return tuple((t - t // 2, t // 2) for t in map(_same_total, inputs, extents, stride))
        case "FULL":
            return tuple((k - 1, k - 1) for k in extents)
        case "CAUSAL":
            return tuple((k - 1, 0) for k in extents)
    raise ValueError(
        f"`padding` must be one of {', '.join(map(repr, PADDING_NAMES))}, an int, ints or "
        f"(low, high) pairs; got {shown(name)}.{did_you_mean(name, PADDING_NAMES)}"
    )


def _same_total(n: int, k: int, s: int) -> int:
    positions = -(-n // s)
    return max((positions - 1) * s + k - n, 0)
