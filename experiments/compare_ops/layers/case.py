"""The result for one side of one layer: a measurement for each way to compute it."""

from dataclasses import dataclass
from typing import Literal

from experiments.compare_ops.layers.layer import Side

AUTO = "auto"
BUILT_IN = "built-in"
TORCH = "PyTorch"


@dataclass(frozen=True)
class Measurement:
    """The measurement of one way to compute a case."""

    contender: str
    """`BUILT_IN`, an algorithm's name, or `TORCH`."""
    status: Literal["timed", "one run", "too large", "not supported", "failed"]
    reason: str = ""
    """Why it was not timed like the others."""
    milliseconds: float | None = None
    """The median."""
    ratio: float | None = None
    """The built-in's median time over this one's: over 1 is faster than the built-in."""
    spread: tuple[float, float] | None = None
    """The first and third quartile of the ratio of neighboring runs."""
    largest_error: float | None = None
    """The largest difference from the built-in over the built-in's largest value."""
    compile_seconds: float | None = None
    """For tracing, lowering and compiling."""
    temp_bytes: int | None = None
    """Memory besides arguments and results, if the platform gives it."""
    gflops: float | None = None
    """The layer's operations by its definition, whatever the algorithm saves, over the time."""
    of_matrix_product: float | None = None
    """`gflops` over the measured rate of a large matrix product."""
    of_bandwidth: float | None = None
    """The bytes that must move at least, over the time, over the measured bandwidth."""
    runs: int = 0


@dataclass(frozen=True)
class Case:
    """One side of one layer."""

    network: str
    layer: str
    side: Side
    family: str
    window: str
    """What differs from a window of stride 1 without padding, in words."""
    shapes: tuple[tuple[int, ...], ...]
    """The shapes of the input, of the kernel if there is one, and of the output."""
    flops: int
    bytes: int
    measurements: tuple[Measurement, ...]
    """The built-in's first."""
    taken: str = ""
    """The algorithm that `auto` takes, if `auto` was compared."""

    @property
    def layer_name(self) -> str:
        """The network and the layer."""
        return f"{self.network} {self.layer}"

    @property
    def name(self) -> str:
        """The layer and its side."""
        return f"{self.layer_name}, {self.side}"

    @property
    def described(self) -> str:
        """The shapes of its input and kernel, and its window."""
        shapes = ("x".join(map(str, shape)) for shape in self.shapes[:-1])
        return " ".join(filter(None, [*shapes, self.window]))

    def by(self, contender: str) -> Measurement | None:
        """The measurement of one contender, if there is one."""
        return next((m for m in self.measurements if m.contender == contender), None)

    def ratio(self, contender: str) -> float | None:
        """The built-in's time over that of a contender, if it has one."""
        found = self.by(contender)
        return found and found.ratio

    def against_torch(self, contender: str) -> float | None:
        """PyTorch's time over that of a contender, if both were timed: over 1 is faster."""
        own, torch = self.by(contender), self.by(TORCH)
        if own is None or torch is None or not own.milliseconds or not torch.milliseconds:
            return None
        return torch.milliseconds / own.milliseconds
