"""The plan of a dense convolution: its arrangement, its blocks, its items and its tiles."""

from dataclasses import dataclass
from math import ceil, gcd, prod

from cnn_jax.geometry import Window

from ..llvm.compiler import Kernel
from ..llvm.elements import BYTES, summed
from ..llvm.machine import Machine
from ..llvm.plan import Plan, ordered
from . import few_outputs
from .axes import Arrangement, Axis, Phase, arranged
from .dense import NUMBERS, convolve, pack, pack_together
from .ways import INPUTS, NEIGHBORS, OUTPUTS, cheapest

ITEMS = 32  # enough for many threads
SELDOM = 16  # uses of a weight, of which packing it is a large part
CACHE_PERIOD, CACHE_WAYS = 2**17, 8  # bytes that fall into the same set; half of its lines
TILE = 2**19  # bytes of input that an item copies, if there are enough rows
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
    itemsize, lanes = BYTES[computed], machine.lanes(BYTES[computed])
    group_in = x[-1] // groups
    group_out = kernel[-2] if exchanged else kernel[-1] // groups
    plain = arranged(window, x, group_out * groups)
    converts = stored != computed
    way = cheapest(machine, itemsize, plain, groups, group_in, group_out, converts)
    order, v, m, of_inputs = way.order, way.v, way.m, way.holds == INPUTS
    depth, height, width = axes = order.depth, order.height, order.width
    sizes = tuple(axis.taps for axis in axes)
    taps, rows_of_taps = prod(sizes), sizes[0] * sizes[1]

    copies = not of_inputs and (converts or not width.inside)
    merged = width.run if copies or groups == 1 else 1
    if of_inputs and group_in % lanes:  # a tap's weights end with zeros
        merged = 1
    run, wide = group_in * merged, v * lanes
    panels = ceil(group_out * way.together / wide)
    uses = order.images * depth.positions * height.positions * ceil(width.longest / m)
    out_bytes = group_out * groups * itemsize
    in_place = (
        way.holds == OUTPUTS
        and not (exchanged or converts)
        and _stay_in_place(uses, taps * group_in, out_bytes)
    )
    weights_tap = ceil(group_in / lanes) * lanes * group_out if of_inputs else group_in * wide
    if in_place:
        weights_tap = group_in * group_out * groups
    panel_size, all_panels = taps * group_in * wide, panels * groups
    if of_inputs:
        panel_size = taps * weights_tap
    cut = _cut(order, m, copies, group_in * itemsize, all_panels, all_panels * panel_size > prod(x))
    copied = (depth.reach(1), height.reach(cut.rows), width.reach(cut.columns))
    copied_groups = min(groups, ceil(cut.panels / panels) + 1)
    list_bytes = -(-16 * (taps + 1) // 256) * 256
    numbers = dict(
        depth=depth.length, height=height.length, width=width.length, channels=x[-1],
        out_channels=group_out * groups, **order.numbers, groups=groups, group_in=group_in,
        group_out=group_out * way.together, taps=taps, tap_rows=sizes[1], tap_columns=sizes[2],
        run=run, panels=panels, panel_size=panel_size, item_panels=cut.panels,
        items_panels=cut.items_panels, items_planes=depth.longest, items_rows=cut.items_rows,
        items_columns=cut.items_columns, tile_rows=cut.rows, tile_columns=cut.columns,
        copies=int(copies), plane_taps=sizes[0], first_plane=depth.first_offset,
        first_row=height.first_offset, first_column=width.first_offset, plane_step=depth.step,
        row_step=height.step, column_step=width.step, copied_planes=copied[0],
        copied_rows=copied[1], copied_columns=copied[2], list_bytes=list_bytes,
        plane_phases=len(depth.phases), row_phases=len(height.phases),
        column_phases=len(width.phases), together=way.together, window_columns=plain.width.taps,
        row_elements=plain.width.positions * plain.y[-1], weights_tap=weights_tap,
        images=max(order.images, 1),
    )  # fmt: skip
    tables = {
        "plane_table": _table(depth),
        "row_table": _table(height),
        "column_table": _table(width, first_only=merged > 1 and not of_inputs),
        "together_table": way.table,
    }
    neighbors = way.holds == NEIGHBORS
    if of_inputs:
        name, nests = "few_outputs", (few_outputs.pack, few_outputs.convolve)
        traits = (group_out, m, exchanged)
    else:
        name, nests = "dense", (pack_together if neighbors else pack, convolve)
        traits = (v, m, _unrolled(run, v * m), exchanged, neighbors, in_place)
    copy_bytes = prod(copied) * group_in * copied_groups * itemsize if copies else 0
    packing = 0 if in_place else all_panels * (rows_of_taps if neighbors else taps)
    return Kernel(name, nests, 4, (computed, stored, *traits)), Plan(
        items=(packing, cut.items),
        numbers=ordered(NUMBERS, numbers),
        tables=tables,
        work=int(way.cycles * lanes * group_in),
        shared=0 if in_place else all_panels * panel_size * itemsize,
        each=list_bytes + copy_bytes,
    )


@dataclass(frozen=True)
class _Cut:
    """What an item computes: so many rows, columns and panels; and how many items there are."""

    rows: int
    columns: int
    panels: int
    items_rows: int
    items_columns: int
    items_panels: int
    items: int


def _cut(
    order: Arrangement, m: int, copies: bool, column_bytes: int, panels: int, many_weights: bool
) -> _Cut:
    """Cut the output into items: of rows whose input fits into the cache, and enough for threads.

    If there are few tiles of rows, several threads compute one, some panels each.
    """
    depth, height, width = order.depth, order.height, order.width
    longest = max(1, height.longest)
    row_bytes = width.reach(width.longest) * column_bytes * depth.reach(1)
    fitting = max(1, (TILE // row_bytes - height.reach(1)) // height.step + 1) if copies else 32
    wanted = 1 if many_weights else ITEMS
    rows = max(1, min(fitting, longest, ceil(order.images * depth.longest * longest / wanted)))
    columns = width.longest
    if copies and row_bytes * height.reach(rows) > 4 * TILE:
        fitting = columns // m * 4 * TILE // (row_bytes * height.reach(1)) or 1
        columns = min(max(4 * m, m * fitting), columns)
    items_rows, items_columns = ceil(longest / rows), ceil(width.longest / columns)
    tiles = order.images * depth.longest * items_rows * items_columns
    items_panels = min(panels, ITEMS if many_weights else ceil(ITEMS / max(tiles, 1)))
    each = ceil(panels / items_panels)
    items_panels = ceil(panels / each)
    return _Cut(rows, columns, each, items_rows, items_columns, items_panels, tiles * items_panels)


def _stay_in_place(uses: int, rows: int, row_bytes: int) -> bool:
    """Whether weights are read where they lie, since packing them would take longer.

    That pays if each is used once or twice; and for a few uses if the rows of a panel, which lie
    apart, stay in the second-level cache together: that depends on the sets they fall into.
    """
    sets = CACHE_PERIOD // gcd(row_bytes, CACHE_PERIOD)
    return uses <= 2 or (uses <= SELDOM and rows <= sets * CACHE_WAYS)


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
