"""The output of a convolution: a product of small matrices in registers for each block of a row.

    y[row, q, o] = sum over taps t, channels c of
                   x[row(t), q * step + offset(t), c] * kernel[t, c, o]

A block has m positions of a row and v vectors of output channels: m * v sums, which stay in
registers while the loops run over the taps and the input channels (Georganas et al., *Harnessing
deep learning via a single building block*, 2020, arXiv:1906.06440). For each tap and channel it
loads v vectors of weights and broadcasts m elements of x, for m * v multiplications.

The loops, from the outside:

    item             some panels of output channels, and a tile of output rows and columns;
                     the input that the tile meets is copied once, with its padding
    panel            v vectors of output channels; its weights stay in the second-level cache
    row, then block  m positions side by side
    taps, channels   the sums

Weights are packed first, into panels (taps, channels, v vectors), unless they are used so seldom
that they are read where they lie. The gradient with respect to the input is the same nest on the
flipped kernel, whose two axes of channels change places as they are packed. Where taps of a row lie
side by side in the input, as without dilation, they are one run of taps and channels. Groups are
dense convolutions of their own, one panel after the other.
"""

from collections.abc import Sequence

from ..llvm.language import Array, Code, Int, Walk
from ..llvm.plan import Numbers
from .packing import rows, vectors

NUMBERS = (
    "depth", "height", "width", "channels", "out_channels", "x_image", "x_plane", "x_row",
    "x_column", "y_image", "y_plane", "y_row", "y_column", "groups", "group_in", "group_out",
    "taps", "tap_rows", "tap_columns", "run", "panels", "panel_size", "item_panels",
    "items_panels", "items_planes", "items_rows", "items_columns", "tile_rows", "tile_columns",
    "copies", "plane_taps", "first_plane", "first_row", "first_column", "plane_step", "row_step",
    "column_step", "copied_planes", "copied_rows", "copied_columns", "list_bytes", "plane_phases",
    "row_phases", "column_phases", "together", "window_columns", "row_elements", "weights_tap",
    "images",
)  # fmt: skip
TABLES = ("plane_table", "row_table", "column_table", "together_table")


def pack(code: Code, plan: Array, pointers, own, shared, item: Int, traits: Sequence) -> None:
    """One tap of one panel: packed[panel, tap, c, n] = kernel[tap, c, panel's first + n]."""
    computed, stored, v, _, _, exchanged, *_ = traits
    p = Numbers(plan, 2, NUMBERS, TABLES)
    kernel, lanes = Array(code, pointers[1], stored), code.lanes
    panel, tap = item // p.taps, item % p.taps
    group, part = panel // p.panels, panel % p.panels
    first = part * (v * lanes)
    packed = Array(code, shared, computed).at(panel * p.panel_size + tap * p.group_in * (v * lanes))
    left = p.group_out - first
    if not exchanged:
        source = kernel.at(tap * p.group_in * p.out_channels + group * p.group_out + first)
        with code.loop(0, p.group_in) as c:
            for i in range(v):
                keep = code.larger(left - i * lanes, 0)
                packed.store(
                    c * (v * lanes) + i * lanes, source.load(c * p.out_channels + i * lanes, keep)
                )
        return
    # The kernel is (taps, group_out, channels): flipped taps, exchanged channels.
    flipped = p.taps - 1 - tap
    source = kernel.at((flipped * p.group_out + first) * p.channels + group * p.group_in)
    for i in range(v):
        with vectors(code, p.group_in) as (c, keep):
            square = []
            for n in range(lanes):
                row = left > i * lanes + n
                place = code.chosen(row, (n + i * lanes) * p.channels + c, 0)
                square.append(source.load(place, code.chosen(row, keep, 0)))
            for k, column in enumerate(code.transposed(square)):
                with code.when(keep > k):
                    packed.store((c + k) * (v * lanes) + i * lanes, column)


def pack_together(
    code: Code, plan: Array, pointers, own, shared, item: Int, traits: Sequence
) -> None:
    """As `pack`, one row of taps, where a vector holds several neighbors of a row.

    packed[panel, row of taps, element, c, n] = kernel[row of taps, tap, c, o], where n stands for
    the output channel o of one of the neighbors, which meets the element with that tap.
    """
    computed, stored, v, _, _, exchanged, *_ = traits
    p = Numbers(plan, 2, NUMBERS, TABLES)
    kernel, wide = Array(code, pointers[1], stored), v * code.lanes
    tap_rows = p.plane_taps * p.tap_rows
    panel, row = item // tap_rows, item % tap_rows
    packed = Array(code, shared, computed).at(panel * p.panel_size)
    channels = p.group_out // p.together
    with code.loop(0, p.tap_columns) as element, code.loop(0, wide) as n:
        lane = panel * wide + n
        neighbor, o = lane // channels, lane % channels
        real = neighbor < p.together
        entry = element * p.together + code.chosen(real, neighbor, 0)
        tap = code.chosen(real, p.together_table.element(entry), -1)
        first = packed.at((row * p.tap_columns + element) * p.group_in * wide + n)
        met = tap >= 0
        with code.when(met), code.loop(0, p.group_in) as c:
            if exchanged:
                flipped = (tap_rows - row) * p.window_columns - 1 - tap
                place = (flipped * channels + o) * p.group_in + c
            else:
                place = ((row * p.window_columns + tap) * p.group_in + c) * channels + o
            first.put(c * wide, kernel.element(place))
        with code.otherwise(met), code.loop(0, p.group_in) as c:
            first.put(c * wide, code.zero())


