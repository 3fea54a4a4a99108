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

from collections.abc import Callable, Sequence
from math import ceil, prod

from cnn_jax.geometry import Window

from ..llvm.compiler import Kernel
from ..llvm.elements import BYTES, summed
from ..llvm.language import Array, Code, Int, Walk
from ..llvm.machine import Machine
from ..llvm.plan import Numbers, Plan, ordered
from .axes import Arrangement, Axis, arranged
from .blocks import blocks
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


def accumulate(code: Code, plan: Array, pointers, own, shared, item: Int, traits: Sequence) -> None:
    """The gradient of some channels, over a part of the images and rows."""
    computed, stored, v, m, to_result = traits
    p = Numbers(plan, 2, NUMBERS, TABLES)
    wide = v * code.lanes
    x, g = Array(code, pointers[0], stored), Array(code, pointers[1], stored)
    scratch = Array(code, own, "uint8")
    lists = Array(code, own, "int64")
    x_copy = Array(code, scratch.at(p.list_bytes).address, computed)
    g_copy = Array(code, scratch.at(p.list_bytes + p.x_bytes).address, computed)

    panel_item, rest = item % p.items_panels, item // p.items_panels
    block_item, rest = rest % p.items_blocks, rest // p.items_blocks
    group, part = rest % p.groups, rest // p.groups
    first_panel, first_block = panel_item * p.item_panels, block_item * p.item_blocks
    panels = code.smaller(p.item_panels, p.panels - first_panel)
    blocks_here = code.smaller(p.item_blocks, p.blocks - first_block)
    if to_result:
        result = Array(code, pointers[2], computed)
    else:
        result = Array(code, shared, computed).at(part * p.size)

    x_row = p.copied_columns * code.chosen(p.merged > 0, p.group_in, m)
    x_rows = p.tile_images * p.copied_planes * p.copied_rows
    g_columns = p.tile_columns * p.column_phases
    g_row = g_columns * wide
    g_rows = p.tile_rows * p.row_phases
    g_planes = p.tile_planes * p.plane_phases
    g_panel = p.tile_images * g_planes * g_rows * g_row
    x_block = code.chosen(p.merged > 0, m, x_rows * x_row)

    first_tile = part * p.part_tiles
    with code.loop(first_tile, code.smaller(first_tile + p.part_tiles, p.tiles)) as tile:
        column_tile, rest = tile % p.tiles_columns, tile // p.tiles_columns
        row_tile, rest = rest % p.tiles_rows, rest // p.tiles_rows
        plane_tile, image_tile = rest % p.tiles_planes, rest // p.tiles_planes
        image0, plane0 = image_tile * p.tile_images, plane_tile * p.tile_planes
        row0, column0 = row_tile * p.tile_rows, column_tile * p.tile_columns
        images = code.smaller(p.tile_images, p.images - image0)
        in_plane = plane0 * p.plane_step + p.first_plane
        in_row = row0 * p.row_step + p.first_row
        in_column = column0 * p.column_step + p.first_column

        with (
            code.loop(0, images) as n,
            code.loop(0, p.copied_planes) as i,
            code.loop(0, p.copied_rows) as j,
        ):
            d, h = in_plane + i, in_row + j
            with code.when((d >= 0) & (d < p.depth) & (h >= 0) & (h < p.height)):
                source = x.at(
                    (image0 + n) * p.x_image + d * p.x_plane + h * p.x_row + group * p.group_in
                )
                row = (n * p.copied_planes + i) * p.copied_rows + j
                with code.when(p.merged > 0):
                    rows(
                        code, source, x_copy.at(row * x_row), in_column, p.copied_columns, p.width,
                        p.group_in, p.x_column, p.group_in,
                    )  # fmt: skip
                with code.when(p.merged.equals(0)), code.loop(0, blocks_here) as block:
                    channel = (first_block + block) * m
                    columns(
                        code, source.at(channel), x_copy.at(block * x_block + row * x_row),
                        in_column, p.copied_columns, p.width,
                        p.group_in - channel, p.x_column, m,
                    )  # fmt: skip
        with (
            code.loop(0, images) as n,
            code.loop(0, g_planes) as i,
            code.loop(0, g_rows) as j,
        ):
            d, h = plane0 * p.plane_phases + i, row0 * p.row_phases + j
            w = column0 * p.column_phases
            row = ((n * g_planes + i) * g_rows + j) * g_row
            source = g.at(
                (image0 + n) * p.y_image
                + d * p.y_plane
                + h * p.y_row
                + w * p.y_column
                + group * p.group_out
            )
            count = code.smaller(g_columns, p.out_columns - w)
            with (
                code.when((d < p.planes) & (h < p.out_rows)),
                code.loop(0, panels) as panel,
                code.loop(0, count) as q,
            ):
                channel = (first_panel + panel) * wide
                target = g_copy.at(panel * g_panel + row + q * wide)
                for e in range(v):
                    keep = code.larger(p.group_out - channel - e * code.lanes, 0)
                    element = source.at(q * p.y_column + channel + e * code.lanes)
                    target.store(e * code.lanes, element.load(0, keep))

        with (
            code.loop(0, p.tap_planes) as a,
            code.loop(0, p.tap_rows) as b,
            code.loop(0, p.tap_columns) as c,
        ):
            plane_tap, row_tap = p.plane_table.at(a * 3), p.row_table.at(b * 3)
            column_tap = p.column_table.at(c * 3)
            lines = _list_rows(
                code, p, lists, plane_tap, row_tap, (images, plane0, row0, in_plane, in_row),
                (x_row, g_row, g_planes, g_rows),
            )  # fmt: skip
            count = code.smaller(p.tile_columns, column_tap.element(1) - column0)
            shift = column_tap.element(2) - p.first_column
            column_size = code.chosen(p.merged > 0, p.group_in, m)
            tap = (a * p.tap_rows + b) * p.tap_columns + c
            all_rows = p.group_in * p.run
            with code.loop(0, panels) as panel, code.loop(0, blocks_here) as block:
                channel = (first_block + block) * m
                first_out = (first_panel + panel) * wide
                target = result.at(
                    (tap * all_rows + channel) * p.out_channels + group * p.group_out + first_out
                )
                _block(
                    code,
                    x_copy.at(block * x_block + code.chosen(p.merged > 0, first_block * m, 0))
                    .at(shift * column_size),
                    g_copy.at(panel * g_panel + column_tap.element(0) * wide),
                    target,
                    lists,
                    (lines, count),
                    (p.column_step * column_size, p.column_phases * wide, p.out_channels),
                    (all_rows - channel, p.group_out - first_out),
                    tile > first_tile,
                    (v, m),
                )  # fmt: skip


