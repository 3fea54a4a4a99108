"""The plan of a dense convolution: its arrangement, its blocks, its items and its tiles."""

from math import ceil, prod

from cnn_jax.geometry import Window

from ..llvm.compiler import Kernel
from ..llvm.elements import BYTES, summed
from ..llvm.machine import Machine
from ..llvm.plan import Plan, ordered
from . import few_outputs
from .axes import Arrangement, Axis, Phase, arranged
from .blocks import blocks, cycles
from .dense import NUMBERS, convolve, pack, pack_together

ITEMS = 32  # enough for many threads
WRITTEN_OUT = 64  # products in one round of the innermost loop


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
        groups: the number of groups.
        stored: the dtype of the arrays.
        exchanged: whether this is the gradient of a convolution with respect to its input.
    """
    computed = summed(stored)
    itemsize = BYTES[computed]
    channels, group_in = x[-1], x[-1] // groups
    group_out = kernel[-2] if exchanged else kernel[-1] // groups
    out_channels = group_out * groups

    def sized(order: Arrangement, channels: int) -> tuple[float, int, int]:
        """The cycles that an arrangement takes, and its blocks."""
        phases = [phase for phase in order.width.phases if phase.positions]
        rows = [phase.positions for phase in phases]
        length = max(1, order.taps * group_in)
        v, m = blocks(machine, itemsize, rows, channels, length)
        each = sum(
            len(phase.taps) * cycles(machine, itemsize, [phase.positions], channels, v, m, length)
            for phase in phases
        )
        return order.images * order.depth.meetings * order.height.meetings * each, v, m

    plain = order = arranged(window, x, out_channels)
    cost, v, m = sized(order, group_out)
    together, table = 1, []
    if order.flat and stored == computed:
        # Blocks of many images, if they take fewer cycles.
        across = order.across_images()
        fewer, *block = sized(across, group_out)
        if fewer < 0.9 * cost:
            cost, order, (v, m) = fewer, across, block
    if groups == 1 and plain.width.positions > 1:
        # With few output channels, vectors of several neighbors in a row.
        lanes, phases = machine.lanes(itemsize), len(plain.width.phases)
        for count in range(phases, 2 * lanes // group_out + 1, phases):
            neighbors, entries = plain.together(count)
            fewer, *block = sized(neighbors, count * group_out)
            if count > 1 and fewer < 0.8 * cost:
                cost, order, (v, m), together, table = fewer, neighbors, block, count, entries
    few = False
    if group_out <= few_outputs.MOST and group_in >= machine.lanes(itemsize):
        fewer, positions = _few(machine, plain, group_in, group_out, itemsize)
        few = fewer < 0.9 * cost
        if few:
            cost, order, together, table, m = fewer, plain, 1, [], positions
    group_out *= together
    images, depth, height, width = order.images, order.depth, order.height, order.width
    sizes = tuple(axis.taps for axis in (depth, height, width))
    lanes = machine.lanes(itemsize)
    copies = not few and (stored != computed or not width.inside)
    merged = width.run if copies or groups == 1 else 1
    if few and group_in % lanes:
        merged = 1

    taps = prod(sizes)
    wide = v * lanes
    panels = ceil(group_out / wide)
    weights_tap = ceil(group_in / lanes) * lanes * group_out if few else group_in * wide
    panel_size = taps * weights_tap

    row_items = max(1, height.longest)
    # Rows for half a megabyte of input, and enough items for many threads.
    row_bytes = width.reach(width.longest) * group_in * itemsize * depth.reach(1)
    fitting = max(1, (2**19 // row_bytes - height.reach(1)) // height.step + 1) if copies else 32
    many_weights = panel_size * panels * groups > prod(x)
    wanted = 1 if many_weights else ITEMS
    tile_rows = max(1, min(fitting, row_items, ceil(images * depth.longest * row_items / wanted)))
    tile_columns = width.longest
    if copies and row_bytes * height.reach(tile_rows) > 2**21:
        tile_columns = max(
            4 * m, m * (tile_columns // m * 2**21 // (row_bytes * height.reach(1)) or 1)
        )
        tile_columns = min(tile_columns, width.longest)
    items_rows, items_columns = ceil(row_items / tile_rows), ceil(width.longest / tile_columns)
    tiles = images * depth.longest * items_rows * items_columns
    all_panels = panels * groups
    # If there are few tiles, they are computed by several threads, some panels each.
    items_panels = min(all_panels, ITEMS if many_weights else ceil(ITEMS / max(tiles, 1)))
    item_panels = ceil(all_panels / items_panels)
    items_panels = ceil(all_panels / item_panels)
    item_groups = min(groups, ceil(item_panels / panels) + 1)

    copied = (depth.reach(1), height.reach(tile_rows), width.reach(tile_columns))
    list_bytes = -(-16 * (taps + 1) // 256) * 256
    numbers = dict(
        depth=depth.length, height=height.length, width=width.length, channels=channels,
        out_channels=out_channels, **order.numbers, groups=groups, group_in=group_in,
        group_out=group_out,
        taps=taps, tap_rows=sizes[1], tap_columns=sizes[2], run=group_in * merged, panels=panels,
        panel_size=panel_size, item_panels=item_panels, items_panels=items_panels,
        items_planes=depth.longest, items_rows=items_rows, items_columns=items_columns,
        tile_rows=tile_rows, tile_columns=tile_columns, copies=int(copies), plane_taps=sizes[0],
        first_plane=depth.first_offset, first_row=height.first_offset,
        first_column=width.first_offset, plane_step=depth.step, row_step=height.step,
        column_step=width.step, copied_planes=copied[0], copied_rows=copied[1],
        copied_columns=copied[2], list_bytes=list_bytes, plane_phases=len(depth.phases),
        row_phases=len(height.phases), column_phases=len(width.phases), together=together,
        window_columns=plain.width.taps,
        row_elements=plain.width.positions * plain.y[-1], weights_tap=weights_tap,
        images=max(images, 1),
    )  # fmt: skip
    tables = {
        "plane_table": _table(depth),
        "row_table": _table(height),
        "column_table": _table(width, first_only=merged > 1 and not few),
        "together_table": table,
    }
    each = list_bytes + (prod(copied) * group_in * item_groups * itemsize if copies else 0)
    run = group_in * merged
    if few:
        phases, traits = (few_outputs.pack, few_outputs.convolve), (group_out, m, exchanged)
    else:
        phases = (pack_together if together > 1 else pack, convolve)
        traits = (v, m, _unrolled(run, v * m), exchanged, together > 1)
    name = "few_outputs" if few else "dense"
    kernel_class = Kernel(name, phases, 4, (computed, stored, *traits))
    rows_of_taps = sizes[0] * sizes[1]
    return kernel_class, Plan(
        items=(all_panels * (rows_of_taps if together > 1 else taps), tiles * items_panels),
        numbers=ordered(NUMBERS, numbers),
        tables=tables,
        work=int(cost * machine.lanes(itemsize) * group_in),
        shared=all_panels * panel_size * itemsize,
        each=each,
    )


def _few(
    machine: Machine, order: Arrangement, channels: int, outputs: int, itemsize: int
) -> tuple[float, int]:
    """The cycles that the nest for few output channels takes, and the positions of its blocks."""
    lanes, phases = machine.lanes(itemsize), order.width.phases
    m = few_outputs.block(machine, outputs, [phase.positions for phase in phases])
    each = sum(
        len(phase.taps) * few_outputs.cycles(lanes, [phase.positions], channels, outputs, m)
        for phase in phases
    )
    sums = order.images * prod(a.positions for a in (order.depth, order.height, order.width))
    adding_up = few_outputs.ADDING_UP * sums * outputs / channels
    return order.images * order.depth.meetings * order.height.meetings * each + adding_up, m


def _unrolled(run: int, products: int) -> int:
    """How many steps of a run of products to write out: the whole of a short run, if it can be."""
    if run < 32:
        most = max(1, 256 // products)
        return max(n for n in range(1, most + 1) if run % n == 0)
    return max(1, WRITTEN_OUT // products)


def _table(axis: Axis, first_only: bool = False) -> list[int]:
    """Each phase: first position, number of positions, number of taps, (number, offset) of each.

    With `first_only` the first tap stands for the whole run.
    """

    def row(phase: Phase) -> list[int]:
        met = phase.taps[:1] if first_only else phase.taps
        listed = [entry for tap in met for entry in (tap.number, tap.offset)]
        unused = [0] * (2 * axis.taps - len(listed))
        return [phase.first, phase.positions, len(met), *listed, *unused]

    return [entry for phase in axis.phases for entry in row(phase)]
