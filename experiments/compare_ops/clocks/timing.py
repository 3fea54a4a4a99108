"""How a program is compiled and timed: in turn with its rivals, and what that says."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

# On an accelerator calls are queued until they last this long together, so that what counts is the
# device's time and not the host's for a call.
QUEUE_SECONDS, QUEUE_CALLS = 2e-3, 32


@dataclass(frozen=True)
class Effort:
    """How long a case may take, and how much memory."""

    seconds: float
    """Of the rounds; they may take longer, since there are `at_least` so many."""
    at_least: int
    temp_bytes: float
    """What needs more is not run; the built-in always is."""


@dataclass(frozen=True)
class Program:
    """A compiled function."""

    call: Callable[..., Any]
    compile_seconds: float
    """Tracing and lowering included."""
    temp_bytes: int | None
    """What it needs beside its arguments and results, as XLA says; not every platform does."""


def compiled(f: Callable[..., Any], *arguments: Any, donate: tuple[int, ...] = ()) -> Program:
    """`f` compiled for `arguments`, some of which it may use up."""
    start = time.perf_counter()
    program = jax.jit(f, donate_argnums=donate).lower(*arguments).compile()
    seconds = time.perf_counter() - start
    try:
        memory = program.memory_analysis()
    except Exception:  # each platform has its own way of not knowing
        memory = None
    return Program(program, seconds, getattr(memory, "temp_size_in_bytes", None))


def seconds_of(run: Callable[[], Any], calls: int = 1) -> float:
    """How long one of `calls` calls takes, the last one awaited."""
    start = time.perf_counter()
    for _ in range(calls):
        result = run()
    jax.block_until_ready(result)
    return (time.perf_counter() - start) / calls


def calls_per_run(seconds: float) -> int:
    """How many calls to queue for one measurement of something that takes `seconds`."""
    if jax.default_backend() == "cpu":
        return 1
    return min(max(round(QUEUE_SECONDS / max(seconds, 1e-9)), 1), QUEUE_CALLS)


def in_turn(
    runs: Mapping[str, Callable[[], float]], seconds: float, at_least: int
) -> dict[str, list[float]]:
    """Measure in turn, A B C A B C ..., for so many seconds and so many rounds at least.

    Args:
        runs: by name, what measures its own time once and returns it.
        seconds: how long.
        at_least: how many rounds at least.

    Returns:
        By name, the time of each round.
    """
    times: dict[str, list[float]] = {name: [] for name in runs}
    end, rounds = time.perf_counter() + seconds, 0
    while runs and (rounds < at_least or time.perf_counter() < end):
        for name, run in runs.items():
            times[name].append(run())
        rounds += 1
    return times


@dataclass(frozen=True)
class Ratio:
    """How many times as fast as its rival something is."""

    median: float
    """The rival's median time over its own: over 1 is faster."""
    spread: tuple[float, float]
    """The first and third quartile of the ratios of neighboring runs."""


def ratio(rival: Sequence[float], own: Sequence[float], neighbors: bool = True) -> Ratio:
    """Compare times; unless they were measured as neighbors, each `own` with the rival's median."""
    median = statistics.median(rival)
    ratios = np.divide(rival if neighbors else median, own)
    low, high = np.percentile(ratios, (25, 75))
    return Ratio(median / statistics.median(own), (float(low), float(high)))
