"""The gradients of pools: each element of x gathers from the windows that hold it.

    dx[i, c] = sum over taps t and positions p with p * step + t * dilation - low == i
               of g[p, c], where the window at p chose tap t

A maximum noted the number of the tap that it chose, in a byte for each output (`pools.py`); every
tap of a sum is chosen. Each element of dx is written once, by the one thread that computes its row,
and its terms are added in the order of the taps: so the gradient does not depend on the number of
threads.

The positions that meet one tap lie a fixed step apart. So elements i whose i + low have one
remainder modulo the stride, a phase, meet the same taps, at neighboring positions:

    item         some rows of dx
    row          the rows of g that meet it are listed once, with the number of their first tap
    phase        elements with one remainder
    element      v vectors of channels; with a column stride of 1 all elements of the row
    rows, taps   the sum: a vector of bytes is compared, and g is added where they are equal

Up to `UNROLLED` taps of up to `WRITTEN` phases are written out, for elements all of whose positions
exist; the others look at each tap.
"""

from collections.abc import Sequence
from math import ceil, prod

from cnn_jax.geometry import Window

from ..llvm.compiler import Kernel
from ..llvm.elements import summed
from ..llvm.lanes import bytes_of, reciprocal, same, where
from ..llvm.language import BYTES, Array, Code, Int, Register
from ..llvm.machine import Machine
from ..llvm.plan import Numbers, Plan
from . import pool_tiles
from .axes import with_three_axes
from .pool_tiles import Tile, cut, walk
from .pools import UNROLLED

SHAPE: Sequence[str] = (
    "depth", "height", "width", "channels", "planes", "rows", "columns", "plane_taps", "row_taps",
    "column_taps", "plane_step", "row_step", "column_step", "plane_dilation", "row_dilation",
    "column_dilation", "plane_low", "row_low", "column_low", "divisor",
)  # fmt: skip
TABLES = ("phases",)
WRITTEN = 4  # phases, at most, that are written out


def gather(code: Code, plan: Array, pointers, own, shared, item: Int, traits: Sequence) -> None:
    """Some rows of the gradient."""
    _, stored, chosen, v, *written = traits
    p = Numbers(plan, 1, (*SHAPE, *pool_tiles.NUMBERS), TABLES)
    places = Array(code, pointers[0], "uint8")
    g, dx = (Array(code, pointer, stored) for pointer in pointers[chosen : chosen + 2])
    row_of = _Row(code, p, Array(code, own, "int64"), chosen, v)

    tile = Tile.of(code, p, item, p.height)
    plane, image = tile.plane % p.depth, tile.plane // p.depth

    with code.loop(*tile.rows) as row:
        row_of.list_rows(image, plane, row)
        line = (tile.plane * p.height + row) * p.width

        def gathered(q: Int, phase: Int, count: Int, offsets) -> None:
            column = q * p.column_step + phase - p.column_low
            to = dx.at((line + column) * p.channels + tile.channels[0])
            at = q * p.channels + tile.channels[0]
            row_of.run(g.at(at), places.at(at), to, count, offsets)

        def inside(q: Int, count: Int) -> None:
            for number, offsets in enumerate(phases(*written) if written else ()):
                gathered(q, code.number(number), count, offsets)

        def at_an_end(q: Int, count: Int) -> None:
            with code.loop(0, p.column_step) as phase:
                column = q * p.column_step + phase - p.column_low
                with code.when((column >= 0) & (column < p.width)):
                    table = p.phases.at(phase * (1 + 2 * p.column_taps))
                    gathered(q, phase, count, (table, q))

        walk(code, p, tile, inside, at_an_end)


class _Row:
    """One row of dx: the rows of g that meet it, and the sums of its elements."""

    def __init__(self, code: Code, p: Numbers, listed: Array, chosen: bool, v: int):
        self.code, self.p, self.listed, self.chosen, self.v = code, p, listed, chosen, v

    def list_rows(self, image: Int, plane: Int, row: Int) -> None:
        """List for each row of g where it starts, and the number of its first tap."""
        code, p, self.count = self.code, self.p, self.code.variable(0)
        with code.loop(0, p.plane_taps) as i:
            at = plane + p.plane_low - i * p.plane_dilation
            d = code.larger(at, 0) // p.plane_step
            meets = (at >= 0) & (d * p.plane_step).equals(at) & (d < p.planes)
            with code.when(meets), code.loop(0, p.row_taps) as j:
                at = row + p.row_low - j * p.row_dilation
                h = code.larger(at, 0) // p.row_step
                meets = (at >= 0) & (h * p.row_step).equals(at) & (h < p.rows)
                with code.when(meets):
                    place = ((image * p.planes + d) * p.rows + h) * (p.columns * p.channels)
                    self.listed.put(self.count.now * 2, place)
                    self.listed.put(self.count.now * 2 + 1, (i * p.row_taps + j) * p.column_taps)
                    self.count.set(self.count.now + 1)

    def run(self, g: Array, places: Array, dx: Array, count: Int, offsets) -> None:
        """Sum up `count` elements that lie side by side."""
        code, wide = self.code, self.v * self.code.lanes
        whole = count - count % wide
        with code.loop(0, whole, wide) as i:
            self._block(g.at(i), places.at(i), dx.at(i), offsets, self.v, None)
        with code.loop(whole, count, code.lanes) as i:
            self._block(g.at(i), places.at(i), dx.at(i), offsets, 1, count - i)

    def _block(self, g: Array, places: Array, dx: Array, offsets, v: int, keep) -> None:
        code, p, lanes = self.code, self.p, self.code.lanes
        sums = [Register(code, code.zeros()) for _ in range(v)]

        def add(place: Int, number: Int) -> None:
            """Add the elements of g from a place on, where their windows chose this tap."""
            for i in range(v):
                before = sums[i].now
                after = before + g.load(place + i * lanes, keep)
                if self.chosen:
                    here = same(places.load(place + i * lanes, keep), bytes_of(code, number))
                    after = where(here, after, before)
                sums[i].set(after)

        with code.loop(0, self.count.now) as j:
            row, number = self.listed.element(2 * j), self.listed.element(2 * j + 1)
            if isinstance(offsets, list):
                for tap, offset in offsets:
                    add(row + offset * p.channels, number + tap)
            else:
                table, q = offsets
                with code.loop(0, table.element(0)) as k:
                    tap, offset = table.element(2 * k + 1), table.element(2 * k + 2)
                    exists = (q + offset >= 0) & (q + offset < p.columns)
                    with code.when(exists):
                        add(row + offset * p.channels, number + tap)
        for i in range(v):
            total = sums[i].now
            if not self.chosen:
                total = total * reciprocal(code, p.divisor)
            dx.store(i * lanes, total, keep)


