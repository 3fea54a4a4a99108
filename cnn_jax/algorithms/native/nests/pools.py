"""Pools: each window reduced to its maximum, its minimum or its sum, or to the element it chose.

    y[row, q, c] = max over taps t of x[row(t), q * step + t * dilation - low, c]

Channels lie side by side, so a vector holds channels of one position; with a column stride of 1
neighboring positions lie side by side too, and a vector runs on from one to the next. So a pool is
a reduction of vectors that start at different places, in registers:

    item         some rows of positions (`pool_tiles.py`)
    row          the rows of x under it are listed once
    position     v vectors of channels; or, with a column stride of 1, all positions of the row
    rows, taps   the reduction, over the rows listed and the taps of a row

Up to `UNROLLED` taps of a row are written out for positions whose windows lie inside of the row.
Padding is never read: the rows listed are real ones, and positions at the ends of a row have
fewer taps. Each tap costs a load and one to four instructions, in one register for each vector, or
two if it has a number beside it. Pools of large arrays run at the speed of memory: 2x2 on
224x224x64 at 50 GB/s on two cores. Where a block would read short pieces of rows that lie far
apart, as in a pool over a whole map of 2048 channels, each row is read to its end before the next,
and what was found is kept in scratch: 0.12 ms instead of 0.27 for 16 maps of 7x7.

A maximum can note the number of the tap that it stands at, the first in row-major order, in a byte
for each output. That is all its gradient needs (`pool_gradients.py`). The kernel that moves along
with it is ``"take"``: y[p] is the element of x that stands at the tap of that number.
"""

from collections.abc import Callable, Sequence
from math import ceil, inf, prod

from cnn_jax.geometry import Window

from ..llvm.compiler import Kernel
from ..llvm.elements import summed
from ..llvm.lanes import bytes_of, constant, extreme, reciprocal, replaces, same, where
from ..llvm.language import BYTES, Array, Code, Int, Number, Register
from ..llvm.machine import Machine
from ..llvm.plan import ALIGNED, Numbers, Plan
from ..primitives.plain_pools import NOWHERE
from . import pool_tiles
from .axes import with_three_axes
from .pool_tiles import Tile, cut, walk

UNROLLED = 8
SHAPE: Sequence[str] = (
    "depth", "height", "width", "channels", "planes", "rows", "columns", "plane_taps", "row_taps",
    "column_taps", "plane_step", "row_step", "column_step", "plane_dilation", "row_dilation",
    "column_dilation", "plane_low", "row_low", "column_low", "list_bytes", "divisor",
)  # fmt: skip
SIGNS = {"max": 1, "min": -1}


def reduce(code: Code, plan: Array, pointers, own, shared, item: Int, traits: Sequence) -> None:
    """Some rows of the output."""
    computed, stored, kind, notes, unrolled, v, streams = traits
    p = Numbers(plan, 1, (*SHAPE, *pool_tiles.NUMBERS), ())
    x = Array(code, pointers[1 if kind == "take" else 0], stored)
    y = Array(code, pointers[2 if kind == "take" else 1], stored)
    places = Array(code, pointers[0 if kind == "take" else 2], "uint8")
    partial = Array(code, Array(code, own, "uint8").at(p.list_bytes).address, computed)
    listed = Array(code, own, "int64")
    window = _Window(code, p, kind, notes, v, listed, partial if streams else None)

    tile = Tile.of(code, p, item, p.rows)
    plane, image = tile.plane % p.planes, tile.plane // p.planes

    with code.loop(*tile.rows) as row:
        window.list_rows(image, plane, row)
        line = (tile.plane * p.rows + row) * p.columns

        def reduced(q: Int, count: Int, taps: tuple[Number, Number]) -> None:
            start = (line + q) * p.channels + tile.channels[0]
            at = (q * p.column_step - p.column_low) * p.channels + tile.channels[0]
            window.run(x.at(at), y.at(start), places.at(start), count, taps)

        def inside(q: Int, count: Int) -> None:
            reduced(q, count, (0, unrolled or p.column_taps))

        def at_an_end(q: Int, count: Int) -> None:
            start = q * p.column_step - p.column_low
            reduced(q, count, taps_inside(code, start, p.width, p.column_taps, p.column_dilation))

        walk(code, p, tile, inside, at_an_end)


def taps_inside(code: Code, start: Int, length: Int, taps: Int, dilation: Int) -> tuple[Int, Int]:
    """The taps from the first to before the last at which a window from `start` is inside."""
    first = (code.larger(0 - start, 0) + (dilation - 1)) // dilation
    end = (code.larger(length - start, 0) + (dilation - 1)) // dilation
    return first, code.smaller(end, taps)


