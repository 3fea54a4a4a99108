"""A summary as a table: in a terminal, in a notebook, as text, CSV and JSON."""

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from cnn_jax import pages

from ._records import Findings, Row, Seen

WIDTH = 140


def columns(summary: Findings) -> dict[str, list[pages.Cell]]:
    """The table's columns by heading, without those that are empty in every row."""
    rows = summary.rows
    words = {
        "layer": [row.name for row in rows],
        "operation": [row.operation for row in rows],
        "output": [_times(row.output) for row in rows],
        "window": [_window(row) for row in rows],
    }
    counts = {
        "parameters": [row.parameters for row in rows],
        "not trained": [row.non_trainable for row in rows],
        "MACs": [row.macs for row in rows],
        "bytes": [row.activation_bytes for row in rows],
    }
    found = {heading: [pages.Cell(text) for text in texts] for heading, texts in words.items()}
    for heading, numbers in counts.items():
        found[heading] = [pages.Cell(f"{n:,}" if n else "", n) for n in numbers]
    inputs = sorted({seen.input for row in rows for seen in row.field})
    for number in inputs:
        of = f" {number}" if len(inputs) > 1 else ""
        parts = [[seen for seen in row.field if seen.input == number] for row in rows]
        found[f"field{of}"] = [_cell(part, [s.size for s in part], _size) for part in parts]
        for name in ("stride", "padding"):
            found[f"{name}{of}"] = [
                _cell(part, [getattr(s, name) for s in part], lambda s, n=name: getattr(s, n))
                for part in parts
            ]
    found["remark"] = [pages.Cell(row.remark) for row in rows]
    return {k: cells for k, cells in found.items() if any(cell.text for cell in cells)}


def _cell(part: list[Seen], numbers: list, shown: Callable[[Seen], Any]) -> pages.Cell:
    """A cell about receptive fields; the table sorts it by its largest number."""
    known = [number for number in numbers if number is not None]
    return pages.Cell(_axes([shown(seen) for seen in part]), max(known, default=math.nan))


def totals(summary: Findings) -> list[str]:
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


def as_rich(summary: Findings) -> Group:
    """The table for a terminal."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    found = columns(summary)
    for heading, cells in found.items():
        table.add_column(
            heading,
            justify="left" if cells[0].value is None else "right",
            overflow="fold",
            no_wrap=heading not in ("layer", "remark"),
        )
    for cells in zip(*found.values()):
        table.add_row(*(Text(cell.text) for cell in cells))
    return Group(table, *(Text(line) for line in ("", *totals(summary))))


def as_text(summary: Findings) -> str:
    """The table as plain text, without colors."""
    console = Console(width=WIDTH, file=io.StringIO(), color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(as_rich(summary))
    return "\n".join(line.rstrip() for line in captured.get().rstrip().splitlines())


def as_html(summary: Findings) -> pages.Part:
    """The table for a notebook or a page."""
    found = columns(summary)
    table = pages.table(list(found), list(zip(*found.values())))
    return pages.Part("\n".join([table, *map(pages.text, totals(summary))]))


def as_dict(summary: Findings) -> dict[str, Any]:
    """The summary as dictionaries, lists, numbers and strings, as JSON has them."""
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


def as_csv(summary: Findings) -> str:
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


def _window(row: Row) -> str:
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


def _and_all(seen: Seen) -> bool:
    return seen.whole and seen.stride is not None


def _size(seen: Seen) -> str:
    """How many elements units see, fewest to most; "~": not exact; "+all": see `totals`."""
    fewest = "" if seen.smallest in (None, seen.size) else f"{seen.smallest:,}-"
    return f"{'' if seen.exact else '~'}{fewest}{seen.size:,}{'+all' if _and_all(seen) else ''}"


def _number(number: float | str | None) -> str:
    if number is None or isinstance(number, str):
        return number or "-"
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


def _pads(padding: Sequence[tuple[int, int]]) -> str:
    return _axes([str(low) if low == high else f"{low}:{high}" for low, high in padding])


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
