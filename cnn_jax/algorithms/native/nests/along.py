"""The axes of a convolution of narrow groups, as numbers and tables of a plan."""

from collections.abc import Sequence
from math import ceil

from ..llvm.language import Array, Int
from ..llvm.plan import ordered
from .axes import Axis
from .narrow import Narrow

NUMBERS = (
    "images", "depth", "height", "width", "channels", "planes", "out_rows", "out_columns",
    "out_channels", "vectors", "plane_items", "plane_step", "row_step", "plane_spread",
    "row_spread", "plane_phases", "row_phases", "column_phases", "plane_taps", "row_taps",
    "column_taps", "window_planes", "window_rows", "window_columns",
)  # fmt: skip
TABLES = ("plane_table", "row_table", "column_table", "plane_order", "row_order", "column_order")


class PhaseOf:
    """A phase of an axis, as a nest reads it from its table.

    first: its first position; positions: how many there are; taps: how many they meet; start: how
    many the phases before meet; offset: the input element that the first tap meets at q = 0.
    """

    def __init__(self, table: Array, phase: Int):
        numbers = table.at(phase * 5)
        self.first, self.positions, self.taps, self.start, self.offset = (
            numbers.element(i) for i in range(5)
        )


def spread(axis: Axis) -> int:
    """Input elements from one tap of a phase to its next, the same in all phases."""
    for phase in axis.phases:
        if len(phase.taps) > 1:
            return phase.taps[1].offset - phase.taps[0].offset
    return 1


def run(axis: Axis) -> int:
    """How many taps of a row are written one after the other; the rest is a loop of single taps."""
    counts = [len(phase.taps) for phase in axis.phases if phase.taps]
    longest = min(8, max(counts, default=1))
    return min(range(1, longest + 1), key=lambda t: (sum(n // t + n % t for n in counts), -t))


def numbers_of(
    narrow: Narrow, axes: Sequence[Axis], images: int, groups: int
) -> tuple[dict[str, int], dict[str, list[int]]]:
    """The numbers and tables of three axes."""
    depth, height, width = axes
    taps = [_order(axis) for axis in axes]
    numbers = dict(  # noqa: C408
        images=images, depth=depth.length, height=height.length, width=width.length,
        channels=groups * narrow.group_in, planes=depth.positions, out_rows=height.positions,
        out_columns=width.positions, out_channels=groups * narrow.group_out,
        vectors=ceil(groups / narrow.groups), plane_items=depth.longest, plane_step=depth.step,
        row_step=height.step, plane_spread=spread(depth), row_spread=spread(height),
        plane_phases=len(depth.phases), row_phases=len(height.phases),
        column_phases=len(width.phases), plane_taps=len(taps[0]), row_taps=len(taps[1]),
        column_taps=len(taps[2]), window_planes=depth.taps, window_rows=height.taps,
        window_columns=width.taps,
    )  # fmt: skip
    return ordered(NUMBERS, numbers), dict(zip(TABLES, [*map(_table, axes), *taps], strict=True))


def _table(axis: Axis) -> list[int]:
    """The phases of an axis, one after the other, as `PhaseOf` reads them."""
    rows, start = [], 0
    for phase in axis.phases:
        offset = phase.taps[0].offset if phase.taps else 0
        rows += [phase.first, phase.positions, len(phase.taps), start, offset]
        start += len(phase.taps)
    return rows


def _order(axis: Axis) -> list[int]:
    """The taps that are met, in the order of phases; each belongs to one at most."""
    return [tap.number for phase in axis.phases for tap in phase.taps]
