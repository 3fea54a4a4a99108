"""The tables for a user's own layers: one for each layer, a row for each way to compute it."""

from collections.abc import Sequence

from rich import box
from rich.markup import escape
from rich.table import Table

from experiments.compare_ops.layers.case import AUTO, BUILT_IN, Case
from experiments.compare_ops.output.tables import WRONG, color_of_ratio, text


def by_layer(cases: Sequence[Case]) -> list[Table]:
    """A table for each layer, in their order."""
    layers: dict[str, list[Case]] = {}
    for case in cases:
        layers.setdefault(case.layer_name, []).append(case)
    return [_table(name, sides) for name, sides in layers.items()]


def _table(name: str, cases: Sequence[Case]) -> Table:
    y = "x".join(map(str, cases[0].shapes[-1]))
    title = f"{escape(name)}\n{cases[0].described} to {y}\nms (the built-in's time over its own)"
    rich = Table(title=title, box=box.SIMPLE_HEAD, caption=_left_out(cases) or None)
    rich.caption_justify = "left"
    rich.add_column("by")
    for case in cases:
        takes = f"\nauto: {case.taken}" if case.taken else ""
        rich.add_column(f"{case.side}{takes}", justify="right", no_wrap=True)
    rich.add_column("error", justify="right")
    for contender in dict.fromkeys(m.contender for case in cases for m in case.measurements):
        cells = [_cell(case, contender) for case in cases]
        if set(cells) != {"-"}:
            style = "bold" if contender == AUTO else ""
            rich.add_row(contender, *cells, _error(cases, contender), style=style)
    return rich


def _cell(case: Case, contender: str) -> str:
    """The time of a contender and its ratio."""
    m = case.by(contender)
    if m is None or m.milliseconds is None:
        return "-"
    shown = f"{m.milliseconds:.3f}"
    if contender == BUILT_IN or m.ratio is None:
        return f"{shown}         "
    color = color_of_ratio(m.ratio)
    ratio = f"({m.ratio:.2f})".rjust(8)
    return f"{shown} [{color}]{ratio}[/{color}]" if color else f"{shown} {ratio}"


def _error(cases: Sequence[Case], contender: str) -> str:
    """The largest error of a contender on any side, red if it is wrong."""
    found = [m.largest_error for m in (case.by(contender) for case in cases) if m]
    largest = max((error for error in found if error is not None), default=None)
    shown = text(largest, ".0e")
    return f"[red]{shown}[/red]" if (largest or 0) > WRONG else shown


def _left_out(cases: Sequence[Case]) -> str:
    """Who does not compute which side, and why; a line for each reason."""
    reasons: dict[str, dict[str, list[str]]] = {}
    for case in cases:
        for m in case.measurements:
            if m.milliseconds is None:
                by = reasons.setdefault(_short(m.reason), {})
                by.setdefault(m.contender, []).append(case.side)
    lines = []
    for why, by in reasons.items():
        names = (
            name if len(sides) == len(cases) else f"{name} ({', '.join(sides)})"
            for name, sides in by.items()
        )
        lines.append(escape(f"{', '.join(names)}: {why}"))
    return "\n".join(lines)


def _short(reason: str) -> str:
    """The reason, without the words that `functional` puts around it."""
    first = reason.strip().split("\n")[0]
    start, end = "does not compute this ", ". Those that do:"
    if start in first and end in first:
        return first[first.index(": ") + 2 : first.index(end)]
    return first
