"""The gradient of a convolution of narrow groups with respect to its kernel.

    dkernel[t, k, o] = sum over images, rows, positions a of
                       x[row(t), a * step + t * spread, src(o, k)] * g[row, a, o]

A vector of output channels has sums of its own for each tap of a row of the window, and for each of
u positions side by side, so that enough of them are independent: a sum is ready only four cycles
after it is begun. A vector of x is loaded, and shuffled to the order of the output channels
(narrow.py), once for all taps and positions that it meets.

The loops, from the outside:

    item            some vectors of channels, and a chunk of the tiles
    tile            a few rows, of one image or, if they are short, of several, so that the sums
                    stay in registers for about 256 positions
    vector          of output channels: what it meets of the tile stays in the first-level cache
    row of taps
    image, row      of the tile
    positions       u at a time

The sums of a tile are added to those of its chunk, in the order of the tiles, and a last phase adds
the chunks. How many there are depends on the shapes alone.
"""

from collections.abc import Sequence
from math import ceil, prod

from cnn_jax.geometry import Window

from ..llvm.compiler import Kernel
from ..llvm.elements import BYTES, summed
from ..llvm.language import Array, Code, Int, Vector
from ..llvm.machine import Machine
from ..llvm.plan import Numbers, Plan
from .along import NUMBERS, TABLES, PhaseOf, numbers_of, run, spread
from .axes import Axis, arranged
from .narrow import Narrow

NAMES = (
    *NUMBERS, "tiles", "chunks", "image_items", "row_items", "column_items", "tile_images",
    "tile_rows", "tile_columns", "item_vectors", "vector_items", "vector_size",
)  # fmt: skip
PLACES = (*TABLES, "plane_places", "row_places", "column_places")
PHASES = 2
ITEMS = 32  # enough for many threads
POSITIONS = 256  # of a tile
ZEROS = 256  # bytes of zeros, for padding


