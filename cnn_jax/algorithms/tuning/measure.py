"""`autotune`: time the algorithms for every convolution and pool of a function."""

import statistics
from collections.abc import Callable
from time import perf_counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from cnn_jax import arguments

from .._contract import Problem
from ..choice import ALGORITHMS, candidates, policy, remembered, settings
from . import check
from .report import TunedProblem, TuningReport

GAIN = 1.05  # an algorithm replaces the default if it is at least so many times as fast
ROUNDS = 5  # of timing, at least


def autotune(
    f: Callable,
    *args: Any,
    seconds: float = 1.0,
    max_workspace: int | None = None,
    again: bool = False,
) -> TuningReport:
    """Measure which algorithms are the fastest, here, for the convolutions and pools of ``f``.

    `f` is traced, not run, and every pool and every side of a convolution that says
    ``algorithm="auto"`` is noted, inside of ``jit``, ``scan`` and ``grad`` too: give it the
    training step, and the gradients are measured with the rest. For each, on random numbers,

    1. every algorithm that fits runs once. It is skipped if it fails, if it compiles to the same
       program as one before it, or if its result differs from XLA's, computed in float32 or wider
       at the highest precision, by more than 1e-4 of the largest number (1e-10 in float64, 4e-3 in
       float16, 2e-2 in bfloat16; integers must be exact; on a device that is no CPU it may differ
       4 times as much as XLA's own at the precision in force);
    2. those not skipped are timed in turns for `seconds`, for at least 5 rounds. One that took
       twice as long as the fastest in both of the first two rounds is not timed further. Pools of
       floats are timed with their gradient;
    3. the one with the smallest median time is remembered if it is at least 5 % faster than the one
       that ``"auto"`` takes where nothing was measured; otherwise the latter is remembered.

    From then on ``"auto"`` takes what was remembered, for the same shapes, options and dtype, on
    the same device, with the same number of usable cores, versions of jax, jaxlib and cnn_jax, and
    ``XLA_FLAGS``, in this process and later ones: it is written to the folder that the environment
    variable ``CNN_JAX_CACHE`` names, or ``~/.cache/cnn_jax``. Processes that run already do not
    read it again. What is remembered is not measured again, unless asked for.

    Where something was measured, everything that JAX has compiled is dropped (`jax.clear_caches`):
    functions that were jitted before are traced again at their next call, with the new choices. If
    several hosts run one program, all must have the same measurements.

    ```
    def loss(kernel, x):
        return F.max_pool(F.conv(x, kernel), (2, 2)).sum()

    print(cnn_jax.autotune(jax.grad(loss), kernel, jax.ShapeDtypeStruct((8, 28, 28, 1), "float32")))
    ```

    Args:
        f: any function that JAX can trace.
        *args: its arguments, or `jax.ShapeDtypeStruct` in place of arrays, as `jax.eval_shape`
            takes them.
        seconds: how long to time the algorithms for one problem; compiling them comes on top.
        max_workspace: bytes that an algorithm may expect to need besides arguments and results;
            None for the limit that `functional.using` sets, 256 MiB by default.
        again: measure also what is remembered.

    Returns:
        A `TuningReport`; print it for a table. An algorithm that fails is named there.

    Raises:
        TypeError: if `f` is not callable, an option has the wrong type, or this is called while JAX
            traces.
        ValueError: if `seconds` or `max_workspace` is out of range.
    """
    _check(f, seconds, again)
    with settings.using(max_workspace=max_workspace), settings.noting() as notes:
        limit = settings.current().max_workspace
        jax.eval_shape(f, *args)
    rows, trouble, news = [], None, False
    try:
        for problem in notes.met:
            known = None if again else remembered.entry(problem)
            found = known or _measured(problem, limit, float(seconds))
            if known is None and found.milliseconds:
                trouble, news = remembered.remember(problem, found) or trouble, True
            rows.append(TunedProblem.of(problem, found, from_cache=known is not None))
    finally:
        if news:
            jax.clear_caches()
    return TuningReport(tuple(rows), remembered.file(), trouble)


def _check(f: object, seconds: object, again: object) -> None:
    if not callable(f):
        raise TypeError(f"`f` must be callable; got {arguments.shown(f)}.")
    arguments.number("seconds", seconds, above=0)
    arguments.flag("again", again)
    if isinstance(jnp.zeros(()), Tracer):
        raise TypeError(
            "`autotune` must be called outside of jit and other functions being traced."
        )


def _measured(problem: Problem, max_workspace: int, seconds: float) -> remembered.Entry:
    """Check and time every algorithm that fits."""
    accelerator = remembered.platform() != "cpu"
    default = "xla" if accelerator else policy.from_rules(problem, max_workspace).algorithm
    try:
        arrays = check.arrays(problem)
        expected = check.reference(problem, arrays)
    except Exception as error:
        return remembered.Entry(default, default, {}, {"reference": _first_line(error)})

    allowed = check.tolerance(problem.dtype)
    runs, failures, first, known = {}, {}, {}, {}
    for name in dict.fromkeys([default, "xla", *candidates(problem, max_workspace)]):
        try:
            trial = check.compiled(ALGORITHMS[name], problem, arrays)
            if trial.fingerprint in known:
                failures[name] = f"it compiles to the same program as {known[trial.fingerprint]!r}"
                continue
            start = perf_counter()
            result = trial.run()
            first[name] = perf_counter() - start
            off = check.distance(result, expected)
        except Exception as error:  # whatever it is, the others may be fine
            failures[name] = _first_line(error)
            continue
        if name == "xla" and accelerator and off < 1:
            allowed = max(allowed, 4 * off)
        if off <= allowed:
            runs[name] = trial.run
            if trial.fingerprint is not None:
                known[trial.fingerprint] = name
        else:
            failures[name] = f"wrong values: off by {off:.1e} of the largest, {allowed:.0e} allowed"
    if not runs:
        return remembered.Entry(default, default, {}, failures)

    # An algorithm that does not suit this problem may take minutes for one run.
    patience = max(seconds, 10 * min(first[name] for name in runs))
    too_slow = {n: first[n] * 1e3 for n in runs if first[n] > patience and n != default}
    runs = {name: run for name, run in runs.items() if name not in too_slow}
    medians = _medians(runs, default, seconds)
    return remembered.Entry(_fastest(medians, default), default, {**medians, **too_slow}, failures)


def _fastest(medians: dict[str, float], default: str) -> str:
    """The name with the smallest median; `default` unless another is faster by `GAIN`."""
    best = min(medians, key=medians.__getitem__)
    return default if medians.get(default, np.inf) < GAIN * medians[best] else best


def _medians(runs: dict[str, Callable[[], Any]], default: str, seconds: float) -> dict[str, float]:
    """Median milliseconds, timed in turns; those clearly slow, except `default`, run only twice."""
    samples: dict[str, list[float]] = {name: [] for name in runs}
    end, rounds, racing = perf_counter() + seconds, 0, list(runs)
    while rounds < ROUNDS or (len(racing) > 1 and perf_counter() < end):
        for name in racing:
            start = perf_counter()
            runs[name]()
            samples[name].append(perf_counter() - start)
        rounds += 1
        if rounds == 2:
            fastest = min(map(min, samples.values()))
            racing = [n for n in racing if n == default or min(samples[n]) <= 2 * fastest]
    return {name: 1e3 * statistics.median(times) for name, times in samples.items()}


def _first_line(error: Exception) -> str:
    said = str(error).strip().splitlines()
    return f"{type(error).__name__}: {said[0]}" if said else type(error).__name__
