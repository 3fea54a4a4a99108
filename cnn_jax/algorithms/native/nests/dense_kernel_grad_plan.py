"""The plan of the gradient of a dense convolution with respect to its kernel."""

from collections.abc import Callable, Sequence
from math import ceil, prod

from cnn_jax.geometry import Window

from ..llvm.compiler import Kernel
from ..llvm.elements import BYTES, summed
from ..llvm.machine import Machine
from ..llvm.plan import Plan, ordered
from .axes import Arrangement, Axis, arranged
from .blocks import blocks
from .dense_kernel_grad import NUMBERS, PIECE, accumulate, add_parts

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
