"""How pools and their gradients are cut into items, and how an item walks along its rows.

An item has some rows of the result, all of their columns and all channels. If there are too few
rows for many threads, it has some of the columns, and if there is one column, some of the channels.

The positions of a row from `inner_first` to `inner_last` have all of their taps inside; with a
column stride of 1 they are joined: their elements lie side by side, and so do those of their taps.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from ..llvm.language import Code, Int
from ..llvm.plan import Numbers

NUMBERS = (
    "tile_rows", "items_rows", "tile_columns", "items_columns", "first", "last", "inner_first",
    "inner_last", "joined", "chunk", "chunks",
)  # fmt: skip
MANY = 16  # items, which several threads can share evenly
ELEMENTS = 2**14  # elements that an item reads, if there are enough


def cut(
    planes: int,
    rows: int,
    columns: tuple[int, int],
    inner: tuple[int, int],
    joined: bool,
    channels: int,
    block: int,
    taps: int,
) -> tuple[int, dict[str, int]]:
    """Cut a result into items.

    Args:
        planes: how many planes it has, those of all images together.
        rows: rows of a plane.
        columns: the first position of a row and the end of its last.
        inner: those whose taps are all inside.
        joined: whether these are joined.
        channels: of the result.
        block: channels that are computed together.
        taps: that an element meets.

    Returns:
        The number of items, and the numbers by which `Tile.of` finds the one that is computed.
    """
    (first, last), (inner_first, inner_last) = columns, inner
    length = max(last - first, 1)
    tile_rows = max(1, min(rows, ELEMENTS // max(1, length * channels * min(taps, 9))))
    items_rows = ceil(rows / tile_rows)
    tiles = planes * items_rows
    tile_columns = ceil(length / ceil(MANY / tiles)) if 0 < tiles < MANY else length
    items_columns = ceil(length / tile_columns)
    tiles *= items_columns
    chunk = max(channels, 1)
    if 0 < tiles < MANY and length == 1 and not joined:
        chunk = min(chunk, ceil(chunk / ceil(MANY / tiles) / block) * block)
    chunks = ceil(channels / chunk)
    numbers = (
        tile_rows, items_rows, tile_columns, items_columns, first, last, inner_first, inner_last,
        int(joined), chunk, chunks,
    )  # fmt: skip
    return tiles * chunks, dict(zip(NUMBERS, numbers, strict=True))


@dataclass(frozen=True)
class Tile:
    """What an item computes: `rows` and `columns` from and to, `channels` from and how many."""

    plane: Int
    rows: tuple[Int, Int]
    columns: tuple[Int, Int]
    channels: tuple[Int, Int]

    @classmethod
    def of(cls, code: Code, p: Numbers, item: Int, rows: Int) -> "Tile":
        chunk, rest = item % p.chunks, item // p.chunks
        column, rest = rest % p.items_columns, rest // p.items_columns
        row, plane = rest % p.items_rows, rest // p.items_rows
        first_row, first_channel = row * p.tile_rows, chunk * p.chunk
        first_column = p.first + column * p.tile_columns
        return cls(
            plane,
            (first_row, code.smaller(first_row + p.tile_rows, rows)),
            (first_column, code.smaller(first_column + p.tile_columns, p.last)),
            (first_channel, code.smaller(p.chunk, p.channels - first_channel)),
        )


def walk(
    code: Code,
    p: Numbers,
    tile: Tile,
    inside: Callable[[Int, Int], None],
    at_an_end: Callable[[Int, Int], None],
) -> None:
    """Write `inside` and `at_an_end` for the positions of a row: (position, elements from it)."""
    (first, last), (_, channels) = tile.columns, tile.channels
    inner_first = code.smaller(code.larger(p.inner_first, first), last)
    inner_last = code.smaller(code.larger(p.inner_last, inner_first), last)
    joined, many = p.joined.equals(1), inner_last - inner_first
    with code.loop(inner_first, inner_last, code.chosen(joined, many, 1)) as q:
        inside(q, code.chosen(joined, many * p.channels, channels))
    with code.loop(first, last - many) as end:
        at_an_end(code.chosen(end < inner_first, end, end + many), channels)
