"""One spatial axis of a convolution, as the nests walk along it.

A window's tap t at position p meets element i of the input if

    p * stride + t * dilation - low == i * base_dilation

Positions of one remainder r modulo P = base_dilation / gcd(base_dilation, stride) meet the same
taps, at elements that lie a fixed step apart: with p = r + P * q,

    i = offset(t) + q * step,     step = stride / gcd(base_dilation, stride)

So each remainder, a phase, is a convolution without base dilation, with some of the taps. Without
base dilation there is one phase, with all taps.
"""

from dataclasses import dataclass
from math import gcd

from cnn_jax.geometry import Window


@dataclass(frozen=True)
class Tap:
    """A tap of a phase: its number in the window, and the input element that it meets at q = 0."""

    number: int
    offset: int


@dataclass(frozen=True)
class Phase:
    """The positions first, first + P, ...: how many there are, and the taps that they meet."""

    first: int
    positions: int
    taps: tuple[Tap, ...]


@dataclass(frozen=True)
class Axis:
    """An axis: its input and output lengths, its phases, and the input's step from q to q + 1."""

    length: int
    positions: int
    step: int
    phases: tuple[Phase, ...]

    @property
    def longest(self) -> int:
        """The number of positions of the longest phase."""
        return self.phases[0].positions

    @property
    def first_offset(self) -> int:
        """The first input element that a position q = 0 meets; negative if it is padding."""
        return min((tap.offset for phase in self.phases for tap in phase.taps), default=0)

    @property
    def last_offset(self) -> int:
        return max((tap.offset for phase in self.phases for tap in phase.taps), default=0)

    def reach(self, positions: int) -> int:
        """The number of input elements from the first to the last that `positions` of q meet."""
        return (positions - 1) * self.step + self.last_offset - self.first_offset + 1

    @property
    def inside(self) -> bool:
        """Whether no tap of any position meets padding."""
        return self.first_offset >= 0 and all(
            tap.offset + (phase.positions - 1) * self.step < self.length
            for phase in self.phases
            for tap in phase.taps
            if phase.positions
        )


def axes(window: Window, spatial: tuple[int, ...]) -> tuple[Axis, ...]:
    """The three axes of a window on an input of lengths `spatial`; axes of length 1 come first."""
    rank, positions = window.rank, window.output_size(spatial)
    missing = 3 - rank
    real = tuple(
        _axis(spatial[a], positions[a], window.size[a], window.stride[a], window.padding[a][0],
              window.dilation[a], window.base_dilation[a])
        for a in range(rank)
    )  # fmt: skip
    return (*(_axis(1, 1, 1, 1, 0, 1, 1) for _ in range(missing)), *real)


def _axis(
    length: int, positions: int, taps: int, stride: int, low: int, dilation: int, base: int
) -> Axis:
    common = gcd(base, stride)
    apart = base // common

    def phase(first: int) -> Phase:
        met = (
            Tap(t, (first * stride + t * dilation - low) // base)
            for t in range(taps)
            if (first * stride + t * dilation - low) % base == 0
        )
        return Phase(first, max(-(-(positions - first) // apart), 0), tuple(met))

    return Axis(length, positions, stride // common, tuple(map(phase, range(apart))))