def convolve(code: Code, plan: Array, pointers, own, shared, item: Int, traits: Sequence) -> None:
    """One tile of the output, for some panels."""
    computed, stored, v, m, unrolled, _, several, in_place = traits
    p = Numbers(plan, 2, NUMBERS, TABLES)
    x, y = Array(code, pointers[0], stored), Array(code, pointers[2], stored)
    packed, lists = Array(code, shared, computed), Array(code, own, "int64")
    copied = Array(code, Array(code, own, "uint8").at(p.list_bytes).address, computed)

    columns_item, rest = item % p.items_columns, item // p.items_columns
    rows_item, rest = rest % p.items_rows, rest // p.items_rows
    plane, rest = rest % p.items_planes, rest // p.items_planes
    # Threads compute the same panels of different images: what they write is far apart.
    image, panels_item = rest % p.images, rest // p.images
    first_panel = panels_item * p.item_panels
    last_panel = code.smaller(first_panel + p.item_panels, p.panels * p.groups)
    first_row, first_column = rows_item * p.tile_rows, columns_item * p.tile_columns

    # The input that the tile meets starts at this plane, row and column.
    in_plane = plane * p.plane_step + p.first_plane
    in_row = first_row * p.row_step + p.first_row
    in_column = first_column * p.column_step + p.first_column
    first_group, last_group = first_panel // p.panels, (last_panel - 1) // p.panels
    one_row = p.copied_columns * p.group_in
    one_plane = one_row * p.copied_rows
    one_group = one_plane * p.copied_planes

    with (
        code.when(p.copies > 0),
        code.loop(first_group, last_group + 1) as group,
        code.loop(0, p.copied_planes) as i,
        code.loop(0, p.copied_rows) as j,
    ):
        d, h = in_plane + i, in_row + j
        real = (d >= 0) & (d < p.depth) & (h >= 0) & (h < p.height)
        with code.when(real):
            source = x.at(image * p.x_image + d * p.x_plane + h * p.x_row + group * p.group_in)
            target = copied.at((group - first_group) * one_group + i * one_plane + j * one_row)
            rows(
                code, source, target, in_column, p.copied_columns, p.width, p.group_in,
                p.x_column, p.group_in,
            )  # fmt: skip

    # Where a tap's elements are: in the copy, or in x itself.
    column_size = code.chosen(p.copies > 0, p.group_in, p.x_column)
    row_size = code.chosen(p.copies > 0, one_row, p.x_row)
    plane_size = code.chosen(p.copies > 0, one_plane, p.x_plane)
    if stored == computed:
        start = image * p.x_image + in_plane * p.x_plane + in_row * p.x_row
        direct = x.at(start + in_column * p.x_column)
        source = code.chosen(p.copies > 0, copied, direct)
    else:
        source = copied

    with code.loop(first_panel, last_panel) as panel:
        group, part = panel // p.panels, panel % p.panels
        weights = packed.at(panel * p.panel_size)
        if in_place:
            weights = Array(code, pointers[1], stored).at(
                group * p.group_out + part * (v * code.lanes)
            )
        inputs = source.at(
            code.chosen(p.copies > 0, (group - first_group) * one_group, group * p.group_in)
        )
        channels_left = p.group_out - part * (v * code.lanes)
        last_row = first_row + p.tile_rows
        with (
            code.loop(0, p.plane_phases) as plane_phase,
            code.loop(first_row, last_row) as row,
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
                    columns_of.element(0) * p.y_column
                    + group * p.group_out
                    + part * (v * code.lanes)
                )
                count = _list_taps(
                    code, p, lists, planes_of, rows_of, columns_of,
                    (plane * p.plane_step, row * p.row_step, in_plane, in_row),
                    (plane_size, row_size, column_size),
                )  # fmt: skip
                last = code.smaller(first_column + p.tile_columns, columns_of.element(1))
                _row_of_blocks(
                    code, p, inputs, weights, out, lists, count, first_column, last, column_size,
                    channels_left, (v, m, unrolled, several, in_place),
                )  # fmt: skip