def _list_rows(code, p, lists, plane_tap, row_tap, at, sizes) -> Int:
    """List the rows of a tile at which a tap meets the input: where they start in both copies."""
    images, plane0, row0, in_plane, in_row = at
    x_row, g_row, g_planes, g_rows = sizes
    lines = code.variable(0)
    with code.loop(0, images) as n, code.loop(0, p.tile_planes) as i:
        plane = plane0 + i
        d = plane * p.plane_step + plane_tap.element(2)
        real = (plane < plane_tap.element(1)) & (d >= 0) & (d < p.depth)
        with code.when(real), code.loop(0, p.tile_rows) as j:
            row = row0 + j
            h = row * p.row_step + row_tap.element(2)
            with code.when((row < row_tap.element(1)) & (h >= 0) & (h < p.height)):
                x_line = (n * p.copied_planes + d - in_plane) * p.copied_rows + h - in_row
                g_plane = n * g_planes + i * p.plane_phases + plane_tap.element(0)
                g_line = g_plane * g_rows + j * p.row_phases + row_tap.element(0)
                lists.put(lines.now * 2, x_line * x_row)
                lists.put(lines.now * 2 + 1, g_line * g_row)
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


PIECE = 4096  # elements


# -- the plan of a call

CACHE = 2**19  # bytes for the copies of a tile
ITEMS = 32  # enough for many threads


