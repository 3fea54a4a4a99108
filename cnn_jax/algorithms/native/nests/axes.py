"""The axes of a convolution, as the nests walk along them.

A window's tap t at position p meets element i of the input if

    p * stride + t * dilation - low == i * base_dilation

Positions of one remainder r modulo P = base_dilation / gcd(base_dilation, stride) meet the same
taps, at elements that lie a fixed step apart: with p = r + P * q,

    i = offset(t) + q * step,     step = stride / gcd(base_dilation, stride)

So each remainder, a phase, is a convolution without base dilation, with some of the taps. Without
base dilation there is one phase, with all taps.
"""

from dataclasses import dataclass, replace
from math import gcd, prod

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
    """An axis: its input and output lengths, its taps, its phases, and the input's step from q to
    q + 1."""

    length: int
    positions: int
    taps: int
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
    def meetings(self) -> int:
        """The number of pairs of a position and a tap that meet an element, not padding."""
        return sum(
            0 <= tap.offset + q * self.step < self.length
            for phase in self.phases
            for tap in phase.taps
            for q in range(phase.positions)
        )

    @property
    def run(self) -> int:
        """The number of taps if all meet elements that lie side by side; else 1."""
        (phase, *others), taps = self.phases, range(self.taps)
        found = [(tap.number, tap.offset - phase.taps[0].offset) for tap in phase.taps]
        return self.taps if not others and found == list(zip(taps, taps)) else 1

    def together(self, count: int) -> tuple["Axis", list[int]]:
        """The axis whose positions are `count` neighbors on this one, a multiple of its phases.

        Returns:
            The axis, whose taps are all elements that any of the neighbors meets; and for each of
            them and each neighbor the tap that meets it there, or -1.
        """
        phases = len(self.phases)

        def of(neighbor: int) -> dict[int, int]:
            """The elements that a neighbor meets, and with which taps."""
            shift = neighbor // phases * self.step
            taps = self.phases[neighbor % phases].taps
            return {tap.offset + shift: tap.number for tap in taps}

        met = [of(neighbor) for neighbor in range(count)]
        offsets = [offset for taps in met for offset in taps] or [0]
        elements = range(min(offsets), max(offsets) + 1)
        positions = -(-self.positions // count)
        taps = tuple(Tap(number, offset) for number, offset in enumerate(elements))
        axis = Axis(
            self.length, positions, len(taps), count // phases * self.step,
            (Phase(0, positions, taps),),
        )  # fmt: skip
        return axis, [taps.get(element, -1) for element in elements for taps in met]

    @property
    def inside(self) -> bool:
        """Whether no tap of any position meets padding."""
        return self.first_offset >= 0 and all(
            tap.offset + (phase.positions - 1) * self.step < self.length
            for phase in self.phases
            for tap in phase.taps
            if phase.positions
        )


@dataclass(frozen=True)
class Arrangement:
    """The axes that the loops of a nest run over, from the outside: images, planes, rows, columns.

    A block of sums holds positions along the last one, the columns. On small feature maps that are
    many images: then the images are the columns, and the rows and columns of the map the loops
    around them.

    Attributes:
        images: the number of images.
        depth, height, width: the axes of planes, rows and columns.
        x: elements of memory from one image, plane, row and column of the input to the next.
        y: the same for the output.
    """

    images: int
    depth: Axis
    height: Axis
    width: Axis
    x: tuple[int, int, int, int]
    y: tuple[int, int, int, int]

    @property
    def numbers(self) -> dict[str, int]:
        """The numbers of a plan that say where elements lie."""
        names = ("image", "plane", "row", "column")
        x = {f"x_{name}": step for name, step in zip(names, self.x)}
        return x | {f"y_{name}": step for name, step in zip(names, self.y)}

    def across_images(self) -> "Arrangement":
        """The images as columns; the input must have one plane."""
        (x_image, _, x_row, x_column), (y_image, _, y_row, y_column) = self.x, self.y
        images = _axis(self.images, self.images, 1, 1, 0, 1, 1)
        return Arrangement(
            1, self.height, self.width, images, (0, x_row, x_column, x_image),
            (0, y_row, y_column, y_image),
        )  # fmt: skip

    def together(self, count: int) -> tuple["Arrangement", list[int]]:
        """`count` neighbors of a row as one position, with as many times the output channels."""
        width, table = self.width.together(count)
        *y, y_column = self.y
        return replace(self, width=width, y=(*y, count * y_column)), table

    @property
    def taps(self) -> int:
        """The number of taps that a position has at most."""
        axes = (self.depth, self.height, self.width)
        return prod(max(len(phase.taps) for phase in axis.phases) for axis in axes)

    @property
    def rows_met(self) -> int:
        """The number of pairs of a row of positions and a row of taps that meet the input."""
        return self.images * self.depth.meetings * self.height.meetings

    @property
    def flat(self) -> bool:
        """Whether there is one plane."""
        return self.depth.length == self.depth.positions == self.depth.taps == 1


def with_three_axes(window: Window, spatial: tuple[int, ...]) -> tuple[Window, tuple[int, ...]]:
    """The same window and input, with axes of length 1 before those that there are."""
    while window.rank < 3:
        window, spatial = window.with_axis_in_front(), (1, *spatial)
    return window, spatial


def arranged(window: Window, x: tuple[int, ...], channels: int) -> Arrangement:
    """Images, planes, rows and columns as they lie in memory.

    Args:
        window: of a convolution of x.
        x: (n, *spatial, c); axes of length 1 are put before one or two spatial axes.
        channels: of the output.
    """
    window, spatial = with_three_axes(window, x[1:-1])
    lows = (low for low, _ in window.padding)
    depth, height, width = map(
        _axis, spatial, window.output_size(spatial), window.size, window.stride, lows,
        window.dilation, window.base_dilation,
    )  # fmt: skip

    def steps(lengths: tuple[int, ...], channels: int) -> tuple[int, int, int, int]:
        d, h, w = lengths
        return d * h * w * channels, h * w * channels, w * channels, channels

    axes = (depth, height, width)
    return Arrangement(
        x[0], *axes, steps(tuple(axis.length for axis in axes), x[-1]),
        steps(tuple(axis.positions for axis in axes), channels),
    )  # fmt: skip


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

    return Axis(length, positions, taps, stride // common, tuple(map(phase, range(apart))))
