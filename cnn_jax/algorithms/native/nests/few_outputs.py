"""The output of a convolution with few output channels and many input channels.

    y[row, q, o] = sum over the lanes of sum over taps t, vectors c of
                   x[row(t), q * step + offset(t), c] * kernel[t, c, o]

With one to four output channels, as in the last layer of a network that returns an image, a vector
of output channels would be nearly empty (`dense.py`). Here a vector holds input channels: a sum has
a lane for every sixteenth of them (or eighth, or fourth), and its lanes are added up at the end.

    item             a tile of output rows
    row              its taps are listed once
    block            m positions side by side, by all outputs: their sums stay in registers
    taps, vectors    a vector of weights for each output, and one of x for each position

The input is not copied: at the ends of a row, where some taps meet padding, positions are computed
one by one, from the taps that do not. Weights are packed first, as (tap, vector, output, lane).
From 64 to 3 channels, 3x3 on 224x224, it does 57 % of the multiplications that one core could do
in registers.
"""

from collections.abc import Sequence
from math import ceil

from ..llvm.language import Array, Code, Int, Walk
from ..llvm.machine import Machine
from ..llvm.plan import Numbers
from .dense import NUMBERS, TABLES, phase_of

MOST = 4  # output channels
LONGEST = 12  # positions of a block
ADDING_UP = 6  # cycles that it takes to add the lanes of a sum


def block(machine: Machine, outputs: int, rows: Sequence[int]) -> int:
    """The positions of a block: its sums, the weights and one vector of x are in registers."""
    fitting = (machine.registers - 1 - outputs) // outputs
    return max(1, min(LONGEST, fitting, max(rows)))


def cycles(lanes: int, rows: Sequence[int], channels: int, outputs: int, m: int) -> float:
    """As `blocks.cycles`: what a tap and an input channel cost, for rows of these lengths."""
    each = max(m * outputs, 1.5 * (m + outputs), 8) / 2
    return each * ceil(channels / lanes) / channels * sum(ceil(row / m) for row in rows)


