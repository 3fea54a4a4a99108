"""The records of a summary: a row, a receptive field, an output, and all findings."""

from dataclasses import dataclass, field

from ._memory import Memory
from ._xla import XlaCost


@dataclass(frozen=True)
class Seen:
    """The receptive field of a feature map on one axis of an input, padding included.

    Unit u sees ``size`` elements, from ``u * stride - padding`` on. After an upsampling, units in
    different phases may see more or fewer; then this holds on average.

    Attributes:
        input: the number of the input.
        axis: the axis of the input.
        size: how many elements a unit sees, the most of any unit.
        smallest: likewise, the fewest of any unit; None if that is not known.
        stride: from one unit's field to the next; None if the field does not move, or if paths of
            different strides meet.
        padding: how many elements before the input the first unit's field begins; with units in
            different phases the average, which need not be a whole number.
        whole: whether along some path all units see the same, such as the mean of the whole axis in
            squeeze-and-excitation. Size, stride and padding are those of the other paths, if any.
        exact: whether the sizes are exact. Otherwise units may see less, or the sizes of units in
            different phases are about right.
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
        name: the path of the module of its parameters, or its operation and a number.
        operation: what it does, such as ``"depthwise conv"``.
        inputs: the shapes that it reads.
        output: the shape that it makes.
        window: taps on each axis along which it slides; empty if it does not slide.
        stride: likewise; for a transposed convolution that of the convolution it transposes.
        padding: likewise, ``(low, high)``; without elements that no window meets, but the same at
            both ends where that makes no difference.
        dilation: likewise.
        groups: the number of groups of channels.
        parameters: how many trainable numbers it is the first to use.
        non_trainable: likewise, of those that are not trained.
        macs: multiply-adds of all its runs, taps on padding included.
        macs_inside: the same without taps on padding.
        activation_bytes: the bytes of its output.
        field: its receptive field, for each spatial axis of each input.
        remark: what else is notable.
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
    """One array that a function returns: its shape and its receptive field."""

    shape: tuple[int, ...]
    field: tuple[Seen, ...]


@dataclass(frozen=True)
class Findings:
    """The data of a summary; `Summary` explains its attributes."""

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
