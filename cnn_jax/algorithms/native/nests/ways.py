"""Ways to compute a dense convolution: what lies side by side in a block of sums.

    along a row     positions of a row, by vectors of output channels
    across images   the same position of several images: on small feature maps
    neighbors       as along a row, but a vector holds several neighbors' output channels
    inputs          positions of a row, by vectors of *input* channels: for few output channels

The cheapest is taken, by the cycles that its blocks take.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from ..llvm.machine import Machine
from . import few_outputs
from .axes import Arrangement
from .blocks import blocks, cycles

# What a vector of weights holds.
OUTPUTS, NEIGHBORS, INPUTS = "outputs", "neighbors", "inputs"
# A way that is not along a row must take this share of the cycles at most, or fewer.
ACROSS_IMAGES, OF_NEIGHBORS, OF_INPUTS = 0.9, 0.8, 0.9


@dataclass(frozen=True)
class Way:
    """An arrangement and its blocks of m positions by v vectors.

    Attributes:
        order: the axes that the loops run over.
        v: vectors; of `inputs`, output channels.
        m: positions.
        cycles: what it takes, for each input channel.
        holds: `OUTPUTS`, `NEIGHBORS` or `INPUTS`.
        together: how many neighbors a vector holds.
        table: for each element that neighbors meet and each neighbor its tap, or -1.
    """

    order: Arrangement
    v: int
    m: int
    cycles: float
    holds: str = OUTPUTS
    together: int = 1
    table: Sequence[int] = ()


def cheapest(
    machine: Machine, itemsize: int, order: Arrangement, groups: int, channels: int, outputs: int,
    converts: bool,
) -> Way:  # fmt: skip
    """The way that takes the fewest cycles.

    Args:
        machine: the machine.
        itemsize: bytes of an element of a sum.
        order: planes, rows and columns as they lie in memory.
        groups: the number of groups.
        channels: the input channels of a group.
        outputs: the output channels of a group.
        converts: whether elements are stored in another dtype than they are summed in.
    """
    best = _sized(machine, itemsize, order, channels, outputs)
    if order.flat and not converts:
        across = _sized(machine, itemsize, order.across_images(), channels, outputs)
        best = across if across.cycles < ACROSS_IMAGES * best.cycles else best
    if groups == 1 and order.width.positions > 1:
        for way in _of_neighbors(machine, itemsize, order, channels, outputs):
            best = way if way.cycles < OF_NEIGHBORS * best.cycles else best
    if outputs <= few_outputs.MOST and channels >= machine.lanes(itemsize):
        way = _of_inputs(machine, itemsize, order, channels, outputs)
        best = way if way.cycles < OF_INPUTS * best.cycles else best
    return best


def _sized(machine: Machine, itemsize: int, order: Arrangement, channels: int, outputs: int) -> Way:
    """An arrangement with the blocks that suit it best."""
    phases = [phase for phase in order.width.phases if phase.positions]
    rows = [phase.positions for phase in phases]
    length = max(1, order.taps * channels)
    v, m = blocks(machine, itemsize, rows, outputs, length)
    each = sum(
        len(phase.taps) * cycles(machine, itemsize, [phase.positions], outputs, v, m, length)
        for phase in phases
    )
    return Way(order, v, m, order.rows_met * each)


def _of_neighbors(
    machine: Machine, itemsize: int, order: Arrangement, channels: int, outputs: int
) -> Iterator[Way]:
    """Vectors of 2, 3, ... neighbors: of whole rounds of the columns' phases."""
    lanes, phases = machine.lanes(itemsize), len(order.width.phases)
    for count in range(phases, 2 * lanes // outputs + 1, phases):
        if count > 1:
            neighbors, table = order.together(count)
            way = _sized(machine, itemsize, neighbors, channels, count * outputs)
            yield Way(neighbors, way.v, way.m, way.cycles, NEIGHBORS, count, table)


def _of_inputs(
    machine: Machine, itemsize: int, order: Arrangement, channels: int, outputs: int
) -> Way:
    lanes, phases = machine.lanes(itemsize), order.width.phases
    m = few_outputs.block(machine, outputs, [phase.positions for phase in phases])
    each = sum(
        len(phase.taps) * few_outputs.cycles(lanes, [phase.positions], channels, outputs, m)
        for phase in phases
    )
    sums = order.images * prod(a.positions for a in (order.depth, order.height, order.width))
    adding_up = few_outputs.ADDING_UP * sums * outputs / channels
    return Way(order, outputs, m, order.rows_met * each + adding_up, INPUTS)
