"""What `cnn_jax.autotune` returns: what was measured, as a value and as a table to read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .._contract import Problem
from ..choice.remembered import Entry


@dataclass(frozen=True)
class TunedProblem:
    """What was found for one side of a convolution, or one pool.

    Attributes:
        problem: what was to be computed.
        default: the algorithm that is taken where nothing was measured.
        chosen: the algorithm that is taken from now on.
        milliseconds: the median time of each algorithm whose result was right.
        failures: why each other algorithm was skipped, by name; under ``"reference"``, why there
            was nothing to compare with, so that nothing was measured.
        from_cache: whether all this was remembered from an earlier call.
    """

    problem: Problem
    default: str
    chosen: str
    milliseconds: dict[str, float]
    failures: dict[str, str]
    from_cache: bool

    @classmethod
    def of(cls, problem: Problem, found: Entry, from_cache: bool) -> "TunedProblem":
        """What an entry of the cache says of `problem`."""
        return cls(
            problem=problem,
            default=found.default,
            chosen=found.algorithm,
            milliseconds=found.milliseconds,
            failures=found.failures,
            from_cache=from_cache,
        )

    @property
    def gain(self) -> float | None:
        """How many times as fast `chosen` is as `default`; None if one of them was not timed."""
        if {self.default, self.chosen} <= self.milliseconds.keys():
            return self.milliseconds[self.default] / self.milliseconds[self.chosen]
        return None


@dataclass(frozen=True)
class TuningReport:
    """What `cnn_jax.autotune` found; as text, a table.

    Attributes:
        rows: one for each different side of a convolution, or pool, in the order they were met.
        file: where the measurements are remembered.
        trouble: why they could not be written there, if so; this process knows them all the same.
    """

    rows: tuple[TunedProblem, ...]
    file: Path
    trouble: str | None = None

    def __str__(self) -> str:
        if not self.rows:
            return 'Nothing to measure: no convolution or pool was met that says algorithm="auto".'
        head = ("side", "x", "window", "dtype", "default", "chosen", "gain", "milliseconds")
        lines = iter(_aligned([head, *map(_cells, self.rows)]))
        text = [next(lines)]
        for row, line in zip(self.rows, lines):
            text.append(line)
            text += [f"    {name} skipped: {reason}" for name, reason in row.failures.items()]
        where = f"Remembered in {self.file}"
        if self.trouble is not None:
            where = f"Remembered in this process only: {self.trouble}"
        return "\n".join([*text, f"{where}."])


def _cells(row: TunedProblem) -> tuple[str, ...]:
    problem, gain = row.problem, row.gain
    times = sorted(row.milliseconds.items(), key=lambda item: item[1])
    return (
        problem.side,
        _by(problem.x),
        _window(problem),
        problem.dtype,
        row.default,
        row.chosen,
        "-" if gain is None else f"{gain:.2f}",
        ", ".join(f"{name} {time:.3g}" for name, time in times)
        + (" (from the cache)" if row.from_cache else ""),
    )


def _window(problem: Problem) -> str:
    """The shape of the kernel or window, and the options that differ from their defaults."""
    window = problem.window
    padding = "x".join(f"{low}:{high}" for low, high in window.padding)
    options = {
        "stride": _by(window.stride) if set(window.stride) - {1} else "",
        "padding": padding if any(map(any, window.padding)) else "",
        "dilation": _by(window.dilation) if set(window.dilation) - {1} else "",
        "base dilation": _by(window.base_dilation) if set(window.base_dilation) - {1} else "",
        "groups": str(problem.groups) if problem.groups > 1 else "",
    }
    said = [f"{name} {value}" for name, value in options.items() if value]
    return " ".join([_by(problem.kernel or window.size), *said])


def _by(numbers: Sequence[int]) -> str:
    return "x".join(map(str, numbers))


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in table]