def pack(code: Code, plan: Array, pointers, own, shared, item: Int, traits: Sequence) -> None:
    """One tap of one group: packed[group, tap, vector, o, lane] = kernel[tap, c, o], or 0."""
    computed, stored, outputs, _, exchanged = traits
    p, lanes = Numbers(plan, 2, NUMBERS, TABLES), code.lanes
    kernel, group, tap = Array(code, pointers[1], stored), item // p.taps, item % p.taps
    packed = Array(code, shared, computed).at(group * p.panel_size + tap * p.weights_tap)
    with code.loop(0, p.weights_tap, lanes) as i:
        packed.store(i, code.zeros())
    with code.loop(0, p.group_in) as c:
        to = packed.at(c // lanes * (outputs * lanes) + c % lanes)
        for o in range(outputs):
            if exchanged:
                entry = ((p.taps - 1 - tap) * outputs + o) * p.channels + group * p.group_in + c
            else:
                entry = (tap * p.group_in + c) * p.out_channels + group * outputs + o
            to.put(o * lanes, kernel.element(entry))


def convolve(code: Code, plan: Array, pointers, own, shared, item: Int, traits: Sequence) -> None:
    """One tile of the output, for some groups."""
    computed, stored, outputs, m, _ = traits
    p = Numbers(plan, 2, NUMBERS, TABLES)
    x, y = Array(code, pointers[0], stored), Array(code, pointers[2], stored)
    packed, lists = Array(code, shared, computed), Array(code, own, "int64")

    rows_item, rest = item % p.items_rows, item // p.items_rows
    plane, rest = rest % p.items_planes, rest // p.items_planes
    image, groups_item = rest % p.images, rest // p.images
    first_group, first_row = groups_item * p.item_panels, rows_item * p.tile_rows

    with (
        code.loop(first_group, code.smaller(first_group + p.item_panels, p.groups)) as group,
        code.loop(0, p.plane_phases) as plane_phase,
        code.loop(first_row, first_row + p.tile_rows) as row,
        code.loop(0, p.row_phases) as row_phase,
    ):
        planes_of = phase_of(p.plane_table, plane_phase, p.plane_taps)
        rows_of = phase_of(p.row_table, row_phase, p.tap_rows)
        exists = (plane < planes_of.element(1)) & (row < rows_of.element(1))
        with code.when(exists), code.loop(0, p.column_phases) as column_phase:
            columns_of = phase_of(p.column_table, column_phase, p.tap_columns)
            y_plane = planes_of.element(0) + plane * p.plane_phases
            y_row = rows_of.element(0) + row * p.row_phases
            out = y.at(image * p.y_image + y_plane * p.y_plane + y_row * p.y_row).at(
                columns_of.element(0) * p.y_column + group * outputs
            )
            inputs = x.at(image * p.x_image + group * p.group_in)
            weights = packed.at(group * p.panel_size)
            _Row(
                code, p, inputs, weights, out, lists, (planes_of, rows_of, columns_of),
                (plane * p.plane_step, row * p.row_step), (m, outputs),
            ).compute()  # fmt: skip


class _Row:
    """The positions of one row of one phase."""

    def __init__(self, code, p, inputs, weights, out, lists, phases, at, sizes):
        self.code, self.p, self.inputs, self.weights = code, p, inputs, weights
        self.out, self.lists, self.phases, self.at, self.sizes = out, lists, phases, at, sizes

    def compute(self) -> None:
        """Blocks of the positions whose taps are all inside of the row, then the others."""
        code, p, columns_of, (m, _) = self.code, self.p, self.phases[2], self.sizes
        taps, positions = columns_of.element(2), columns_of.element(1)
        step = p.column_step
        lowest, highest = columns_of.element(4), columns_of.element(2 * taps + 2)
        first = code.smaller((code.larger(0 - lowest, 0) + (step - 1)) // step, positions)
        end = (code.larger(p.width - highest, 0) + (step - 1)) // step
        end = code.larger(code.smaller(end, positions), first)
        end = code.chosen(taps > 0, end, first)
        inner = end - first

        # Taps that lie side by side are one run.
        count = self._list_taps(code.chosen(p.run > p.group_in, 1, taps), None)
        enough = inner >= m
        with code.when(enough), code.loop(0, inner, m) as q:
            self._block(first + code.smaller(q, inner - m), m, count, p.run)
        with code.otherwise(enough), code.loop(first, end) as q:
            self._block(q, 1, count, p.run)
        with code.loop(0, positions - inner) as i:
            q = code.chosen(i < first, i, i + inner)
            self._block(q, 1, self._list_taps(taps, q), p.group_in)

    def _list_taps(self, columns: Int, q: Int | None) -> Int:
        """List where the elements and the weights of the taps start that meet no padding.

        With a position q its column is looked at too; without, all columns are inside.
        """
        code, p, lists, (planes_of, rows_of, columns_of) = (
            self.code, self.p, self.lists, self.phases
        )  # fmt: skip
        plane_at, row_at = self.at
        count = code.variable(0)
        with code.loop(0, planes_of.element(2)) as i:
            d = planes_of.element(2 * i + 4) + plane_at
            with code.when((d >= 0) & (d < p.depth)), code.loop(0, rows_of.element(2)) as j:
                h = rows_of.element(2 * j + 4) + row_at
                with code.when((h >= 0) & (h < p.height)), code.loop(0, columns) as k:
                    w = columns_of.element(2 * k + 4)
                    column = w + (0 if q is None else q) * p.column_step
                    inside = (column >= 0) & (column < p.width) if q is not None else d >= 0
                    tap = planes_of.element(2 * i + 3) * p.tap_rows + rows_of.element(2 * j + 3)
                    tap = tap * p.tap_columns + columns_of.element(2 * k + 3)
                    with code.when(inside):
                        element = d * p.x_plane + h * p.x_row + w * p.x_column
                        lists.put(count.now * 2, element)
                        lists.put(count.now * 2 + 1, tap * p.weights_tap)
                        count.set(count.now + 1)
        return count.now

    def _block(self, q: Int, m: int, count: Int, run: Int) -> None:
        """m positions side by side from q on."""
        code, p, lanes, outputs = self.code, self.p, self.code.lanes, self.sizes[1]
        step, stride = p.column_step * p.x_column, p.column_phases * p.y_column
        inputs, sums = self.inputs.at(q * step), code.sums(m, outputs)
        whole = run - run % lanes

        def products(w: Walk, starts: list[Walk], keep: Int | None) -> None:
            row = [w.here().load(o * lanes) for o in range(outputs)]
            for a in range(m):
                element = starts[a // 3].here().at(a % 3 * step).load(0, keep)
                for o in range(outputs):
                    sums[a][o].add(element, row[o])

        with code.loop(0, count) as t:
            w = Walk(self.weights, self.lists.element(2 * t + 1))
            start = self.lists.element(2 * t)
            starts = [Walk(inputs, start + a * step) for a in range(0, m, 3)]
            with code.loop(0, whole, lanes):
                products(w, starts, None)
                for walk, each in ((w, outputs * lanes), *((x, lanes) for x in starts)):
                    walk.step(each)
            with code.when(whole < run):
                products(w, starts, run - whole)
        for a in range(m):
            for o in range(outputs):
                self.out.put((q + a) * stride + o, code.total(sums[a][o].now))
