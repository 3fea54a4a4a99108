"""The size of a block of sums: how many positions, or channels, by how many vectors."""

from collections.abc import Sequence
from math import ceil, inf

from ..llvm.machine import Machine

STORING = 4  # cycles for each line of the cache that a sum is stored into


def cycles(
    machine: Machine,
    itemsize: int,
    rows: Sequence[int],
    channels: int,
    v: int,
    m: int,
    length: float = inf,
) -> float:
    """What one tap and input channel of rows of these lengths costs by blocks of m by v vectors.

    Two multiplications and two loads start in each cycle, and a sum is ready after four. The
    weights come from the second-level cache. If m does not divide a row, its last block overlaps
    another. Each position is stored into the lines of its v vectors, and mostly one more, once for
    all the products of a sum: `length`.
    """
    panels = ceil(channels / (v * machine.lanes(itemsize)))
    each = max(m * v, m + v, 8) / 2 + v / 4 + STORING * m * (v + 1) / length
    return each * panels * sum(ceil(row / m) for row in rows)


def blocks(
    machine: Machine, itemsize: int, rows: Sequence[int], channels: int, length: float = inf
) -> tuple[int, int]:
    """(v, m): the vectors of channels and the positions of a block, for rows of these lengths.

    m * v sums, v vectors of weights and one broadcast element must fit into the registers. Of the
    sizes that do, the one that takes the fewest cycles is taken.
    """
    vectors = ceil(channels / machine.lanes(itemsize))
    fitting = [
        (v, m)
        for v in range(1, min(4, vectors) + 1)
        for m in range(1, min(30, (machine.registers - 1 - v) // v, *rows) + 1)
    ]

    def cost(block: tuple[int, int]) -> tuple[float, int]:
        return cycles(machine, itemsize, rows, channels, *block, length), -block[0] * block[1]

    return min(fitting, key=cost)
