"""Our operations against JAX's built-ins: largest difference, time ratio, compile seconds.

    python -m experiments.compare_ops                      2 CPU cores: 3 minutes
    python -m experiments.compare_ops --only lenet         a part of the list

Each operation runs forward, and backward to every array argument, by each algorithm and by the
built-in: `lax.conv_general_dilated` and `lax.reduce_window` with the gradients that JAX derives
for them. The two run in turn (A B A B ...) and what counts is the ratio of their median times: bare
times on a shared machine say little. Writes a JSON file with everything into runs/compare_ops/.
"""

import dataclasses
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from rich.console import Console
from rich.progress import track
from rich.table import Table

from cnn_jax import functional as F
from cnn_jax.geometry import resolve
from experiments import _runs

ALGORITHMS = ("xla", "vmap")


@dataclass(frozen=True)
class Operation:
    """One call: a function of `cnn_jax.functional`, its arrays' shapes, its options."""

    name: str
    call: str
    shapes: tuple[tuple[int, ...], ...]
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    window: tuple[int, ...] | None = None

    def by(self, algorithm: str) -> Callable[..., jax.Array]:
        """The call by one of our algorithms, as a function of its arrays alone."""
        operation, window = getattr(F, self.call), () if self.window is None else (self.window,)
        return lambda *arrays: operation(*arrays, *window, algorithm=algorithm, **self.options)

    def built_in(self) -> Callable[..., jax.Array]:
        """The same call of `jax.lax`, as a function of its arrays alone."""
        if self.call == "conv":
            return self._lax_convolution
        return self._lax_pool

    def _lax_convolution(self, x: jax.Array, kernel: jax.Array) -> jax.Array:
        window = resolve(x.shape[1:-1], kernel.shape[:-2], **_without(self.options, "groups"))
        spatial = "DHW"[-window.rank :]
        return lax.conv_general_dilated(
            x,
            kernel,
            window.stride,
            window.padding,
            rhs_dilation=window.dilation,
            dimension_numbers=(f"N{spatial}C", f"{spatial}IO", f"N{spatial}C"),
            feature_group_count=self.options.get("groups", 1),
        )

    def _lax_pool(self, x: jax.Array) -> jax.Array:
        size = self.window or ()
        window = resolve(x.shape[1:-1], size, **{"stride": size, **self.options})
        first, reduce = (-jnp.inf, lax.max) if self.call == "max_pool" else (0.0, lax.add)
        y = lax.reduce_window(
            x,
            first,
            reduce,
            (1, *window.size, 1),
            (1, *window.stride, 1),
            ((0, 0), *window.padding, (0, 0)),
        )
        return y if self.call == "max_pool" else y / math.prod(size)


def _without(options: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key != name}


# fmt: off
OPERATIONS = (
    Operation("LeNet-5 conv1", "conv", ((128, 28, 28, 1), (5, 5, 1, 6)), {"padding": 2}),
    Operation("LeNet-5 conv2", "conv", ((128, 14, 14, 6), (5, 5, 6, 16))),
    Operation("3x3, 64 to 64", "conv", ((8, 32, 32, 64), (3, 3, 64, 64)), {"padding": 1}),
    Operation("3x3, stride 2", "conv", ((8, 32, 32, 64), (3, 3, 64, 128)),
              {"padding": 1, "stride": 2}),
    Operation("3x3, dilation 2", "conv", ((8, 32, 32, 32), (3, 3, 32, 32)),
              {"padding": 2, "dilation": 2}),
    Operation("1x1, 256 to 64", "conv", ((4, 28, 28, 256), (1, 1, 256, 64))),
    Operation("3x3, 8 groups", "conv", ((4, 28, 28, 64), (3, 3, 8, 64)),
              {"padding": 1, "groups": 8}),
    Operation("depthwise 3x3", "conv", ((4, 28, 28, 64), (3, 3, 1, 64)),
              {"padding": 1, "groups": 64}),
    Operation("1-D, k 9", "conv", ((16, 512, 32), (9, 32, 32)), {"padding": "SAME"}),
    Operation("3-D, 3x3x3", "conv", ((2, 8, 16, 16, 16), (3, 3, 3, 16, 16)), {"padding": "SAME"}),
    Operation("LeNet-5 max pool", "max_pool", ((128, 28, 28, 6),), window=(2, 2)),
    Operation("max 3x3, stride 2", "max_pool", ((8, 56, 56, 64),), {"stride": 2, "padding": 1},
              window=(3, 3)),
    Operation("LeNet-5 average pool", "avg_pool", ((128, 28, 28, 6),), window=(2, 2)),
)
# fmt: on


@dataclass(frozen=True)
class Config:
    """Compare every operation of the list, by every algorithm, with the built-in."""

    only: str = ""
    """Only operations whose name holds this, in any case."""
    seconds: float = 1.0
    """How long to time each pair."""
    out: Path | None = None
    """The JSON file to write; by default runs/compare_ops/<time>.json."""
    smoke: bool = False
    """Batches of one image and no repetition, to see that everything works."""