def plan(
    machine: Machine,
    x: tuple[int, ...],
    g: tuple[int, ...],
    window: Window,
    groups: int,
    stored: str,
) -> tuple[Kernel, Plan]:
    """The kernel that computes the gradient of a kernel, and what it is told.

    Args:
        machine: what the kernel is compiled for.
        x: (n, *spatial, c).
        g: (n, *positions, o).
        window: of the convolution.
        groups: the number of groups.
        stored: the dtype of the arrays.
    """
    computed = summed(stored)
    itemsize = BYTES[computed]
    group_in, group_out = x[-1] // groups, g[-1] // groups
    order = arranged(window, x, g[-1])
    if order.flat:
        # The sums run over the images, if these are fewer steps for each tap and row.
        across = order.across_images()
        if _steps(across) < 0.8 * _steps(order):
            order = across
    images, depth, height, width = order.images, order.depth, order.height, order.width
    sizes = tuple(axis.taps for axis in (depth, height, width))
    run = width.run if group_in < 16 else 1
    merged = run > 1

    v, m = blocks(machine, itemsize, [group_in * run], group_out)
    wide = v * machine.lanes(itemsize)
    count_blocks, panels = ceil(group_in * run / m), ceil(group_out / wide)

    # Items share the images, as long as their results are few against what they read, then the
    # channels.
    size = prod(sizes) * group_in * g[-1]
    most = max(1, min(ITEMS, (prod(x) + prod(g)) // (4 * size), prod(g[:-1]) // 64))
    by_channels = ceil(ITEMS / (most * groups))
    items_panels = min(panels, by_channels)
    items_blocks = 1 if merged else min(count_blocks, ceil(by_channels / items_panels))
    item_panels, item_blocks = ceil(panels / items_panels), ceil(count_blocks / items_blocks)
    items_panels, items_blocks = ceil(panels / item_panels), ceil(count_blocks / item_blocks)

    def bytes_of(n: int, d: int, h: int, w: int) -> tuple[int, int]:
        """Of the copies of x and g for a tile of n images, d planes, h rows and w columns."""
        copied = n * depth.reach(d) * height.reach(h) * width.reach(w)
        x_size = copied * group_in + m if merged else copied * m * item_blocks
        phases = prod(len(axis.phases) for axis in (depth, height, width))
        g_size = n * d * h * w * phases * wide * item_panels
        return itemsize * x_size, itemsize * g_size

    lengths = (images, depth.longest, height.longest, width.longest)
    tile = _tile(
        lengths,
        lambda tile: sum(bytes_of(*tile)) <= CACHE and prod(tile) * most <= prod(lengths),
    )
    tiles_of = [ceil(length / part) for length, part in zip(lengths, tile)]
    tiles = prod(tiles_of)
    part_tiles = ceil(tiles / most)
    parts = ceil(tiles / part_tiles)
    channel_items = items_blocks * items_panels * groups
    to_result = parts == 1 and stored == computed

    x_bytes, g_bytes = bytes_of(*tile)
    x_bytes = -(-x_bytes // 64) * 64
    list_bytes = -(-16 * (tile[0] * tile[1] * tile[2] + 1) // 256) * 256
    numbers = dict(
        images=images, depth=depth.length, height=height.length, width=width.length,
        planes=depth.positions, out_rows=height.positions,
        out_columns=width.positions, out_channels=g[-1], **order.numbers,
        group_in=group_in, group_out=group_out,
        groups=groups, tap_planes=sizes[0], tap_rows=sizes[1],
        tap_columns=1 if merged else sizes[2], run=run, merged=int(merged), blocks=count_blocks,
        panels=panels, item_blocks=item_blocks, items_blocks=items_blocks, item_panels=item_panels,
        items_panels=items_panels, parts=parts, part_tiles=part_tiles, tiles=tiles,
        tiles_images=tiles_of[0], tiles_planes=tiles_of[1], tiles_rows=tiles_of[2],
        tiles_columns=tiles_of[3], tile_images=tile[0], tile_planes=tile[1], tile_rows=tile[2],
        tile_columns=tile[3], plane_step=depth.step, row_step=height.step, column_step=width.step,
        plane_phases=len(depth.phases), row_phases=len(height.phases),
        column_phases=len(width.phases), first_plane=depth.first_offset,
        first_row=height.first_offset, first_column=width.first_offset,
        copied_planes=depth.reach(tile[1]), copied_rows=height.reach(tile[2]),
        copied_columns=width.reach(tile[3]), list_bytes=list_bytes, x_bytes=x_bytes, size=size,
    )  # fmt: skip
    tables = {
        "plane_table": _table(depth),
        "row_table": _table(height),
        "column_table": _table(width),
    }
    kernel = Kernel(
        "dense_kernel_grad", (accumulate, add_parts), 4, (computed, stored, v, m, to_result)
    )
    return kernel, Plan(
        items=(parts * channel_items, 0 if to_result else ceil(size / PIECE)),
        numbers=ordered(NUMBERS, numbers),
        tables=tables,
        work=images * group_in * g[-1] * prod(sizes) * prod(g[1:-1]),
        shared=0 if to_result else parts * size * itemsize,
        each=list_bytes + x_bytes + g_bytes,
    )


def _steps(order: Arrangement) -> int:
    """Steps of the innermost loop for each block, and as many as starting a row costs."""
    rows = order.images * order.depth.meetings * order.height.meetings
    return rows * sum((phase.positions + 3) * len(phase.taps) for phase in order.width.phases)


def _tile(lengths: Sequence[int], fits: Callable[[list[int]], bool]) -> list[int]:
    """The largest part of each length, the last ones first, that fits; in pieces of equal size."""
    tile = [1] * len(lengths)
    for axis in reversed(range(len(lengths))):
        most = lengths[axis]
        while tile[axis] < most and fits([*tile[:axis], tile[axis] + 1, *tile[axis + 1 :]]):
            tile[axis] += 1
        tile[axis] = ceil(most / ceil(most / tile[axis]))
        if tile[axis] < most:
            break
    return tile


def _table(axis: Axis) -> list[int]:
    """For each tap: its first position, the number of its positions, the element that it meets."""
    found = {
        tap.number: (phase.first, phase.positions, tap.offset)
        for phase in axis.phases
        for tap in phase.taps
    }
    return [entry for t in range(axis.taps) for entry in found.get(t, (0, 0, 0))]
