"""The gradient of a convolution with respect to its kernel, by blocks of sums in registers.

    dkernel[t, c, o] = sum over images, rows, columns q of x[row(t), q * step + offset(t), c]
                                                           * g[row, q, o]

The same product of small matrices as in `dense.py`, in other roles: a block has m input channels
and v vectors of output channels, and its sums run over the positions of a row, for all rows of a
tile. No array is transposed: the elements of x are broadcast one by one.

The loops, from the outside:

    item             some blocks of channels, and a part of the images and rows
    tile             rows whose copies of x and g fit into the second-level cache; they are copied
                     into columns of m channels and of v vectors, with the padding of x
    tap, then block  the sums of one tile, which are added to those of the tiles before
    rows, columns    the sums

With few input channels (images) the taps of a row are treated as channels: in the input they lie
side by side. If there are few channels altogether, several items share the images; each has a
kernel gradient of its own, and a last phase adds these, in a fixed order.
"""

from collections.abc import Sequence

from ..llvm.language import Array, Code, Int, Walk
from ..llvm.plan import Numbers
from .packing import columns, rows

NUMBERS = (
    "images", "depth", "height", "width", "planes", "out_rows", "out_columns",
    "out_channels", "x_image", "x_plane", "x_row", "x_column", "y_image", "y_plane", "y_row",
    "y_column", "group_in", "group_out", "groups", "tap_planes", "tap_rows", "tap_columns",
    "run", "merged", "blocks", "panels", "item_blocks", "items_blocks", "item_panels",
    "items_panels", "parts", "part_tiles", "tiles", "tiles_images", "tiles_planes", "tiles_rows",
    "tiles_columns", "tile_images", "tile_planes", "tile_rows", "tile_columns", "plane_step",
    "row_step", "column_step", "plane_phases", "row_phases", "column_phases", "first_plane",
    "first_row", "first_column", "copied_planes", "copied_rows", "copied_columns", "list_bytes",
    "x_bytes", "size",
)  # fmt: skip
TABLES = ("plane_table", "row_table", "column_table")
PIECE = 4096  # elements of the result that are added at once


def accumulate(code: Code, plan: Array, pointers, own, shared, item: Int, traits: Sequence) -> None:
    """The gradient of some channels, over a part of the images and rows."""
    p = Numbers(plan, 2, NUMBERS, TABLES)
    work = _Item(code, p, pointers, own, shared, item, traits)
    first_tile = work.part * p.part_tiles
    with code.loop(first_tile, code.smaller(first_tile + p.part_tiles, p.tiles)) as number:
        tile = _Tile(code, p, number)
        work.copy_input(tile)
        work.copy_cotangent(tile)
        with (
            code.loop(0, p.tap_planes) as a,
            code.loop(0, p.tap_rows) as b,
            code.loop(0, p.tap_columns) as c,
        ):
            work.add_tap(tile, (a, b, c), more=number > first_tile)


class _Tile:
    """A tile: where its positions start, and where the input does that they meet."""

    def __init__(self, code: Code, p: Numbers, number: Int):
        column, rest = number % p.tiles_columns, number // p.tiles_columns
        row, rest = rest % p.tiles_rows, rest // p.tiles_rows
        plane, image = rest % p.tiles_planes, rest // p.tiles_planes
        self.image, self.plane = image * p.tile_images, plane * p.tile_planes
        self.row, self.column = row * p.tile_rows, column * p.tile_columns
        self.images = code.smaller(p.tile_images, p.images - self.image)
        self.in_plane = self.plane * p.plane_step + p.first_plane
        self.in_row = self.row * p.row_step + p.first_row
        self.in_column = self.column * p.column_step + p.first_column


