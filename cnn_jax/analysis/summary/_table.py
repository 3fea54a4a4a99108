"""A summary as a table: in a terminal, in a notebook, as text, CSV and JSON."""

import csv
import html
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from ._report import Row, Seen, Summary

WIDTH = 140
_RIGHT = ("parameters", "not trained", "MACs", "bytes")


def columns(summary: "Summary") -> dict[str, list[str]]:
    """The table's columns by heading; those in which nothing stands are left out."""
    rows = summary.rows
    found: dict[str, list[str]] = {
        "layer": [row.name for row in rows],
        "operation": [row.operation for row in rows],
        "output": [_times(row.output) for row in rows],
        "window": [_window(row) for row in rows],
        "parameters": [_count(row.parameters) for row in rows],
        "not trained": [_count(row.non_trainable) for row in rows],
        "MACs": [_count(row.macs) for row in rows],
        "bytes": [_count(row.activation_bytes) for row in rows],
    }
    numbers = sorted({seen.input for row in rows for seen in row.field})
    for number in numbers:
        of = f" {number}" if len(numbers) > 1 else ""
        parts = [[seen for seen in row.field if seen.input == number] for row in rows]
        found[f"field{of}"] = [_axes(list(map(_size, part))) for part in parts]
        found[f"stride{of}"] = [_axes([seen.stride for seen in part]) for part in parts]
        found[f"padding{of}"] = [_axes([seen.padding for seen in part]) for part in parts]
    found["remark"] = [row.remark for row in rows]
    return {heading: cells for heading, cells in found.items() if any(cells)}


def _holds_numbers(heading: str) -> bool:
    return heading in _RIGHT or heading.startswith(("field", "stride", "padding"))


def totals(summary: "Summary") -> list[str]:
    """The lines below the table."""
    memory = summary.memory
    lines = [f"{summary.parameters:,} parameters"]
    fields = [seen for row in summary.rows for seen in row.field]
    if any(row.window for row in summary.rows):
        lines.append("window: taps, s stride, p padding (low:high), d dilation, g groups")
    if fields:
        more = "; +all: and all of it, another way" if any(map(_and_all, fields)) else ""
        lines.append(f"field, stride, padding: of what a unit sees of the input{more}")
    if summary.non_trainable:
        lines[0] += f", {summary.non_trainable:,} more not trained"
    lines[0] += f"; {_multiply_adds(summary.macs)}"
    lines.append(
        f"memory: {_bytes(memory.parameter_bytes)} of parameters, about "
        f"{_bytes(memory.forward_bytes)} to run"
    )
    if summary.parameters:
        training = memory.training_bytes
        lines[-1] += (
            "; it has no gradient" if training is None else f", {_bytes(training)} to train by Adam"
        )
    if summary.xla is not None:
        padded = summary.macs - summary.macs_inside
        lines.append(
            f"XLA counts {summary.xla.flops:,} operations: 2 for each of the "
            f"{summary.macs_inside:,} multiply-adds that are not of padded taps ({padded:,} are), "
            f"and {summary.xla.others:,} others"
        )
    return lines + [f"remark: {remark}" for remark in summary.remarks]


