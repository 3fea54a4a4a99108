"""The output of a convolution of narrow groups, depthwise first of all: no channels to sum over.

    y[row, a, o] = sum over taps t, k < cg of
                   x[row(t), a * step + t * spread, src(o, k)] * kernel[t, k, o]

A block has q positions of a row and one vector of output channels: q sums, which stay in registers.
Taps of a row of the window are written one after the other, so that a vector of x is loaded, and
shuffled to the order of the output channels (narrow.py), once for all the taps and positions that
it meets: with stride 1, q + 2 loads for 3 * q multiplications of a window of 3 columns.

The loops, from the outside:

    item            some rows of an image, and some vectors of channels
    row, block      q positions side by side
    vector          of output channels: memory is read and written in the order in which it lies
    rows of taps    those that are not padding
    taps, positions written out

Nothing is copied: columns that are padding are read from a vector of zeros, which only the blocks
at an edge look out for. From the second-level cache a window of 7x7 reaches 99 % of the peak of one
core (201 of 203 GFLOP/s), 3x3 with groups of four 62 % (of 75 %: it shuffles once for every three
multiplications). Larger maps wait for memory: 42 GB/s on two cores for 3x3 on 8x56x56x128.

Kernels are packed first, into (vectors, taps, cg, lanes). The gradient with respect to the input is
the same nest on the flipped kernel, whose channels of a group change places as they are packed.
"""

from collections.abc import Sequence
from math import ceil, prod

from cnn_jax.geometry import Window

from ..llvm.compiler import Kernel
from ..llvm.elements import BYTES, summed
from ..llvm.language import Array, Code, Int
from ..llvm.machine import Machine
from ..llvm.plan import Numbers, Plan
from .along import NUMBERS, TABLES, PhaseOf, numbers_of, run, spread
from .axes import arranged
from .narrow import Narrow

NAMES = (
    *NUMBERS, "item_rows", "row_items", "item_columns", "column_items", "item_vectors",
    "vector_items", "vector_size",
)  # fmt: skip
PHASES = 2
ITEMS = 32  # enough for many threads
ZEROS = 256  # bytes of zeros, for padding