class _Window:
    """Windows of one row of positions: the rows of x that they see, and their reduction."""

    def __init__(self, code, p, kind, notes, v, listed, partial):
        self.code, self.p, self.kind, self.notes, self.v = code, p, kind, notes, v
        self.listed, self.partial = listed, partial

    def list_rows(self, image: Int, plane: Int, row: Int) -> None:
        """List for each row of x where it starts, and the number of its first tap."""
        code, p, self.count = self.code, self.p, self.code.variable(0)
        top, start = row * p.row_step - p.row_low, plane * p.plane_step - p.plane_low
        planes = taps_inside(code, start, p.depth, p.plane_taps, p.plane_dilation)
        rows = taps_inside(code, top, p.height, p.row_taps, p.row_dilation)
        with code.loop(*planes) as i, code.loop(*rows) as j:
            d, h = start + i * p.plane_dilation, top + j * p.row_dilation
            place = ((image * p.depth + d) * p.height + h) * (p.width * p.channels)
            self.listed.put(self.count.now * 2, place)
            self.listed.put(self.count.now * 2 + 1, (i * p.row_taps + j) * p.column_taps)
            self.count.set(self.count.now + 1)

    def run(self, x: Array, y: Array, places: Array, count: Int, taps) -> None:
        """Reduce `count` windows whose elements lie side by side, for each of the taps."""
        code, partial = self.code, self.partial

        def all_rows(i: Int, v: int, keep: Int | None) -> None:
            state = self._start(places.at(i), taps, v, keep)
            with code.loop(0, self.count.now) as j:
                self._reduce(state, x.at(i), j, taps, keep)
            self._store(self._divided(state), y.at(i), places.at(i), keep)

        if partial is None:
            self._blocks(count, all_rows)
            return

        def start(i: Int, v: int, keep: Int | None) -> None:
            self._store(self._start(places, taps, v, keep), partial.at(i), places.at(i), keep)

        self._blocks(count, start)
        with code.loop(0, self.count.now) as j:

            def one_row(i: Int, v: int, keep: Int | None) -> None:
                state = self._stored(partial.at(i), places.at(i), v, keep)
                self._reduce(state, x.at(i), j, taps, keep)
                self._store(state, partial.at(i), places.at(i), keep)

            self._blocks(count, one_row)

        def finish(i: Int, v: int, keep: Int | None) -> None:
            state = self._stored(partial.at(i), places.at(i), v, keep)
            self._store(self._divided(state), y.at(i), places.at(i), keep)

        self._blocks(count, finish)

    def _blocks(self, count: Int, body: Callable[[Int, int, Int | None], None]) -> None:
        """Write `body` for blocks of v vectors and for single ones: (first, vectors, how many)."""
        code, wide = self.code, self.v * self.code.lanes
        whole = count - count % wide
        with code.loop(0, whole, wide) as i:
            body(i, self.v, None)
        with code.loop(whole, count, code.lanes) as i:
            body(i, 1, count - i)

    def _start(self, places: Array, taps, v: int, keep: Int | None) -> tuple:
        """What v vectors of windows have before any tap: values, numbers, numbers to look for."""
        code, numbers = self.code, []
        lowest = {"max": -inf, "min": inf}.get(self.kind, 0.0)
        values = [Register(code, constant(code, lowest)) for _ in range(v)]
        if self.notes:  # the first real tap, which counts even if it is -inf
            seen = (self.count.now > 0) & (code.number(taps[0]) < taps[1])
            first = code.chosen(seen, self.listed.element(1) + taps[0], NOWHERE)
            numbers = [Register(code, bytes_of(code, first)) for _ in range(v)]
        return values, numbers, self._given(places, v, keep)

    def _stored(self, partial: Array, places: Array, v: int, keep: Int | None) -> tuple:
        """What `_store` stored."""
        code, at = self.code, range(0, v * self.code.lanes, self.code.lanes)
        values = [Register(code, partial.load(i, keep)) for i in at]
        numbers = [Register(code, places.load(i, keep)) for i in at] if self.notes else []
        return values, numbers, self._given(places, v, keep)

    def _divided(self, state: tuple) -> tuple:
        """A sum over the divisor; all else as it is."""
        for value in state[0] if self.kind == "sum" else ():
            value.set(value.now * reciprocal(self.code, self.p.divisor))
        return state

    def _given(self, places: Array, v: int, keep: Int | None) -> list:
        at = range(0, v * self.code.lanes, self.code.lanes)
        return [places.load(i, keep) for i in at] if self.kind == "take" else []

    def _store(self, state: tuple, values: Array, places: Array, keep: Int | None) -> None:
        for array, registers in zip((values, places), state):
            for i, register in enumerate(registers):
                array.store(i * self.code.lanes, register.now, keep)

    def _reduce(self, state: tuple, x: Array, j: Int, taps, keep: Int | None) -> None:
        """Reduce the elements of the row listed at j."""
        p = self.p
        row, number = x.at(self.listed.element(2 * j)), self.listed.element(2 * j + 1)
        apart = p.column_dilation * p.channels
        over(self.code, taps, lambda k: self._tap(state, row.at(k * apart), number + k, keep))

    def _tap(self, state: tuple, row: Array, number: Int, keep: Int | None) -> None:
        values, numbers, given = state
        for i, value in enumerate(values):
            element, before = row.load(i * self.code.lanes, keep), value.now
            if self.kind == "sum":
                value.set(before + element)
            elif self.kind == "take":
                here = same(given[i], bytes_of(self.code, number))
                value.set(where(here, element, before))
            elif self.notes:
                taken = replaces(before, element, SIGNS[self.kind])
                numbers[i].set(where(taken, bytes_of(self.code, number), numbers[i].now))
                value.set(where(taken, element, before))
            else:
                value.set(extreme(before, element, SIGNS[self.kind]))


