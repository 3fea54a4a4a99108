"""The results as tables: for the screen, and every measurement for the page."""

import math
from collections.abc import Callable, Sequence

from rich import box
from rich.table import Table

from cnn_jax import pages
from experiments.compare_ops.layers.case import BUILT_IN, TORCH, Case, Measurement
from experiments.compare_ops.output.kinds import geometric_mean
from experiments.compare_ops.steps.training import Step, StepMeasurement

WIDE = 120  # the fewest columns of a screen on which the whole table fits
FAST, SLOW = 1.1, 0.9  # ratios beyond which a difference is colored
WRONG = 1e-2  # a relative error that no float32 sum explains


def text(value: float | None, form: str, scale: float = 1.0) -> str:
    """A number, or a dash."""
    return "-" if value is None else format(scale * value, form)


def ratio_text(m: Measurement | StepMeasurement | None) -> str:
    """A ratio in its color, or why there is none."""
    if m is None:
        return "-"
    if m.ratio is None:
        return m.status
    color = color_of_ratio(m.ratio)
    shown = f"{m.ratio:.2f}"
    return f"[{color}]{shown}[/{color}]" if color else shown


def color_of_ratio(ratio: float | None) -> str:
    """Green for faster than the built-in, red for slower."""
    if ratio is None:
        return ""
    return "green" if ratio > FAST else "red" if ratio < SLOW else ""


def spread_text(m: Measurement | StepMeasurement | None) -> str:
    """The quartiles of a ratio."""
    return "-" if m is None or m.spread is None else "{:.2f}-{:.2f}".format(*m.spread)


def by_case(cases: Sequence[Case], algorithms: Sequence[str], width: int) -> Table:
    """A row per case: the first algorithm, the best one, and PyTorch.

    Args:
        cases: at least one.
        algorithms: at least one.
        width: of the screen; on a narrow one the last columns are left out.
    """
    main, several = algorithms[0], len(algorithms) > 1
    columns: dict[str, Callable[[Case], str]] = {
        "built-in\nms": lambda case: text(case.by(BUILT_IN).milliseconds, ".2f"),
        main: lambda case: ratio_text(case.by(main)),
        "quartiles": lambda case: spread_text(case.by(main)),
    }
    if several:
        columns["best"] = lambda case: best_text(case, algorithms)
    if any(case.by(TORCH) for case in cases):
        columns[TORCH] = lambda case: ratio_text(case.by(TORCH))
    columns["error"] = lambda case: text(case.by(main).largest_error, ".0e")
    if width >= WIDE:
        columns |= {
            "compile\ns": lambda case: text(case.by(main).compile_seconds, ".2f"),
            "temp\nMiB": lambda case: text(case.by(main).temp_bytes, ".1f", 2**-20),
            "% of\nproduct": lambda case: text(case.by(main).of_matrix_product, ".0f", 100),
            "% of\nbandwidth": lambda case: text(case.by(main).of_bandwidth, ".0f", 100),
        }
    rich = Table(
        title=f"{main}: the built-in's time over its own; over 1 is faster", box=box.SIMPLE_HEAD
    )
    rich.add_column("layer")
    rich.add_column("side", no_wrap=True)
    for head in columns:
        rich.add_column(head, justify="right", no_wrap=True)
    for before, case in zip((None, *cases), cases):
        named = before is not None and before.layer_name == case.layer_name
        layer = "" if named else case.layer_name
        rich.add_row(layer, case.side, *(column(case) for column in columns.values()))
    return rich


def best_text(case: Case, algorithms: Sequence[str]) -> str:
    """The fastest algorithm and its ratio."""
    timed = [m for m in map(case.by, algorithms) if m.ratio is not None]
    best = max(timed, key=lambda m: m.ratio, default=None)
    return "-" if best is None else f"{best.contender} {ratio_text(best)}"


