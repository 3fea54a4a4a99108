"""Compile, check and time in turn every way to compute one side of one layer."""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from cnn_jax import functional as F
from experiments.compare_ops.clocks import timing
from experiments.compare_ops.clocks.pytorch import TorchError, TorchWorker
from experiments.compare_ops.clocks.rulers import Rulers
from experiments.compare_ops.layers import sides
from experiments.compare_ops.layers.case import AUTO, BUILT_IN, TORCH, Case, Measurement
from experiments.compare_ops.layers.layer import Layer, Side

BLOCKS = 2  # JAX's rounds are run in this many blocks, each followed by PyTorch's
# What takes this many times as long as the built-in is not run again.
HOPELESS = 40.0


@dataclass(frozen=True)
class Attempt:
    """The outcome of a contender's first runs."""

    about: Measurement
    call: Callable[[], jax.Array] | None = None
    """Runs it; None if it was not compiled or is not to run again."""
    result: jax.Array | None = None
    seconds: float = math.inf


def compare(
    layer: Layer,
    side: Side,
    algorithms: Sequence[str],
    effort: timing.Effort,
    rulers: Rulers,
    torch: TorchWorker | None = None,
) -> Case:
    """Compile every contender, compare its result with the built-in's, time all of them in turn.

    Args:
        layer: the layer.
        side: which of its sides.
        algorithms: of ours; one that cannot compute the layer is recorded with its reason.
        effort: when to stop.
        rulers: what the machine can do at best.
        torch: PyTorch in its own process, if it is to be compared.
    """
    arrays = [jnp.asarray(array, layer.dtype) for array in sides.inputs(layer)]
    unlimited = replace(effort, temp_bytes=math.inf)
    reference = attempt(
        BUILT_IN, layer, side, arrays, Attempt(Measurement("", "failed")), unlimited
    )
    attempts = [reference]
    for name in algorithms:
        tried = attempt(name, layer, side, arrays, reference, effort)
        attempts.append(replace(tried, result=None))  # frees the memory of the result
    runs = {a.about.contender: timer(a) for a in attempts if a.call}
    times = {name: [] for name in (*runs, TORCH)}
    times |= {a.about.contender: [a.seconds] for a in attempts if a.about.status == "one run"}
    abouts = [a.about for a in attempts]
    for block in range(BLOCKS):
        at_least = -(-(effort.at_least - block) // BLOCKS)
        for name, own in timing.in_turn(runs, effort.seconds / BLOCKS, at_least).items():
            times[name] += own
        if torch is not None:
            try:
                own, result = torch.time(layer, side, effort.seconds / BLOCKS, at_least)
            except TorchError as error:
                times[TORCH], torch = [], None
                abouts.append(Measurement(TORCH, "failed", str(error)))
                continue
            times[TORCH] += own
            if block == BLOCKS - 1:
                about = Measurement(TORCH, "timed")
                abouts.append(checked(about, result, reference.result))
    measurements = (timed(about, times, layer, side, rulers) for about in abouts)
    return Case(
        layer.network,
        layer.name,
        side,
        layer.family,
        layer.described,
        layer.shapes(),
        layer.flops,
        layer.bytes(side),
        tuple(measurements),
        taken(layer, side, arrays) if AUTO in algorithms else "",
    )


def taken(layer: Layer, side: Side, arrays: Sequence[jax.Array]) -> str:
    """The algorithm that `auto` takes for this side, on a CPU."""
    explained = F.explain(sides.ours(layer, AUTO), *arrays[:-1])
    by_side = {part.side: part.algorithm for part in explained.parts}
    return by_side.get(side) or next(iter(by_side.values()), "")


def attempt(
    name: str,
    layer: Layer,
    side: Side,
    arrays: Sequence[jax.Array],
    reference: Attempt,
    effort: timing.Effort,
) -> Attempt:
    """Compile a contender; run it unless it needs too much memory, and check its result.

    Args:
        name: of the contender.
        layer: the layer.
        side: which of its sides.
        arrays: of `layer.shapes()`.
        reference: the built-in's attempt, for its result and its time.
        effort: the memory that it may need, and how long it may take.
    """
    try:
        program = timing.compiled(sides.side_function(layer, side, name), *arrays)
    except ValueError as error:
        return Attempt(Measurement(name, "not supported", str(error)))
    except Exception as error:  # whatever one algorithm meets, the others go on
        return Attempt(Measurement(name, "failed", f"{type(error).__name__}: {error}"))
    needs = program.temp_bytes
    about = Measurement(
        name, "timed", compile_seconds=program.compile_seconds, temp_bytes=program.temp_bytes
    )
    if (needs or 0) > effort.temp_bytes:
        reason = f"needs {needs / 2**30:.1f} GiB of temporary memory: not run"
        return Attempt(replace(about, status="too large", reason=reason))

    def call() -> jax.Array:
        return program.call(*arrays)

    try:
        result = call()
        seconds = timing.seconds_of(call)
    except Exception as error:
        return Attempt(replace(about, status="failed", reason=f"{type(error).__name__}: {error}"))
    about = checked(about, result, reference.result)
    reason = ""
    if seconds > HOPELESS * reference.seconds:
        reason = f"over {HOPELESS:.0f} times as long as the built-in: timed once"
    elif seconds > effort.longest:
        reason = f"over {effort.longest:.1f} s: timed once"
    if reason:
        reason = "; ".join(filter(None, [about.reason, reason]))
        return Attempt(replace(about, status="one run", reason=reason), None, result, seconds)
    return Attempt(about, call, result, seconds)


def checked(about: Measurement, result, expected) -> Measurement:
    """`about` with the largest difference from the built-in's result added."""
    if expected is None:
        return about
    expected, result = (np.asarray(array).astype(np.float64) for array in (expected, result))
    with np.errstate(invalid="ignore"):  # of two infinities; the result says so
        difference = np.abs(result - expected).max() / np.abs(expected).max()
    if not np.isfinite(difference):
        return replace(about, reason="the result is not finite")
    return replace(about, largest_error=float(difference))


def timer(attempt: Attempt) -> Callable[[], float]:
    """A function that runs a contender and returns its seconds per call."""
    calls = timing.calls_per_run(attempt.seconds)
    return lambda: timing.seconds_of(attempt.call, calls)


def timed(
    about: Measurement, times: dict[str, list[float]], layer: Layer, side: Side, rulers: Rulers
) -> Measurement:
    """`about` with the median time, the ratio to the built-in, and the shares of the best rates."""
    own, built_in = times.get(about.contender, ()), times.get(BUILT_IN, ())
    if own:
        about = replace(about, milliseconds=1e3 * statistics.median(own), runs=len(own))
        if built_in:
            beside = about.contender != TORCH and len(own) == len(built_in)
            found = timing.ratio(built_in, own, neighbors=beside)
            spread = found.spread if min(len(own), len(built_in)) > 1 else None
            about = replace(about, ratio=found.median, spread=spread)
    if about.milliseconds is None:
        return about
    rate, bandwidth = (1e3 * n / about.milliseconds for n in (layer.flops, layer.bytes(side)))
    return replace(
        about,
        gflops=rate / 1e9,
        of_matrix_product=rate / rulers.flops_per_second,
        of_bandwidth=bandwidth / rulers.bytes_per_second,
    )
