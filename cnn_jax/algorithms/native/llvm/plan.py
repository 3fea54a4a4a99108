"""The numbers that a call gives to its kernel: one array of int64, the only attribute of the call.

helpers, bytes of shared scratch, bytes of each thread's scratch, items of each phase,
the numbers of the nest by name, its tables
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .language import Array

HEADER = 3
ALIGNED = 256  # bytes; what one thread writes shares no cache line with what another does


@dataclass(frozen=True)
class Plan:
    """The plan of one call.

    Attributes:
        items: of each phase.
        shared: bytes of scratch that all threads share.
        each: bytes of scratch of each thread.
        numbers: the numbers of the nest, by name.
        tables: longer lists, by name.
        work: multiplications, or what costs as much as one; a small call is computed by one thread.
    """

    items: Sequence[int]
    numbers: Mapping[str, int]
    tables: Mapping[str, Sequence[int]]
    work: int
    shared: int = 0
    each: int = 0

    @property
    def threads(self) -> int:
        """The most threads that share the work: one for each 100,000 multiplications."""
        return max(1, min(os.cpu_count() or 1, max(self.items), self.work // 100_000))

    @property
    def scratch(self) -> int:
        """Bytes of scratch, at least one."""
        return max(1, _aligned(self.shared) + self.threads * _aligned(self.each))

    def encoded(self) -> np.ndarray:
        """The array."""
        numbers = list(self.numbers.values())
        start = HEADER + len(self.items) + len(numbers) + len(self.tables)
        places, data = [], []
        for table in self.tables.values():
            places.append(start + len(data))
            data.extend(table)
        header = [self.threads - 1, _aligned(self.shared), _aligned(self.each), *self.items]
        return np.array([*header, *numbers, *places, *data], np.int64)


def ordered(names: Sequence[str], numbers: Mapping[str, int]) -> dict[str, int]:
    """Numbers in the order in which a nest reads them; it reads all of them, and no others."""
    if set(names) != set(numbers):
        raise ValueError(f"the nest reads other numbers: {set(names) ^ set(numbers)}")
    return {name: numbers[name] for name in names}


def _aligned(size: int) -> int:
    return -(-size // ALIGNED) * ALIGNED


class Numbers:
    """A plan as the nest reads it: an `Int` for each number, an `Array` for each table."""

    def __init__(self, plan: Array, phases: int, names: Sequence[str], tables: Sequence[str]):
        start = HEADER + phases
        for place, name in enumerate((*names, *tables)):
            number = plan.element(start + place)
            setattr(self, name, plan.at(number) if name in tables else number)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