@dataclass(frozen=True)
class Comparison:
    """One operation by one algorithm, beside the built-in."""

    operation: str
    direction: str
    algorithm: str
    largest_difference: float
    """Over the largest value of the built-in's result."""
    ratio: float
    """Median time of the built-in over that of the algorithm: over 1 the algorithm is faster."""
    spread: tuple[float, float]
    """The first and third quartile of the ratio of neighboring runs."""
    milliseconds: float
    built_in_milliseconds: float
    compile_seconds: float
    built_in_compile_seconds: float
    runs: int


def main(config: Config) -> list[Comparison]:
    """Compare, print a table, write the JSON file."""
    console = Console()
    chosen = [o for o in OPERATIONS if config.only.lower() in o.name.lower()]
    names = ", ".join(repr(o.name) for o in OPERATIONS)
    _runs.require("--only", bool(chosen), f"part of one of {names}", repr(config.only))
    _runs.require("--seconds", config.seconds > 0, "positive", config.seconds)
    out = config.out or Path("runs/compare_ops") / f"{time.strftime('%Y-%m-%d_%H-%M-%S')}.json"
    _runs.require("--out", not out.is_dir(), "a file, not a folder", out)
    out.parent.mkdir(parents=True, exist_ok=True)
    jobs = [(o, d, a) for o in chosen for d in ("forward", "backward") for a in ALGORITHMS]
    results = [
        compare(*job, config) for job in track(jobs, "comparing", console=console, transient=True)
    ]
    console.print(table(results))
    about = {"device": _runs.device(), "versions": _runs.versions()}
    about["comparisons"] = [dataclasses.asdict(result) for result in results]
    out.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    console.print(f"{about['device']}, jax {about['versions']['jax']}; written to {out}")
    return results


def compare(operation: Operation, direction: str, algorithm: str, config: Config) -> Comparison:
    """Compile both, compare their results, and time them in turn."""
    rng = np.random.default_rng(0)
    shapes = operation.shapes
    if config.smoke:
        shapes = ((1, *shapes[0][1:]), *shapes[1:])
    arrays = [jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in shapes]
    if direction == "backward":
        y = jax.eval_shape(operation.built_in(), *arrays)
        arrays.append(jnp.asarray(rng.standard_normal(y.shape), jnp.float32))
    (ours, our_compile), (theirs, their_compile) = (
        compiled(in_direction(direction, forward), arrays)
        for forward in (operation.by(algorithm), operation.built_in())
    )
    difference = max(
        float(jnp.abs(a - b).max() / jnp.abs(b).max())
        for a, b in zip(jax.tree.leaves(ours(*arrays)), jax.tree.leaves(theirs(*arrays)))
    )
    times = list(in_turn(ours, theirs, arrays, 0 if config.smoke else config.seconds))
    mine, built_in = (statistics.median(column) for column in zip(*times))
    quartiles = np.percentile([b / a for a, b in times], (25, 75))
    return Comparison(
        operation.name,
        direction,
        algorithm,
        difference,
        built_in / mine,
        (float(quartiles[0]), float(quartiles[1])),
        1e3 * mine,
        1e3 * built_in,
        our_compile,
        their_compile,
        len(times),
    )


def in_direction(direction: str, forward: Callable) -> Callable:
    """`forward`, or its gradients by every array: then the last array is the cotangent."""
    if direction == "forward":
        return forward
    return lambda *arrays: jax.vjp(forward, *arrays[:-1])[1](arrays[-1])


def compiled(f: Callable, arrays: list[jax.Array]) -> tuple[Callable, float]:
    """`f` compiled for `arrays`, and how many seconds that took."""
    lowered = jax.jit(f).lower(*arrays)
    start = time.perf_counter()
    return lowered.compile(), time.perf_counter() - start


def in_turn(
    a: Callable, b: Callable, arrays: list[jax.Array], seconds: float
) -> Iterator[tuple[float, float]]:
    """Time `a` and `b` in turn, three times at least, after one run of each to warm up."""

    def timed(f: Callable) -> float:
        start = time.perf_counter()
        jax.block_until_ready(f(*arrays))
        return time.perf_counter() - start

    timed(a), timed(b)
    end, pairs = time.perf_counter() + seconds, 0
    while pairs < 3 or time.perf_counter() < end:
        yield timed(a), timed(b)
        pairs += 1


def table(results: list[Comparison]) -> Table:
    """The comparisons as a table for the screen."""
    rich = Table(title="our algorithms against the built-in")
    rich.add_column("operation")
    rich.add_column("direction")
    rich.add_column("algorithm")
    for head in ("difference", "ms", "built-in ms", "ratio", "quartiles", "compile s"):
        rich.add_column(head, justify="right")
    for r in results:
        color = "green" if r.ratio > 1.1 else "red" if r.ratio < 0.9 else ""
        rich.add_row(
            r.operation,
            r.direction,
            r.algorithm,
            f"{r.largest_difference:.0e}",
            f"{r.milliseconds:.2f}",
            f"{r.built_in_milliseconds:.2f}",
            f"[{color}]{r.ratio:.2f}[/{color}]" if color else f"{r.ratio:.2f}",
            f"{r.spread[0]:.2f}-{r.spread[1]:.2f}",
            f"{r.compile_seconds:.2f} / {r.built_in_compile_seconds:.2f}",
        )
    return rich


if __name__ == "__main__":
    _runs.run(main, Config, __doc__)