def takes(machine: Machine, in_channels: int, out_channels: int, groups: int, stored: str) -> bool:
    """Whether there are several groups, so narrow that a vector holds more than one."""
    lanes = machine.lanes(BYTES[summed(stored)])
    return groups > 1 and Narrow(in_channels // groups, out_channels // groups, lanes).fits


def positions(
    machine: Machine, rows: Sequence[int], run: int, step: int, spread: int, shuffles: bool
) -> int:
    """The positions of a block, for rows of these lengths.

    The sums, a run of weights and an element must fit into the registers. Of the sizes that do,
    the one that takes the fewest cycles is taken. If it does not divide a row, the last block
    overlaps the one before it.
    """

    def cycles(q: int) -> float:
        columns = len({a * step + t * spread for a in range(q) for t in range(run)})
        arithmetic = q * run + (columns if shuffles else 0)
        return sum(ceil(row / q) for row in rows) * (max(arithmetic, columns + run) / 2 + 2)

    most = max(1, min(machine.registers - run - 3, *rows, 28))
    return min(range(1, most + 1), key=lambda q: (cycles(q), -q))


def pack(code: Code, plan: Array, pointers, own, shared, item: Int, traits: Sequence) -> None:
    """One vector: packed[vector, tap, k] = kernel[tap, k, o] for its output channels o."""
    computed, stored, group_in, group_out, exchanged = traits[:5]
    p, narrow = Numbers(plan, PHASES, NAMES, TABLES), Narrow(group_in, group_out, code.lanes)
    kernel, packed = Array(code, pointers[1], stored), Array(code, shared, computed)
    lanes, group = code.lanes, item * narrow.groups
    target = code.variable(item * p.vector_size)
    with (
        code.loop(0, p.plane_taps) as i,
        code.loop(0, p.row_taps) as j,
        code.loop(0, p.column_taps) as m,
    ):
        tap = p.plane_order.element(i) * p.window_rows + p.row_order.element(j)
        tap = tap * p.window_columns + p.column_order.element(m)
        if not exchanged:
            first, left = item * narrow.outputs, p.out_channels - item * narrow.outputs
            weights = [
                kernel.load((tap * group_in + k) * p.out_channels + first, left)
                for k in range(group_in)
            ]
        else:
            flipped = p.window_planes * p.window_rows * p.window_columns - 1 - tap
            weights = _exchanged(code, p, narrow, kernel, flipped * group_out, group)
        for k, vector in enumerate(weights):
            packed.store(target.now + k * lanes, vector)
        target.set(target.now + group_in * lanes)


def _exchanged(code: Code, p: Numbers, narrow: Narrow, kernel: Array, row: Int, group: Int):
    """For each k < group_in the weights kernel[row + lane % group_out, lane's group, k]."""
    first, left = group * narrow.group_in, p.channels - group * narrow.group_in
    weights = [code.zeros() for _ in range(narrow.group_in)]
    for o in range(narrow.group_out):
        source = narrow.load(kernel, (row + o) * p.channels + first, left)
        for k in range(narrow.group_in):
            of_o = [
                code.lanes + lane if lane % narrow.group_out == o else lane
                for lane in range(code.lanes)
            ]
            weights[k] = code.shuffled(weights[k], of_o, narrow.met(code, source, k))
    return weights


def convolve(code: Code, plan: Array, pointers, own, shared, item: Int, traits: Sequence) -> None:
    """Some rows of the output, for some vectors of channels."""
    computed, stored, group_in, group_out = traits[:4]
    p, narrow = Numbers(plan, PHASES, NAMES, TABLES), Narrow(group_in, group_out, code.lanes)
    x, y = Array(code, pointers[0], stored), Array(code, pointers[2], stored)
    zeros, packed = Array(code, own, stored), Array(code, shared, computed)
    listed = Array(code, Array(code, own, "uint8").at(ZEROS).address, "int64")
    for place in range(0, narrow.size, code.lanes):
        zeros.store(place, code.zeros())

    part, rest = item % p.vector_items, item // p.vector_items
    column_item, rest = rest % p.column_items, rest // p.column_items
    row_item, rest = rest % p.row_items, rest // p.row_items
    plane, image = rest % p.plane_items, rest // p.plane_items
    first_vector, first_column = part * p.item_vectors, column_item * p.item_columns
    vectors = first_vector, code.smaller(first_vector + p.item_vectors, p.vectors)
    with (
        code.loop(0, p.plane_phases) as plane_phase,
        code.loop(row_item * p.item_rows, (row_item + 1) * p.item_rows) as row,
        code.loop(0, p.row_phases) as row_phase,
    ):
        planes, rows = PhaseOf(p.plane_table, plane_phase), PhaseOf(p.row_table, row_phase)
        with code.when((plane < planes.positions) & (row < rows.positions)):
            _list_rows_of_taps(code, p, planes, rows, image, plane, row, listed, narrow)
            at = image * p.planes + planes.first + plane * p.plane_phases
            at = (at * p.out_rows + rows.first + row * p.row_phases) * p.out_columns
            with code.loop(0, p.column_phases) as column_phase:
                columns = PhaseOf(p.column_table, column_phase)
                block = Block(code, p, traits, narrow, x, zeros, packed, listed, columns)
                last = code.smaller(first_column + p.item_columns, columns.positions)
                out = y.at((at + columns.first) * p.out_channels)
                _row(code, block, out, first_column, last, vectors)


def _list_rows_of_taps(code, p, planes, rows, image, plane, row, listed: Array, narrow) -> None:
    """List the rows of taps that are no padding: how many, where their row of x and their weights
    start."""
    count = code.variable(0)
    with code.loop(0, planes.taps) as i:
        d = plane * p.plane_step + planes.offset + i * p.plane_spread
        with code.when(d.within(p.depth)), code.loop(0, rows.taps) as j:
            h = row * p.row_step + rows.offset + j * p.row_spread
            with code.when(h.within(p.height)):
                element = ((image * p.depth + d) * p.height + h) * p.width * p.channels
                tap = ((planes.start + i) * p.row_taps + rows.start + j) * p.column_taps
                listed.put(count.now * 2 + 1, element)
                listed.put(count.now * 2 + 2, tap * (narrow.group_in * code.lanes))
                count.set(count.now + 1)
    listed.put(0, count.now)


def _row(code: Code, block: "Block", out: Array, first: Int, last: Int, vectors) -> None:
    """The positions first to last of a row, q at a time; the last block may overlap another."""
    q, p = block.q, block.p
    enough = last - first >= q
    with code.when(enough), code.loop(first, last, q) as start:
        start = code.smaller(start, last - q)
        column = block.column(start)
        inside = (column >= 0) & (column + block.reach(q) <= p.width)
        with code.when(inside), code.loop(*vectors) as vector:
            block.write(out, start, vector, q, padded=False)
        with code.otherwise(inside), code.loop(*vectors) as vector:
            block.write(out, start, vector, q, padded=True)
    if q > 1:
        with (
            code.otherwise(enough),
            code.loop(first, last) as start,
            code.loop(*vectors) as vector,
        ):
            block.write(out, start, vector, 1, padded=True)


class Block:
    """Positions of a row, side by side, by one vector of output channels."""

    def __init__(self, code, p, traits, narrow, x, zeros, packed, listed, columns):
        self.code, self.p, self.narrow = code, p, narrow
        self.x, self.zeros, self.packed, self.listed = x, zeros, packed, listed
        self.columns = columns
        self.q, self.run, self.step, self.spread, self.rest, self.masked = traits[5:]

    def column(self, position: Int) -> Int:
        """The first column of x that a position meets; negative if it is padding."""
        return position * self.step + self.columns.offset

    def reach(self, q: int) -> Int:
        """The number of columns from the first to the last that q positions meet."""
        return (self.columns.taps - 1) * self.spread + ((q - 1) * self.step + 1)

    def write(self, out: Array, start: Int, vector: Int, q: int, padded: bool) -> None:
        """Compute and store the positions from `start` on."""
        code, p, narrow, run = self.code, self.p, self.narrow, self.run
        sums = code.sums(q)
        of_tap = narrow.group_in * code.lanes
        weights = self.packed.at(vector * p.vector_size + self.columns.start * of_tap)
        with code.loop(0, self.listed.element(0)) as i:
            row = self.x.at(self.listed.element(2 * i + 1) + vector * narrow.inputs)
            w = weights.at(self.listed.element(2 * i + 2))
            in_runs = self.columns.taps - self.columns.taps % run
            with code.loop(0, in_runs, run) as t:
                column = self.column(start) + t * self.spread
                self._add(sums, row, column, vector, w.at(t * of_tap), run, padded)
            if self.rest:
                with code.loop(in_runs, self.columns.taps) as t:
                    column = self.column(start) + t * self.spread
                    self._add(sums, row, column, vector, w.at(t * of_tap), 1, padded)
        stride = p.column_phases * p.out_channels
        out = out.at(start * stride + vector * narrow.outputs)
        keep = None
        if self.masked:
            keep = code.smaller(p.out_channels - vector * narrow.outputs, narrow.outputs)
        for a, total in enumerate(sums):
            out.store(a * stride, total.now, keep)

    def _add(self, sums, row: Array, first: Int, vector: Int, w: Array, run: int, padded) -> None:
        """Add the products of a run of taps, of which the first meets the column `first`."""
        code, p, narrow = self.code, self.p, self.narrow
        keep = p.channels - vector * narrow.inputs if self.masked else None
        for k in range(narrow.group_in):
            weights = [w.load((i * narrow.group_in + k) * code.lanes) for i in range(run)]
            place = first * p.channels
            for column in range((len(sums) - 1) * self.step + (run - 1) * self.spread + 1):
                taps = [i for i in range(run) if self._sum(column, i, len(sums)) is not None]
                if taps:
                    source = row.at(place)
                    if padded:
                        source = code.chosen((first + column).within(p.width), source, self.zeros)
                    element = narrow.met(code, narrow.load(source, 0, keep), k)
                    for i in taps:
                        sums[self._sum(column, i, len(sums))].add(element, weights[i])
                place = place + p.channels

    def _sum(self, column: int, tap: int, q: int) -> int | None:
        """Which of q positions meets a column by a tap of a run."""
        a, rest = divmod(column - tap * self.spread, self.step)
        return a if rest == 0 and 0 <= a < q else None


# -- the plan of a call


def plan(
    machine: Machine,
    x: tuple[int, ...],
    kernel: tuple[int, ...],
    window: Window,
    groups: int,
    stored: str,
    exchanged: bool = False,
) -> tuple[Kernel, Plan]:
    """The kernel that computes a convolution, and what it is told.

    Args:
        machine: what the kernel is compiled for.
        x: (n, *spatial, c).
        kernel: (*size, c // groups, o); if exchanged, (*size, o // groups, c), to be flipped.
        window: of the convolution that is computed.
        groups: the number of groups, of which `takes` says that they are narrow.
        stored: the dtype of the arrays.
        exchanged: whether this is the gradient of a convolution with respect to its input.
    """
    computed = summed(stored)
    itemsize = BYTES[computed]
    group_in = x[-1] // groups
    group_out = kernel[-2] if exchanged else kernel[-1] // groups
    narrow = Narrow(group_in, group_out, machine.lanes(itemsize))
    arrangement = arranged(window, x, group_out * groups)
    depth, height, width = along = arrangement.depth, arrangement.height, arrangement.width
    numbers, tables = numbers_of(narrow, along, x[0], groups)
    vectors = numbers["vectors"]

    # Rows that two items meet are read by both, so an item has several.
    item_rows = max(1, min(height.longest, max(4, ceil(height.longest * x[0] / ITEMS))))
    row_items = ceil(height.longest / item_rows)
    item_columns = min(width.longest, 4096) or 1
    column_items = ceil(width.longest / item_columns)
    rest = x[0] * depth.longest * row_items * column_items
    # What a row of the output meets should stay in the second-level cache.
    row_bytes = len(height.phases[0].taps) * width.length * x[-1] * BYTES[stored]
    parts = min(vectors, max(ceil(ITEMS / max(rest, 1)), ceil(row_bytes / 2**20)))
    item_vectors = ceil(vectors / parts)
    vector_items = ceil(vectors / item_vectors)

    taps, apart = run(width), spread(width)
    lengths = [min(row.positions, item_columns) for row in width.phases if row.positions > 0]
    q = positions(machine, lengths, taps, width.step, apart, narrow.shuffles)
    rest_taps = any(len(phase.taps) % taps for phase in width.phases)
    traits = (
        computed, stored, group_in, group_out, exchanged, q, taps, width.step, apart, rest_taps,
        narrow.masked(groups),
    )  # fmt: skip

    met = [numbers[f"{axis}_taps"] for axis in ("plane", "row", "column")]
    numbers |= dict(  # noqa: C408
        item_rows=item_rows, row_items=row_items, item_columns=item_columns,
        column_items=column_items, item_vectors=item_vectors, vector_items=vector_items,
        vector_size=prod(met) * group_in * narrow.lanes,
    )  # fmt: skip
    outputs = x[0] * prod(axis.positions for axis in along) * groups * group_out
    return Kernel("depthwise", (pack, convolve), 4, traits), Plan(
        items=(vectors, rest * vector_items),
        numbers=numbers,
        tables=tables,
        work=outputs * group_in * prod(met) // prod(len(axis.phases) for axis in along),
        shared=numbers["vector_size"] * vectors * itemsize,
        each=ZEROS + 8 * (2 * met[0] * met[1] + 1),
    )
