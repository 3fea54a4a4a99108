"""What `summarize` finds: rows, what units see, and all of it together."""

from dataclasses import dataclass, field

from ._memory import Memory
from ._xla import XlaCost


@dataclass(frozen=True)
class Seen:
    """What the units of a feature map see of one axis of an input, padding included.

    Unit u sees the elements from ``u * stride - padding`` on, ``size`` of them. Where upsampling
    makes units of different phases see more and fewer, that is so on average.

    Attributes:
        input: the number of the input.
        axis: the axis of the input.
        size: how many elements, the most of any unit.
        smallest: how many elements, the fewest of any unit; None if that is not known.
        stride: from one unit to the next; None if there is one unit, or if paths of different
            strides meet.
        padding: how many elements before the input the first unit's field begins; with units in
            different phases the average, which need not be a whole number.
        whole: whether some path shows every unit the same, such as the mean of the whole axis in
            squeeze-and-excitation. Size, stride and padding are of the other paths, if there are.
        exact: whether what the network does is known so well that units see no less; and that
            units in different phases, if there are, see no more. Otherwise the size is about right.
    """

    input: int
    axis: int
    size: int
    smallest: int | None
    stride: int | float | None
    padding: int | float | None
    whole: bool
    exact: bool


@dataclass(frozen=True)
class Row:
    """A layer.

    Attributes:
        name: the path of its parameters' module, or its operation and a number.
        operation: what it does, such as ``"depthwise conv"``.
        inputs: the shapes that it reads.
        output: the shape that it makes.
        window: taps on each axis on which it slides; empty if it does not.
        stride: likewise; of a transposed convolution that of the convolution it transposes.
        padding: likewise, pairs; without what no window meets, but as much at both ends where that
            makes no difference.
        dilation: likewise.
        groups: of its channels.
        parameters: how many trainable numbers it is the first to use.
        non_trainable: how many others.
        macs: multiply-adds, padded taps among them, as often as it runs.
        macs_inside: the same without padded taps.
        activation_bytes: of what it makes.
        field: what its units see, for each spatial axis of each input.
        remark: what else there is to say.
    """

    name: str
    operation: str
    inputs: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]
    window: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int
    parameters: int
    non_trainable: int
    macs: int
    macs_inside: int
    activation_bytes: int
    field: tuple[Seen, ...]
    remark: str


@dataclass(frozen=True)
class Output:
    """What a function returns at one place: its shape, and what its units see."""

    shape: tuple[int, ...]
    field: tuple[Seen, ...]


@dataclass(frozen=True)
class Findings:
    """What is known of a network; its attributes are explained in `Summary`."""

    rows: tuple[Row, ...]
    inputs: tuple[tuple[int, ...], ...]
    outputs: dict[str, Output]
    parameters: int
    non_trainable: int
    macs: int
    macs_inside: int
    memory: Memory = field(repr=False)
    remarks: tuple[str, ...]
    xla: XlaCost | None