def blocks(
    machine: Machine, rows: Sequence[int], run: int, step: int, spread: int, narrow: Narrow
) -> tuple[int, int]:
    """(u, c): the positions, and the input channels of a group, of a block of sums.

    u * c sums for each tap of a run, u vectors of g and an element of x must fit into the
    registers. Of the sizes that do, the one that takes the fewest cycles is taken.
    """

    def cycles(u: int, c: int) -> float:
        def block(u: int) -> float:
            columns = len({a * step + t * spread for a in range(u) for t in range(run)})
            arithmetic = (u * run + (columns if narrow.shuffles else 0)) * c
            # Measured, loads add to the time of arithmetic.
            return max((arithmetic + columns * narrow.sources + u) / 2, 4) + 1

        passes = ceil(narrow.group_in / c)
        return passes * sum(row // u * block(u) + row % u * block(1) for row in rows)

    fitting = [
        (u, c)
        for c in range(1, narrow.group_in + 1)
        for u in range(1, 9)
        if u * c * run + u + 2 + narrow.sources < machine.registers
    ]
    return min(fitting, key=lambda block: cycles(*block), default=(1, 1))


def accumulate(code: Code, plan: Array, pointers, own, shared, item: Int, traits: Sequence) -> None:
    """The sums of one chunk, for some vectors of channels."""
    computed, stored, group_in, group_out = traits[:4]
    p, narrow = Numbers(plan, PHASES, NAMES, PLACES), Narrow(group_in, group_out, code.lanes)
    x, g = Array(code, pointers[0], stored), Array(code, pointers[1], stored)
    zeros = Array(code, own, stored)
    for place in range(0, narrow.size, code.lanes):
        zeros.store(place, code.zeros())
    part, chunk = item % p.vector_items, item // p.vector_items
    first = part * p.item_vectors
    last = code.smaller(first + p.item_vectors, p.vectors)
    sums = Array(code, shared, computed).at(chunk * p.vectors * p.vector_size)
    with code.loop(first * p.vector_size, last * p.vector_size, code.lanes) as place:
        sums.store(place, code.zeros())
    with code.loop(chunk * p.tiles // p.chunks, (chunk + 1) * p.tiles // p.chunks) as number:
        tile = Tile(code, p, traits, narrow, x, g, zeros, sums, number)
        tile.add(first, last)


class Tile:
    """A few rows of one image, or of several."""

    def __init__(self, code, p, traits, narrow, x, g, zeros, sums, number: Int):
        self.code, self.p, self.narrow = code, p, narrow
        self.x, self.g, self.zeros, self.sums = x, g, zeros, sums
        self.u, self.c, self.run, self.step, self.spread, self.rest, self.masked = traits[4:]
        columns, rest = number % p.column_items, number // p.column_items
        rows, rest = rest % p.row_items, rest // p.row_items
        self.plane, images = rest % p.plane_items, rest // p.plane_items
        self.first_row, self.first_column = rows * p.tile_rows, columns * p.tile_columns
        first_image = images * p.tile_images
        self.images = first_image, code.smaller(first_image + p.tile_images, p.images)

    def add(self, first: Int, last: Int) -> None:
        """Add the tile's sums of the vectors first, ..., last - 1."""
        code, p = self.code, self.p
        with (
            code.loop(0, p.plane_phases) as plane_phase,
            code.loop(0, p.row_phases) as row_phase,
            code.loop(0, p.column_phases) as column_phase,
        ):
            self.planes = PhaseOf(p.plane_table, plane_phase)
            self.rows = PhaseOf(p.row_table, row_phase)
            self.columns = PhaseOf(p.column_table, column_phase)
            self.last_row = code.smaller(self.first_row + p.tile_rows, self.rows.positions)
            self.last_column = code.smaller(
                self.first_column + p.tile_columns, self.columns.positions
            )
            with (
                code.when(self.plane < self.planes.positions),
                code.loop(first, last) as vector,
                code.loop(0, self.planes.taps) as i,
            ):
                d = self.plane * p.plane_step + self.planes.offset + i * p.plane_spread
                with code.when(d.within(p.depth)), code.loop(0, self.rows.taps) as j:
                    self._add_row_of_taps(vector, i, d, j)

    def _add_row_of_taps(self, vector: Int, i: Int, d: Int, j: Int) -> None:
        """Add the sums of the row j of taps in the plane i of taps, which meets the plane d."""
        code, p, of_tap = self.code, self.p, self.narrow.group_in * self.code.lanes
        tap = (self.planes.start + i) * p.row_taps + self.rows.start + j
        tap = tap * p.column_taps + self.columns.start
        sums = self.sums.at(vector * p.vector_size + tap * of_tap)
        in_runs = self.columns.taps - self.columns.taps % self.run
        with code.loop(0, in_runs, self.run) as t:
            self._add_run(vector, d, j, t, sums.at(t * of_tap), self.run)
        if self.rest:
            with code.loop(in_runs, self.columns.taps) as t:
                self._add_run(vector, d, j, t, sums.at(t * of_tap), 1)

    def _add_run(self, vector: Int, d: Int, j: Int, t: Int, to: Array, run: int) -> None:
        """Add the sums of the taps t, ..., t + run - 1 of a row."""
        code, p, narrow = self.code, self.p, self.narrow
        first_tap = t * self.spread + self.columns.offset
        plane = self.planes.first + self.plane * p.plane_phases
        for first in range(0, narrow.group_in, self.c):
            channels = range(first, min(first + self.c, narrow.group_in))
            sums = code.sums(self.u, run, len(channels))
            with (
                code.loop(*self.images) as image,
                code.loop(self.first_row, self.last_row) as row,
            ):
                h = row * p.row_step + self.rows.offset + j * p.row_spread
                with code.when(h.within(p.height)):
                    x = ((image * p.depth + d) * p.height + h) * p.width * p.channels
                    g = image * p.planes + plane
                    g = g * p.out_rows + self.rows.first + row * p.row_phases
                    g = (g * p.out_columns + self.columns.first) * p.out_channels
                    self._add_row(
                        sums,
                        self.x.at(x + vector * narrow.inputs),
                        self.g.at(g + vector * narrow.outputs),
                        vector,
                        first_tap,
                        channels,
                    )
            for i in range(run):
                for k, channel in enumerate(channels):
                    total = _total([of_position[i][k].now for of_position in sums])
                    place = (i * narrow.group_in + channel) * code.lanes
                    to.store(place, to.load(place) + total)

    def _add_row(self, sums, x: Array, g: Array, vector: Int, first_tap: Int, channels) -> None:
        """Add the products of a row."""
        code, p, u, run = self.code, self.p, self.u, len(sums[0])
        positions = self.last_column - self.first_column
        in_blocks = self.last_column - positions % u
        reach = (u - 1) * self.step + (run - 1) * self.spread + 1
        with code.loop(self.first_column, in_blocks, u) as start:
            column = start * self.step + first_tap
            inside = (column >= 0) & (column + reach <= p.width)
            with code.when(inside):
                self._add_block(sums, x, g, vector, start, column, channels, padded=False)
            with code.otherwise(inside):
                self._add_block(sums, x, g, vector, start, column, channels, padded=True)
        if u > 1:
            with code.loop(in_blocks, self.last_column) as start:
                column = start * self.step + first_tap
                self._add_block(sums[:1], x, g, vector, start, column, channels, padded=True)

    def _add_block(self, sums, x, g, vector, start: Int, first: Int, channels, padded) -> None:
        """Add the products of positions side by side, of which the first meets column `first`."""
        code, p, narrow = self.code, self.p, self.narrow
        u, run = len(sums), len(sums[0])
        keep_x = keep_g = None
        if self.masked:
            keep_x = p.channels - vector * narrow.inputs
            keep_g = p.out_channels - vector * narrow.outputs
        stride, g_vectors = p.column_phases * p.out_channels, []
        at = g.at(start * stride)
        for _ in range(u):
            g_vectors.append(at.load(0, keep_g))
            at = at.at(stride)
        place = first * p.channels
        for column in range((u - 1) * self.step + (run - 1) * self.spread + 1):
            meets = [
                (a, i)
                for i in range(run)
                for a in range(u)
                if a * self.step + i * self.spread == column
            ]
            if meets:
                source = x.at(place)
                if padded:
                    source = code.chosen((first + column).within(p.width), source, self.zeros)
                elements = narrow.load(source, 0, keep_x)
                for k, channel in enumerate(channels):
                    element = narrow.met(code, elements, channel)
                    for a, i in meets:
                        sums[a][i][k].add(element, g_vectors[a])
            place = place + p.channels


def _total(vectors: Sequence[Vector]) -> Vector:
    """The sum of vectors, by halves."""
    if len(vectors) == 1:
        return vectors[0]
    half = len(vectors) // 2
    return _total(vectors[:half]) + _total(vectors[half:])


def add_chunks(code: Code, plan: Array, pointers, own, shared, item: Int, traits: Sequence) -> None:
    """One tap of the gradient: the sums of all chunks, in their order; zeros if it meets none."""
    computed, stored, group_in, group_out = traits[:4]
    p, narrow = Numbers(plan, PHASES, NAMES, PLACES), Narrow(group_in, group_out, code.lanes)
    sums, dkernel = Array(code, shared, computed), Array(code, pointers[2], stored)
    column, rest = item % p.window_columns, item // p.window_columns
    i = p.plane_places.element(rest // p.window_rows)
    j, m = p.row_places.element(rest % p.window_rows), p.column_places.element(column)
    met = (i >= 0) & (j >= 0) & (m >= 0)
    chunks = code.chosen(met, p.chunks, 0)
    tap = ((i * p.row_taps + j) * p.column_taps + m) * (group_in * code.lanes)
    with code.loop(0, p.vectors) as vector:
        first = vector * narrow.outputs
        keep = code.smaller(p.out_channels - first, narrow.outputs)
        for k in range(group_in):
            total = code.sums()
            with code.loop(0, chunks) as chunk:
                place = (chunk * p.vectors + vector) * p.vector_size + tap + k * code.lanes
                total.set(total.now + sums.load(place))
            dkernel.store((item * group_in + k) * p.out_channels + first, total.now, keep)


# -- the plan of a call


def plan(
    machine: Machine,
    x: tuple[int, ...],
    g: tuple[int, ...],
    window: Window,
    groups: int,
    stored: str,
) -> tuple[Kernel, Plan]:
    """The kernel that computes the gradient, and what it is told.

    Args:
        machine: what the kernel is compiled for.
        x: (n, *spatial, c).
        g: (n, *positions, o).
        window: of the convolution.
        groups: the number of groups, of which `depthwise.takes` says that they are narrow.
        stored: the dtype of the arrays.
    """
    computed = summed(stored)
    itemsize = BYTES[computed]
    narrow = Narrow(x[-1] // groups, g[-1] // groups, machine.lanes(itemsize))
    arrangement = arranged(window, x, g[-1])
    depth, height, width = along = arrangement.depth, arrangement.height, arrangement.width
    numbers, tables = numbers_of(narrow, along, x[0], groups)
    vectors = numbers["vectors"]

    columns = max(1, min(width.longest, 4096))
    rows = max(1, min(height.longest, POSITIONS // columns))
    rows = ceil(height.longest / ceil(height.longest / rows)) or 1
    images = 1
    if rows >= height.longest and columns >= width.longest:
        images = max(1, min(x[0], POSITIONS // (rows * columns)))
    image_items, row_items = ceil(x[0] / images), ceil(height.longest / rows)
    column_items = ceil(width.longest / columns)
    tiles = image_items * depth.longest * row_items * column_items
    # Eight vectors lie side by side, so that memory is read in pieces of half a kilobyte.
    vector_items = ceil(vectors / ceil(vectors / min(ITEMS, ceil(vectors / 8))))
    item_vectors = ceil(vectors / vector_items)
    chunks = min(tiles, ceil(ITEMS / vector_items))

    taps, apart = run(width), spread(width)
    lengths = [min(row.positions, columns) for row in width.phases if row.positions > 0]
    u, c = blocks(machine, lengths, taps, width.step, apart, narrow)
    rest = any(len(phase.taps) % taps for phase in width.phases)
    traits = (
        computed, stored, narrow.group_in, narrow.group_out, u, c, taps, width.step, apart, rest,
        narrow.masked(groups),
    )  # fmt: skip
    met = prod(numbers[f"{axis}_taps"] for axis in ("plane", "row", "column"))
    numbers |= dict(  # noqa: C408
        tiles=tiles, chunks=chunks, image_items=image_items, row_items=row_items,
        column_items=column_items, tile_images=images, tile_rows=rows, tile_columns=columns,
        item_vectors=item_vectors, vector_items=vector_items,
        vector_size=met * narrow.group_in * narrow.lanes,
    )  # fmt: skip
    places = zip(PLACES[len(TABLES) :], map(_places, along))
    products = prod(g) * narrow.group_in * met // prod(len(axis.phases) for axis in along)
    return Kernel("depthwise_kernel_grad", (accumulate, add_chunks), 4, traits), Plan(
        items=(chunks * vector_items, prod(axis.taps for axis in along)),
        numbers=numbers,
        tables={**tables, **dict(places)},
        work=products,
        shared=chunks * vectors * numbers["vector_size"] * itemsize,
        each=ZEROS,
    )


def _places(axis: Axis) -> list[int]:
    """Where each tap stands in the order of phases; -1 if no position meets it."""
    met = [tap.number for phase in axis.phases for tap in phase.taps]
    return [met.index(tap) if tap in met else -1 for tap in range(axis.taps)]