def as_rich(summary: "Summary") -> Group:
    """The table for a terminal."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    found = columns(summary)
    for heading in found:
        table.add_column(
            heading,
            justify="right" if _holds_numbers(heading) else "left",
            overflow="fold",
            no_wrap=heading not in ("layer", "remark"),
        )
    for cells in zip(*found.values()):
        table.add_row(*(Text(cell) for cell in cells))
    return Group(table, *(Text(line) for line in ("", *totals(summary))))


def as_text(summary: "Summary") -> str:
    """The table as plain text, without colors."""
    console = Console(width=WIDTH, file=io.StringIO(), color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(as_rich(summary))
    return "\n".join(line.rstrip() for line in captured.get().rstrip().splitlines())


def as_html(summary: "Summary") -> str:
    """The table for a notebook or a page."""
    found = columns(summary)
    sides = ["right" if _holds_numbers(heading) else "left" for heading in found]

    def row(tag: str, cells: Sequence[str]) -> str:
        marked = (
            f"<{tag} style='text-align: {side}'>{html.escape(cell)}</{tag}>"
            for side, cell in zip(sides, cells)
        )
        return f"<tr>{''.join(marked)}</tr>"

    head = row("th", list(found))
    body = "".join(row("td", cells) + "\n" for cells in zip(*found.values()))
    lines = "".join(f"<p>{html.escape(line)}</p>\n" for line in totals(summary))
    return (
        "<table style='border-spacing: 1em 0; font-variant-numeric: tabular-nums'>\n"
        f"<thead>{head}</thead>\n<tbody>\n{body}</tbody></table>\n{lines}"
    )


def as_dict(summary: "Summary") -> dict[str, Any]:
    """The summary of what JSON has."""
    memory = summary.memory
    return _plain(
        {
            "rows": [asdict(row) for row in summary.rows],
            "inputs": summary.inputs,
            "outputs": {path: asdict(output) for path, output in summary.outputs.items()},
            "parameters": summary.parameters,
            "non_trainable": summary.non_trainable,
            "macs": summary.macs,
            "macs_inside": summary.macs_inside,
            "memory": {
                "parameter_bytes": memory.parameter_bytes,
                "forward_bytes": memory.forward_bytes,
                "training_bytes": memory.training_bytes,
            },
            "remarks": summary.remarks,
            "xla": summary.xla and {**asdict(summary.xla), "others": summary.xla.others},
        }
    )


def as_csv(summary: "Summary") -> str:
    """The rows, one line each; tuples are joined by ``x``."""
    keys = sorted({(seen.input, seen.axis) for row in summary.rows for seen in row.field})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    own = ["name", "operation", "inputs", "output", "window", "stride", "padding", "dilation"]
    counts = ["groups", "parameters", "non_trainable", "macs", "macs_inside", "activation_bytes"]
    names = [f"{n}_{i}_{a}" for i, a in keys for n in ("field", "field_stride", "field_padding")]
    writer.writerow([*own, *counts, *names, "remark"])
    for row in summary.rows:
        seen = {(its.input, its.axis): its for its in row.field}
        cells = [row.name, row.operation, " ".join(map(_times, row.inputs)), _times(row.output)]
        cells += [_times(row.window), _times(row.stride)]
        cells += [" ".join(f"{low}:{high}" for low, high in row.padding), _times(row.dilation)]
        cells += [getattr(row, count) for count in counts]
        for key in keys:
            its = seen.get(key)
            cells += ["", "", ""] if its is None else [its.size, its.stride, its.padding]
        writer.writerow([*cells, row.remark])
    return text.getvalue()


def _plain(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _plain(value) for key, value in tree.items()}
    return [_plain(entry) for entry in tree] if isinstance(tree, list | tuple) else tree


def _times(numbers: Sequence) -> str:
    return "x".join(map(str, numbers))


def _window(row: "Row") -> str:
    """A window and what is unusual about it, such as ``3x3 s2 p1 d2 g32``."""
    words = [_times(row.window)]
    words += [f"s{_axes(row.stride)}"] if any(s != 1 for s in row.stride) else []
    words += [f"p{_pads(row.padding)}"] if any(map(any, row.padding)) else []
    words += [f"d{_axes(row.dilation)}"] if any(d != 1 for d in row.dilation) else []
    words += [f"g{row.groups}"] if row.groups > 1 else []
    return " ".join(filter(None, words))


def _axes(numbers: Sequence) -> str:
    """A number for each axis, or one if they are equal; a dash for none."""
    cells = list(map(_number, numbers))
    return cells[0] if len(set(cells)) == 1 else "x".join(cells)


def _and_all(seen: "Seen") -> bool:
    return seen.whole and seen.stride is not None


def _size(seen: "Seen") -> str:
    """How many elements, "~" at most; "+all" if there also is a path from all over the axis."""
    more = "+all" if _and_all(seen) else ""
    return f"{'' if seen.exact else '~'}{seen.size:,}{more}"


def _number(number: float | str | None) -> str:
    if number is None or isinstance(number, str):
        return number or "-"
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


def _pads(padding: Sequence[tuple[int, int]]) -> str:
    cells = [str(low) if low == high else f"{low}:{high}" for low, high in padding]
    return cells[0] if len(set(cells)) == 1 else "x".join(cells)


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _multiply_adds(number: int) -> str:
    for unit, name in ((10**9, "GMACs"), (10**6, "MMACs")):
        if number >= unit:
            return f"{number:,} MACs ({number / unit:.3f} {name})"
    return f"{number:,} MACs"


def _bytes(number: int) -> str:
    for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if number >= unit:
            return f"{number / unit:.1f} {name}"
    return f"{number} bytes"
