"""Compile programs, run them in turn, and compare their times."""

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

# On an accelerator, so many calls are queued that they take this long together: then the device's
# time is measured, not the host's time per call.
QUEUE_SECONDS, QUEUE_CALLS = 2e-3, 32

TURN_SECONDS = 0.02


@dataclass(frozen=True)
class Effort:
    """How long a case may take, and how much memory it may use."""

    seconds: float
    """How long to repeat rounds; `at_least` rounds are run even if they take longer."""
    at_least: int
    temp_bytes: float
    """A program that needs more temporary memory is not run, except the built-in."""
    longest: float = math.inf
    """What takes more seconds for one run is timed once."""


@dataclass(frozen=True)
class Program:
    """A compiled function."""

    call: Callable[..., Any]
    compile_seconds: float
    """Tracing and lowering included."""
    temp_bytes: int | None
    """Memory besides arguments and results, by XLA's account; None where XLA gives none."""


def compiled(f: Callable[..., Any], *arguments: Any, donate: tuple[int, ...] = ()) -> Program:
    """`f` compiled for `arguments`; those at the positions `donate` are donated."""
    start = time.perf_counter()
    program = jax.jit(f, donate_argnums=donate).lower(*arguments).compile()
    seconds = time.perf_counter() - start
    try:
        memory = program.memory_analysis()
    except Exception:  # a platform without it raises an error of its own
        memory = None
    return Program(program, seconds, getattr(memory, "temp_size_in_bytes", None))


def seconds_of(run: Callable[[], Any], calls: int = 1) -> float:
    """The seconds per call over `calls` calls, until the last result is ready."""
    start = time.perf_counter()
    for _ in range(calls):
        result = run()
    jax.block_until_ready(result)
    return (time.perf_counter() - start) / calls


def calls_per_run(seconds: float) -> int:
    """How many calls to queue for one measurement, if one call takes `seconds`."""
    if jax.default_backend() == "cpu":
        return 1
    return min(max(round(QUEUE_SECONDS / max(seconds, 1e-9)), 1), QUEUE_CALLS)


def in_turn(
    runs: Mapping[str, Callable[[], float]], seconds: float, at_least: int
) -> dict[str, list[float]]:
    """Measure in turns, A B C A B C ..., for at least so many seconds and so many rounds.

    Args:
        runs: by name, functions that run something once and return its seconds.
        seconds: how long at least.
        at_least: how many rounds at least.

    Returns:
        By name, the time of each `turn`.
    """
    times: dict[str, list[float]] = {name: [] for name in runs}
    end, rounds = time.perf_counter() + seconds, 0
    while runs and (rounds < at_least or time.perf_counter() < end):
        for name, run in runs.items():
            times[name].append(turn(run))
        rounds += 1
    return times


def turn(run: Callable[[], float]) -> float:
    """The time of one long run, or the median of short ones, `TURN_SECONDS` together.

    A short first run is not counted: after another program the caches hold that one's arrays, the
    other cores are asleep, and the memory of results has gone back to the operating system. So
    each program is measured as in a loop of its own, as PyTorch is in its process.
    """
    first, times = run(), []
    if first >= TURN_SECONDS:
        return first
    while not times or sum(times) < TURN_SECONDS:
        times.append(run())
    return statistics.median(times)


@dataclass(frozen=True)
class Ratio:
    """How many times as fast as a rival something is."""

    median: float
    """The rival's median time over its own: over 1 is faster."""
    spread: tuple[float, float]
    """The first and third quartile of the ratios of neighboring runs."""


def ratio(rival: Sequence[float], own: Sequence[float], neighbors: bool = True) -> Ratio:
    """The ratio of the median times, and its spread.

    Args:
        rival: the rival's times.
        own: the times to compare with them.
        neighbors: whether `own[i]` was measured right after `rival[i]`. If so, the spread is that
            of ``rival[i] / own[i]``, otherwise that of the rival's median over ``own[i]``.
    """
    median = statistics.median(rival)
    ratios = np.divide(rival if neighbors else median, own)
    low, high = np.percentile(ratios, (25, 75))
    return Ratio(median / statistics.median(own), (float(low), float(high)))