class _Item:
    """What an item works on: its channels, its copies of x and g, and its result."""

    def __init__(self, code: Code, p: Numbers, pointers, own, shared, item: Int, traits: Sequence):
        computed, stored, v, m, to_result = traits
        self.code, self.p, self.v, self.m, self.wide = code, p, v, m, v * code.lanes
        self.x, self.g = Array(code, pointers[0], stored), Array(code, pointers[1], stored)
        scratch = Array(code, own, "uint8")
        self.lists = Array(code, own, "int64")
        self.x_copy = Array(code, scratch.at(p.list_bytes).address, computed)
        self.g_copy = Array(code, scratch.at(p.list_bytes + p.x_bytes).address, computed)

        panel_item, rest = item % p.items_panels, item // p.items_panels
        block_item, rest = rest % p.items_blocks, rest // p.items_blocks
        self.group, self.part = rest % p.groups, rest // p.groups
        self.first_panel, self.first_block = panel_item * p.item_panels, block_item * p.item_blocks
        self.panels = code.smaller(p.item_panels, p.panels - self.first_panel)
        self.blocks = code.smaller(p.item_blocks, p.blocks - self.first_block)
        if to_result:
            self.result = Array(code, pointers[2], computed)
        else:
            self.result = Array(code, shared, computed).at(self.part * p.size)

        # Elements of the copies: of a row, a plane's rows, a panel or block of channels.
        self.x_row = p.copied_columns * code.chosen(p.merged > 0, p.group_in, m)
        x_rows = p.tile_images * p.copied_planes * p.copied_rows
        self.x_block = code.chosen(p.merged > 0, m, x_rows * self.x_row)
        self.g_columns = p.tile_columns * p.column_phases
        self.g_row = self.g_columns * self.wide
        self.g_rows, self.g_planes = p.tile_rows * p.row_phases, p.tile_planes * p.plane_phases
        self.g_panel = p.tile_images * self.g_planes * self.g_rows * self.g_row

    def copy_input(self, tile: _Tile) -> None:
        """Copy the rows of x that the tile meets: as they are, or block of channels by block."""
        code, p, m = self.code, self.p, self.m
        with (
            code.loop(0, tile.images) as n,
            code.loop(0, p.copied_planes) as i,
            code.loop(0, p.copied_rows) as j,
        ):
            d, h = tile.in_plane + i, tile.in_row + j
            with code.when((d >= 0) & (d < p.depth) & (h >= 0) & (h < p.height)):
                source = self.x.at(
                    (tile.image + n) * p.x_image
                    + d * p.x_plane
                    + h * p.x_row
                    + self.group * p.group_in
                )
                row = (n * p.copied_planes + i) * p.copied_rows + j
                target = self.x_copy.at(row * self.x_row)
                with code.when(p.merged > 0):
                    rows(
                        code, source, target, tile.in_column, p.copied_columns, p.width,
                        p.group_in, p.x_column, p.group_in,
                    )  # fmt: skip
                with code.when(p.merged.equals(0)), code.loop(0, self.blocks) as block:
                    channel = (self.first_block + block) * m
                    columns(
                        code, source.at(channel), target.at(block * self.x_block), tile.in_column,
                        p.copied_columns, p.width, p.group_in - channel, p.x_column, m,
                    )  # fmt: skip

    def copy_cotangent(self, tile: _Tile) -> None:
        """Copy the rows of g that the tile has, panel of channels by panel."""
        code, p, wide = self.code, self.p, self.wide
        with (
            code.loop(0, tile.images) as n,
            code.loop(0, self.g_planes) as i,
            code.loop(0, self.g_rows) as j,
        ):
            d, h = tile.plane * p.plane_phases + i, tile.row * p.row_phases + j
            w = tile.column * p.column_phases
            row = ((n * self.g_planes + i) * self.g_rows + j) * self.g_row
            source = self.g.at(
                (tile.image + n) * p.y_image
                + d * p.y_plane
                + h * p.y_row
                + w * p.y_column
                + self.group * p.group_out
            )
            count = code.smaller(self.g_columns, p.out_columns - w)
            with (
                code.when((d < p.planes) & (h < p.out_rows)),
                code.loop(0, self.panels) as panel,
                code.loop(0, count) as q,
            ):
                channel = (self.first_panel + panel) * wide
                target = self.g_copy.at(panel * self.g_panel + row + q * wide)
                for e in range(self.v):
                    keep = code.larger(p.group_out - channel - e * code.lanes, 0)
                    element = source.at(q * p.y_column + channel + e * code.lanes)
                    target.store(e * code.lanes, element.load(0, keep))

    def add_tap(self, tile: _Tile, tap: tuple[Int, Int, Int], more: Int) -> None:
        """The sums of one tap over the tile; `more`: they are added to what is there."""
        code, p, m, wide = self.code, self.p, self.m, self.wide
        plane_tap, row_tap, column_tap = (
            table.at(number * 3)
            for table, number in zip((p.plane_table, p.row_table, p.column_table), tap)
        )
        lines = self._list_rows(tile, plane_tap, row_tap)
        count = code.smaller(p.tile_columns, column_tap.element(1) - tile.column)
        shift = column_tap.element(2) - p.first_column
        column_size = code.chosen(p.merged > 0, p.group_in, m)
        number = (tap[0] * p.tap_rows + tap[1]) * p.tap_columns + tap[2]
        all_rows = p.group_in * p.run
        with code.loop(0, self.panels) as panel, code.loop(0, self.blocks) as block:
            channel = (self.first_block + block) * m
            first_out = (self.first_panel + panel) * wide
            target = self.result.at(
                (number * all_rows + channel) * p.out_channels
                + self.group * p.group_out
                + first_out
            )
            first = code.chosen(p.merged > 0, self.first_block * m, 0)
            _block(
                code,
                self.x_copy.at(block * self.x_block + first).at(shift * column_size),
                self.g_copy.at(panel * self.g_panel + column_tap.element(0) * wide),
                target,
                self.lists,
                (lines, count),
                (p.column_step * column_size, p.column_phases * wide, p.out_channels),
                (all_rows - channel, p.group_out - first_out),
                more,
                (self.v, m),
            )

    def _list_rows(self, tile: _Tile, plane_tap: Array, row_tap: Array) -> Int:
        """List the rows at which a tap meets the input: where they start in both copies."""
        code, p = self.code, self.p
        lines = code.variable(0)
        with code.loop(0, tile.images) as n, code.loop(0, p.tile_planes) as i:
            plane = tile.plane + i
            d = plane * p.plane_step + plane_tap.element(2)
            real = (plane < plane_tap.element(1)) & (d >= 0) & (d < p.depth)
            with code.when(real), code.loop(0, p.tile_rows) as j:
                row = tile.row + j
                h = row * p.row_step + row_tap.element(2)
                with code.when((row < row_tap.element(1)) & (h >= 0) & (h < p.height)):
                    x_plane = n * p.copied_planes + d - tile.in_plane
                    x_line = x_plane * p.copied_rows + h - tile.in_row
                    g_plane = n * self.g_planes + i * p.plane_phases + plane_tap.element(0)
                    g_line = g_plane * self.g_rows + j * p.row_phases + row_tap.element(0)
                    self.lists.put(lines.now * 2, x_line * self.x_row)
                    self.lists.put(lines.now * 2 + 1, g_line * self.g_row)
                    lines.set(lines.now + 1)
        return lines.now