def geometric_means(cases: Sequence[Case], algorithms: Sequence[str]) -> Table:
    """The geometric mean of each contender's ratios, by family and side."""
    sides = list(dict.fromkeys(case.side for case in cases))
    families = list(dict.fromkeys(case.family for case in cases))
    rich = Table(
        title="geometric mean of the ratios to the built-in (number of cases)", box=box.SIMPLE_HEAD
    )
    rich.add_column("family")
    rich.add_column("by")
    for side in sides:
        rich.add_column(side, justify="right")
    for family in (*families, "all"):
        for contender in (*algorithms, TORCH):
            cells = []
            for side in sides:
                these = [c for c in cases if c.side == side and family in (c.family, "all")]
                ratios = [r for r in (c.ratio(contender) for c in these) if r is not None]
                cells.append(f"{geometric_mean(ratios):.2f} ({len(ratios)})" if ratios else "-")
            if set(cells) != {"-"}:
                rich.add_row(family, contender, *cells)
        rich.add_section()
    return rich


def by_step(steps: Sequence[Step]) -> Table:
    """A row per network and contender."""
    rich = Table(
        title="training steps: the built-in's time over that of each; over 1 is faster",
        box=box.SIMPLE_HEAD,
    )
    rich.add_column("network")
    rich.add_column("by")
    for head in (
        "ms",
        "ratio",
        "quartiles",
        "PyTorch / it",
        "error",
        "compile s",
        "temp MiB",
        "steps",
    ):
        rich.add_column(head, justify="right")
    for step in steps:
        for m in step.measurements:
            cells = [text(m.milliseconds, ".1f"), ratio_text(m), spread_text(m)]
            cells += [text(step.against_torch(m.contender), ".2f")]
            cells += [text(m.largest_error, ".0e"), text(m.compile_seconds, ".1f")]
            cells += [text(m.temp_bytes, ".1f", 2**-20), str(m.runs)]
            rich.add_row(f"{step.network} {step.x}", m.contender, *cells)
    return rich


Column = tuple[str, Callable[..., float | None], str]
ERROR: Column = ("largest error", lambda m: m.largest_error, ".1e")
SHARED: tuple[Column, ...] = (
    ("ratio", lambda m: m.ratio, ".2f"),
    ("quartile 1", lambda m: m.spread and m.spread[0], ".2f"),
    ("quartile 3", lambda m: m.spread and m.spread[1], ".2f"),
    ("ms", lambda m: m.milliseconds, ".3f"),
    ERROR,
    ("compile s", lambda m: m.compile_seconds, ".2f"),
    ("temp MiB", lambda m: m.temp_bytes and m.temp_bytes / 2**20, ".1f"),
)
OF_LAYERS: tuple[Column, ...] = (
    ("GFLOP/s", lambda m: m.gflops, ".1f"),
    ("% product", lambda m: m.of_matrix_product and 100 * m.of_matrix_product, ".1f"),
    ("% bandwidth", lambda m: m.of_bandwidth and 100 * m.of_bandwidth, ".1f"),
)


def every_measurement(cases: Sequence[Case]) -> pages.Part:
    """Every measurement of every case, a row each."""
    columns = SHARED + OF_LAYERS
    heads = ("network", "layer", "shapes", "family", "side", "by", *(c[0] for c in columns), "note")
    rows = []
    for case in cases:
        shapes = ", ".join("x".join(map(str, shape)) for shape in case.shapes)
        where = (case.network, case.layer, shapes, case.family, case.side)
        rows += [_row(where, m, columns) for m in case.measurements]
    return pages.table(heads, rows, sortable=True)


def every_step(steps: Sequence[Step]) -> pages.Part:
    """Every measurement of every training step, a row each."""
    heads = ("network", "batch", "by", *(column[0] for column in SHARED), "note")
    rows = [
        _row((step.network, "x".join(map(str, step.x))), m, SHARED)
        for step in steps
        for m in step.measurements
    ]
    return pages.table(heads, rows, sortable=True)


def _row(where: Sequence[str], m, columns: Sequence[Column]) -> list[pages.Cell]:
    cells = [pages.Cell(word) for word in (*where, m.contender)]
    for column in columns:
        value = column[1](m)
        color = color_of_ratio(value) if column[0] == "ratio" else ""
        if column is ERROR and (value or 0) > WRONG:
            color = "red"
        number = math.inf if value is None else value
        cells.append(pages.Cell(text(value, column[2]), number, color))
    note = m.reason if m.status == "timed" else f"{m.status}: {m.reason}"
    return [*cells, pages.Cell(note)]