def phase_of(table: Array, phase: Int, taps: Int) -> Array:
    """A phase in its table: first position, number of positions, number of taps, the taps."""
    return table.at(phase * (2 * taps + 3))


def _list_taps(code, p, lists, planes_of, rows_of, columns_of, at, sizes) -> Int:
    """List the taps that meet the input: where their elements and their weights start."""
    plane_at, row_at, in_plane, in_row = at
    plane_size, row_size, column_size = sizes
    count = code.variable(0)
    with code.loop(0, planes_of.element(2)) as i:
        d = planes_of.element(2 * i + 4) + plane_at
        with (
            code.when((d >= 0) & (d < p.depth)),
            code.loop(0, rows_of.element(2)) as j,
        ):
            h = rows_of.element(2 * j + 4) + row_at
            with code.when((h >= 0) & (h < p.height)), code.loop(0, columns_of.element(2)) as k:
                tap = planes_of.element(2 * i + 3) * p.tap_rows + rows_of.element(2 * j + 3)
                tap = tap * p.tap_columns + columns_of.element(2 * k + 3)
                element = (d - in_plane) * plane_size + (h - in_row) * row_size
                offset = columns_of.element(2 * k + 4) - p.first_column
                lists.put(count.now * 2, element + offset * column_size)
                lists.put(count.now * 2 + 1, tap * p.weights_tap)
                count.set(count.now + 1)
    return count.now


def _row_of_blocks(
    code, p, inputs, weights, out, lists, count, first, last, column_size, channels_left, sizes
) -> None:
    """The positions first to last of a row, m at a time; the last block may overlap another."""
    v, m, unrolled, several, in_place = sizes
    step, stride = p.column_step * column_size, p.column_phases * p.y_column
    positions = last - first

    def block(q: Int, m: int) -> None:
        x, y = inputs.at(q * step), out.at((first + q) * stride)
        sums = code.sums(m, v)
        left = channels_left if in_place else None
        _multiply(code, p, sums, x, weights, lists, count, step, unrolled, left)
        # If a vector holds several positions, the last ones of a row may not exist.
        row_left = p.row_elements - (first + q) * stride if several else None
        _store(code, sums, y, stride, channels_left, row_left)

    enough = positions >= m
    with code.when(enough), code.loop(0, positions, m) as q:
        block(code.smaller(q, positions - m), m)
    if m > 1:
        with code.otherwise(enough), code.loop(0, positions) as q:
            block(q, 1)


def _multiply(code, p, sums, inputs, weights, lists, count, step, unrolled, left) -> None:
    """Add the products of m positions and v vectors of output channels to their sums.

    Weights in place lie `p.out_channels` apart, and there are no more than `left`.
    """
    m, v, lanes = len(sums), len(sums[0]), code.lanes
    in_place = left is not None
    keeps = [code.larger(left - i * lanes, 0) if in_place else None for i in range(v)]
    along = p.out_channels if in_place else v * lanes
    with code.loop(0, count) as t:
        w = Walk(weights, lists.element(2 * t + 1))
        starts = [Walk(inputs, lists.element(2 * t) + a * step) for a in range(0, m, 3)]

        def channels(number: int) -> None:
            for c in range(number):
                start = w.here() if in_place else w.here().at(c * along)
                row = [start.load(i * lanes, keep) for i, keep in enumerate(keeps)]
                if in_place:
                    w.step(along)
                for a in range(m):
                    element = starts[a // 3].here().broadcast(a % 3 * step + c)
                    for i in range(v):
                        sums[a][i].add(element, row[i])
            if not in_place:
                w.step(number * along)
            for walk in starts:
                walk.step(number)

        whole = p.run - p.run % unrolled
        with code.loop(0, whole, unrolled):
            channels(unrolled)
        with code.loop(whole, p.run):
            channels(1)


def _store(code, sums, out, stride, channels_left, row_left) -> None:
    """Store sums: as many output channels of each position as there are."""
    lanes = code.lanes
    for i in range(len(sums[0])):
        whole = channels_left >= (i + 1) * lanes
        if row_left is not None:
            whole = whole & (row_left >= (len(sums) - 1) * stride + (i + 1) * lanes)
        with code.when(whole):
            for a, row in enumerate(sums):
                out.store(a * stride + i * lanes, row[i].now)
        with code.otherwise(whole):
            for a, row in enumerate(sums):
                left = channels_left
                if row_left is not None:
                    left = code.smaller(left, row_left - a * stride)
                keep = code.larger(left - i * lanes, 0)
                out.store(a * stride + i * lanes, row[i].now, keep)