def _block(code, x, g, target, lists, counts, steps, left, more, sizes) -> None:
    """m input channels by v vectors of output channels, over all positions of the listed rows."""
    (lines, count), (x_step, g_step, target_step), (v, m) = counts, steps, sizes
    rows_left, columns_left = left
    lanes = code.lanes
    sums = code.sums(m, v)
    with code.loop(0, lines) as line:
        a, b = Walk(x, lists.element(2 * line)), Walk(g, lists.element(2 * line + 1))
        with code.loop(0, count):
            row = [b.here().load(i * lanes) for i in range(v)]
            for c in range(m):
                element = a.here().broadcast(c)
                for i in range(v):
                    sums[c][i].add(element, row[i])
            a.step(x_step)
            b.step(g_step)
    for i in range(v):
        keep = code.larger(columns_left - i * lanes, 0)
        for c in range(m):
            place = target.at(c * target_step + i * lanes)
            here = code.chosen(rows_left > c, keep, 0)
            before = place.load(0, code.chosen(more, here, 0))
            place.store(0, before + sums[c][i].now, here)


def add_parts(code: Code, plan: Array, pointers, own, shared, item: Int, traits: Sequence) -> None:
    """A piece of the result: the sum of the parts, in their order."""
    computed, stored, *_ = traits
    p = Numbers(plan, 2, NUMBERS, TABLES)
    parts, result = Array(code, shared, computed), Array(code, pointers[2], stored)
    first = item * PIECE
    with code.loop(first, code.smaller(first + PIECE, p.size), code.lanes) as i:
        keep = p.size - i
        total = code.sums()
        with code.loop(0, p.parts) as part:
            total.set(total.now + parts.load(part * p.size + i, keep))
        result.store(i, total.now, keep)