def phases(taps: int, step: int, dilation: int) -> list[list[tuple[int, int]]]:
    """For each phase the taps that it meets, and where: (tap, positions from q on).

    Element q * step + phase of the padded row meets tap t at position q + (phase - t * dilation) /
    step, if that is an integer.
    """
    return [
        [
            (t, (phase - t * dilation) // step)
            for t in range(taps)
            if (phase - t * dilation) % step == 0
        ]
        for phase in range(step)
    ]


# -- the plan of a call


def plan(
    machine: Machine,
    x: tuple[int, ...],
    window: Window,
    stored: str,
    chosen: bool,
    divisor: int = 1,
) -> tuple[Kernel, Plan]:
    """The kernel that computes the gradient of a pool, and what it is told.

    Args:
        machine: what the kernel is compiled for.
        x: (n, *spatial, c), the shape of the gradient.
        window: of the pool.
        stored: the dtype of the arrays.
        chosen: whether each window chose one element, as a maximum; otherwise it is a sum.
        divisor: of the sum.
    """
    computed = summed(stored)
    images, *spatial, channels = x
    window, lengths = with_three_axes(window, tuple(spatial))
    size, step, dilation = window.size, window.stride, window.dilation
    low = tuple(pair[0] for pair in window.padding)
    positions = window.output_size(lengths)

    met = phases(size[2], step[2], dilation[2])
    written = size[2] <= UNROLLED and step[2] <= WRITTEN
    first, last = low[2] // step[2], (low[2] + lengths[2] - 1) // step[2] + 1
    inner_first, inner_last = _inner(met, low[2], step[2], lengths[2], positions[2])
    inner_last = max(inner_last, inner_first) if written else inner_first

    lanes = machine.lanes(BYTES[computed])
    joined = step[2] == 1 and inner_last - inner_first > 1
    together = (inner_last - inner_first) * channels if joined else channels
    most = min(machine.registers // 8, ceil(together / lanes))
    v = max(v for v in (1, 2, 4) if v <= max(1, most))
    elements, taps = prod(lengths) * channels, prod(map(ceil, map(_ratio, size, step)))
    items, tiles = cut(
        images * lengths[0], lengths[1], (first, last), (inner_first, inner_last), joined,
        channels, v * lanes, taps * step[2],
    )  # fmt: skip
    shape = (*lengths, channels, *positions, *size, *step, *dilation, *low, divisor)
    numbers = dict(zip(SHAPE, shape, strict=True)) | tiles
    traits = (computed, stored, chosen, v, *((size[2], step[2], dilation[2]) if written else ()))
    return Kernel("pool_gradients", (gather,), 4 if chosen else 3, traits), Plan(
        items=(items,),
        numbers=numbers,
        tables={"phases": _table(met, size[2])},
        work=16 * images * elements * (taps + 1),
        each=16 * (size[0] * size[1] + 1),
    )


def _inner(met, low: int, step: int, length: int, positions: int) -> tuple[int, int]:
    """The q at which the elements of all phases exist, and all positions that they meet."""
    offsets = [offset for phase in met for _, offset in phase]
    first = max(ceil(low / step), -min(offsets))
    return first, min((low + length) // step, positions - max(offsets))


def _table(met, taps: int) -> list[int]:
    """For each phase the number of its taps, and (tap, offset) of each."""

    def row(phase: list[tuple[int, int]]) -> list[int]:
        listed = [entry for pair in phase for entry in pair]
        return [len(phase), *listed, *[0] * (2 * taps - len(listed))]

    return [entry for phase in met for entry in row(phase)]


def _ratio(size: int, step: int) -> float:
    return size / step
