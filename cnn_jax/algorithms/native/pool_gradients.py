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

Where the windows of a row overlap, up to `UNROLLED` taps are written out for elements all of whose
positions exist.
"""

from collections.abc import Sequence
from math import ceil, prod

from cnn_jax.geometry import Window

from .compiler import Kernel
from .lanes import bytes_of, same, where
from .language import BYTES, Array, Code, Int, Register
from .machine import Machine
from .plan import Numbers, Plan
from .pools import UNROLLED

NUMBERS: Sequence[str] = (
    "depth", "height", "width", "channels", "planes", "rows", "columns", "plane_taps", "row_taps",
    "column_taps", "plane_step", "row_step", "column_step", "plane_dilation", "row_dilation",
    "column_dilation", "plane_low", "row_low", "column_low", "tile_rows", "items_rows", "chunk",
    "chunks", "joined",
)  # fmt: skip
TABLES = ("phases",)
PHASE = 5  # numbers of a phase before its taps: elements, the inner ones, how many taps


def gather(code: Code, plan: Array, pointers, own, shared, item: Int, traits: Sequence) -> None:
    """Some rows of the gradient."""
    _, stored, chosen, v, *written = traits
    p = Numbers(plan, 1, NUMBERS, TABLES)
    places = Array(code, pointers[0], "uint8")
    g, dx = (Array(code, pointer, stored) for pointer in pointers[chosen : chosen + 2])
    row_of = _Row(code, p, Array(code, own, "int64"), chosen, v)

    chunk, rest = item % p.chunks, item // p.chunks
    tile, rest = rest % p.items_rows, rest // p.items_rows
    plane, image = rest % p.depth, rest // p.depth
    first_row, first_channel = tile * p.tile_rows, chunk * p.chunk
    each = code.smaller(p.chunk, p.channels - first_channel)

    with code.loop(first_row, code.smaller(first_row + p.tile_rows, p.height)) as row:
        row_of.list_rows(image, plane, row)
        line = ((image * p.depth + plane) * p.height + row) * p.width

        def gathered(q: Int, phase: Int, count: Int, offsets) -> None:
            """The elements of a phase from number q on, `count` of them."""
            column = q * p.column_step + phase - p.column_low
            to = dx.at((line + column) * p.channels + first_channel)
            at = q * p.channels + first_channel
            row_of.run(g.at(at), places.at(at), to, count, offsets)

        size = PHASE + 2 * p.column_taps
        with code.loop(0, 0 if written else p.column_step) as phase:
            table = p.phases.at(phase * size)
            with code.loop(table.element(0), table.element(1)) as q:
                gathered(q, phase, each, (table, q))
        for number, offsets in enumerate(phases(*written) if written else ()):
            phase, table = code.number(number), p.phases.at(number * size)
            first, last, inner, inner_end = (table.element(i) for i in range(4))
            joined, many = p.joined.equals(1), inner_end - inner
            step = code.chosen(joined, many, 1)
            count = code.chosen(joined, many * p.channels, each)
            with code.loop(inner, inner_end, step) as q:
                gathered(q, phase, count, offsets)
            with code.loop(first, last - many) as end:
                q = code.chosen(end < inner, end, end + many)
                gathered(q, phase, each, (table, q))


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
                with code.loop(0, table.element(4)) as k:
                    tap, offset = (table.element(PHASE + 2 * k + i) for i in range(2))
                    exists = (q + offset >= 0) & (q + offset < p.columns)
                    with code.when(exists):
                        add(row + offset * p.channels, number + tap)
        for i in range(v):
            dx.store(i * lanes, sums[i].now, keep)


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
    machine: Machine, x: tuple[int, ...], window: Window, stored: str, chosen: bool
) -> tuple[Kernel, Plan]:
    """The kernel that computes the gradient of a pool, and what it is told.

    Args:
        machine: what the kernel is compiled for.
        x: (n, *spatial, c), the shape of the gradient.
        window: of the pool.
        stored: the dtype of the arrays.
        chosen: whether each window chose one element, as a maximum; otherwise it is a sum.
    """
    computed = "float64" if stored == "float64" else "float32"
    images, *spatial, channels = x
    missing = 3 - window.rank
    lengths = (*(1,) * missing, *spatial)
    size, step, dilation = (
        (*(1,) * missing, *of) for of in (window.size, window.stride, window.dilation)
    )
    low = (*(0,) * missing, *(pair[0] for pair in window.padding))
    positions = (*(1,) * missing, *window.output_size(tuple(spatial)))

    table, longest = [], 0
    for phase, met in enumerate(phases(size[2], step[2], dilation[2])):
        first = -((phase - low[2]) // step[2])
        last = -((phase - low[2] - lengths[2]) // step[2])
        offsets = [offset for _, offset in met]
        inner = min(max(first, -min(offsets, default=0)), last)
        inner_end = max(inner, min(last, positions[2] - max(offsets, default=0)))
        listed = [entry for pair in met for entry in pair]
        table += [first, last, inner, inner_end, len(met), *listed]
        table += [0] * (2 * size[2] - len(listed))
        longest = max(longest, inner_end - inner)

    lanes = machine.lanes(BYTES[computed])
    joined = step[2] == 1 and longest > 0
    together = longest * channels if joined else channels
    most = min(machine.registers // 8, ceil(together / lanes))
    v = max(v for v in (1, 2, 4) if v <= max(1, most))
    elements, taps = prod(lengths) * channels, prod(map(ceil, map(_ratio, size, step)))
    tile_rows = max(1, min(lengths[1], 2**14 // max(1, lengths[2] * channels * min(taps, 9))))
    items_rows = ceil(lengths[1] / tile_rows)
    tiles = images * lengths[0] * items_rows
    chunk = max(channels, 1)
    if tiles < 16 and not joined:
        chunk = min(chunk, max(1, ceil(ceil(channels / (16 // max(tiles, 1))) / (v * lanes)))
                    * v * lanes)  # fmt: skip
    chunks = ceil(channels / chunk)
    numbers = dict(zip(NUMBERS, (
        *lengths, channels, *positions, *size, *step, *dilation, *low, tile_rows, items_rows,
        chunk, chunks, int(joined),
    ), strict=True))  # fmt: skip
    # Written out where windows overlap; else an element meets one tap at most.
    written = step[2] < size[2] <= UNROLLED
    traits = (computed, stored, chosen, v, *((size[2], step[2], dilation[2]) if written else ()))
    return Kernel("pool_gradients", (gather,), 4 if chosen else 3, traits), Plan(
        items=(tiles * chunks,),
        numbers=numbers,
        tables={"phases": table},
        work=16 * images * elements * (taps + 1),
        each=16 * (size[0] * size[1] + 1),
    )


def _ratio(size: int, step: int) -> float:
    return size / step