def over(code: Code, limits: tuple[Number, Number], body: Callable[[Number], None]) -> None:
    """Write `body` for each number between two; once, in a loop, unless both are known."""
    first, last = limits
    if isinstance(first, int) and isinstance(last, int):
        for number in range(first, last):
            body(number)
        return
    with code.loop(first, last) as number:
        body(number)


# -- the plan of a call


def plan(
    machine: Machine,
    x: tuple[int, ...],
    window: Window,
    stored: str,
    kind: str,
    notes: bool = False,
    divisor: int = 1,
) -> tuple[Kernel, Plan]:
    """The kernel that pools, and what it is told.

    Args:
        machine: what the kernel is compiled for.
        x: (n, *spatial, c).
        window: a window without base dilation.
        stored: the dtype of the arrays.
        kind: ``"max"``, ``"min"``, ``"sum"`` or ``"take"``.
        notes: whether a maximum or minimum notes its taps.
        divisor: of a sum.
    """
    computed = summed(stored)
    images, *spatial, channels = x
    window, lengths = with_three_axes(window, tuple(spatial))
    size, step, dilation = window.size, window.stride, window.dilation
    low = tuple(pair[0] for pair in window.padding)
    positions = window.output_size(lengths)
    columns = positions[2]

    # The positions of a row at which all of its taps are inside.
    reach = (size[2] - 1) * dilation[2]
    inner_first = max(0, min(columns, ceil(low[2] / step[2])))
    inner_last = max(inner_first, min(columns, (lengths[2] - 1 - reach + low[2]) // step[2] + 1))
    joined = step[2] == 1 and inner_last - inner_first > 1

    lanes = machine.lanes(BYTES[computed])
    together = (inner_last - inner_first) * channels if joined else channels
    v = _vectors(machine, kind, notes, ceil(together / lanes))
    taps, elements = prod(size), prod(positions) * channels
    items, tiles = cut(
        images * positions[0], positions[1], (0, columns), (inner_first, inner_last), joined,
        channels, v * lanes, taps,
    )  # fmt: skip
    list_bytes = ceil(16 * (size[0] * size[1] + 1) / ALIGNED) * ALIGNED
    shape = (*lengths, channels, *positions, *size, *step, *dilation, *low, list_bytes, divisor)
    numbers = dict(zip(SHAPE, shape, strict=True)) | tiles
    unrolled = size[2] if size[2] <= UNROLLED else 0
    # With few channels in a block the rows are read in short pieces, far apart.
    streams = size[0] * size[1] >= 4 and not joined and tiles["chunk"] > 4 * v * lanes
    buffers = 4 if notes or kind == "take" else 3
    traits = (computed, stored, kind, notes, unrolled, v, streams)
    return Kernel("pools", (reduce,), buffers, traits), Plan(
        items=(items,),
        numbers=numbers,
        tables={},
        work=16 * images * elements * (taps + 1),
        each=list_bytes + streams * tiles["chunk"] * BYTES[computed],
    )


def _vectors(machine: Machine, kind: str, notes: bool, needed: int) -> int:
    """Vectors of a block: each needs a register, or two if it has a number beside it."""
    most = machine.registers // (8 if notes or kind == "take" else 4)
    return max(v for v in (1, 2, 4, 8) if v <= max(1, min(most, needed)))
