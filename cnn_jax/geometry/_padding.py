"""Padding as a user writes it: a name, an int, ints or ``(low, high)`` pairs."""

from collections.abc import Sequence
from typing import Literal

from cnn_jax.arguments import as_int, count, if_traced

Pair = tuple[int, int]
PaddingLike = str | int | Sequence[int | Sequence[int]]
PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]

PADDING_NAMES = ("VALID", "SAME", "SAME_LOWER", "FULL", "CAUSAL")
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


def padding_pairs(
    padding: PaddingLike,
    inputs: tuple[int, ...],
    extents: tuple[int, ...],
    stride: tuple[int, ...],
    source: str,
) -> tuple[Pair, ...]:
    """Resolve `padding` into one ``(low, high)`` pair per spatial axis.

    `inputs` and `extents` are the lengths of the dilated input and of the dilated window; `source`
    is what says how many spatial axes there are, for errors.
    """
    rank = len(inputs)
    if isinstance(padding, str):
        return _named_padding(padding, inputs, extents, stride)
    if (single := as_int(padding)) is not None:
        return ((single, single),) * rank
    rule = (
        f"`padding` must be one of {', '.join(map(repr, PADDING_NAMES))}, an int, "
        f"{count(rank, 'int')} or {count(rank, '(low, high) pair')}, "
        f"one per spatial axis of {source}"
    )
    if not isinstance(padding, Sequence):
        raise TypeError(f"{rule}; got {padding!r}.{if_traced('padding', padding)}")
    pairs = tuple(pair for pair in map(_as_pair, padding) if pair is not None)
    if len(pairs) != len(padding):
        raise TypeError(f"{rule}; got {padding!r}.{if_traced('padding', padding)}")
    if len(pairs) != rank:
        raise ValueError(f"{rule}; got {padding!r}.")
    return pairs


def _as_pair(entry: object) -> Pair | None:
    if (single := as_int(entry)) is not None:
        return (single, single)
    if isinstance(entry, Sequence) and not isinstance(entry, str) and len(entry) == 2:
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
        f"(low, high) pairs; got {name!r}."
    )


def _same_total(n: int, k: int, s: int) -> int:
    positions = -(-n // s)
    return max((positions - 1) * s + k - n, 0)
