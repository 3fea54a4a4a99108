"""One page that holds everything: a table that a click sorts, and the plots. It loads nothing."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Cell:
    """An entry of the table."""

    text: str
    value: float | None = None
    """What it is sorted by; without one, its text."""
    kind: str = ""
    """Its color: ``"green"``, ``"red"`` or none."""


@dataclass(frozen=True)
class Sheet:
    """A table."""

    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]


STYLE = """
body { font: 14px system-ui, sans-serif; margin: 1.5em; color: #222; }
table { border-collapse: collapse; font-size: 12px; }
th { position: sticky; top: 0; background: #eee; cursor: pointer; text-align: left; }
th, td { padding: 2px 7px; border-bottom: 1px solid #ddd; white-space: nowrap; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
td:last-child { white-space: normal; max-width: 40em; }
td.green { background: #d5f2d5; } td.red { background: #f8d8d8; }
th[data-order="1"]::after { content: " \\25b2"; } th[data-order="-1"]::after { content: " \\25bc"; }
img { max-width: 100%; } input { font: inherit; width: 30em; margin: 0.8em 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 1em; } dd { margin: 0; }
"""

SCRIPT = """
const body = document.querySelector("tbody"), heads = [...document.querySelectorAll("th")];
const valueOf = (row, i) => {
  const cell = row.cells[i];
  return "value" in cell.dataset ? parseFloat(cell.dataset.value) : cell.textContent;
};
heads.forEach((head, i) => head.addEventListener("click", () => {
  const order = head.dataset.order === "1" ? -1 : 1;
  heads.forEach(other => delete other.dataset.order);
  head.dataset.order = order;
  const missing = v => v === Infinity;  // always last
  const rows = [...body.rows].sort((a, b) => {
    const x = valueOf(a, i), y = valueOf(b, i);
    if (missing(x) || missing(y)) return missing(x) - missing(y);
    return order * (typeof x === "string" ? x.localeCompare(y, "en", {numeric: true}) : x - y);
  });
  body.append(...rows);
}));
document.querySelector("input").addEventListener("input", event => {
  const words = event.target.value.toLowerCase().split(/\\s+/);
  for (const row of body.rows) {
    const text = [...row.cells].map(cell => cell.textContent).join(" ").toLowerCase();
    row.hidden = !words.every(word => text.includes(word));
  }
});
"""

EXPLAINED = """A ratio is the built-in's median time over that of the row: over 1 is faster than the
built-in. Its quartiles are of the ratios of neighboring runs. The error is the largest difference
from the built-in's result over that result's largest value. The shares are of the rate of a large
matrix product and of the bandwidth of memory, both measured in the same run. Click on a head to
sort."""


def write(file: Path, head: dict[str, Any], sheet: Sheet, pictures: Sequence[Path]) -> None:
    """Write the page.

    Args:
        file: where to.
        head: about the run, names and values.
        sheet: the table.
        pictures: PNG files, which it takes in.
    """
    file.write_text(page(head, sheet, pictures), encoding="utf-8")


def page(head: dict[str, Any], sheet: Sheet, pictures: Sequence[Path]) -> str:
    """The page as HTML."""
    facts = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(fact)}</dd>" for name, fact in _facts(head)
    )
    heads = "".join(f"<th>{html.escape(name)}</th>" for name in sheet.heads)
    rows = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in sheet.rows)
    images = "\n".join(map(_image, pictures))
    return f"""<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>compare_ops</title>
<style>{STYLE}</style>
<h1>Convolution and pooling, compared</h1>
<p>{EXPLAINED}</p>
<dl>{facts}</dl>
{images}
<input type="search" placeholder="show only rows with all of these words" aria-label="filter">
<table><thead><tr>{heads}</tr></thead>
<tbody>
{rows}
</tbody></table>
<script>{SCRIPT}</script>
</html>
"""


def _facts(head: dict[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Nested names and values as one list."""
    facts = []
    for name, value in head.items():
        if isinstance(value, dict):
            facts += _facts(value, f"{before}{name} ")
        elif value not in (None, "", False):
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)
            facts.append((before + name, shown))
    return facts


def _cell(cell: Cell) -> str:
    if cell.value is None:
        return f"<td>{html.escape(cell.text)}</td>"
    value = "Infinity" if cell.value == float("inf") else repr(float(cell.value))
    kind = f"number {cell.kind}".strip()
    return f'<td class="{kind}" data-value="{value}">{html.escape(cell.text)}</td>'


def _image(file: Path) -> str:
    encoded = base64.b64encode(file.read_bytes()).decode()
    return f'<p><img alt="{html.escape(file.stem)}" src="data:image/png;base64,{encoded}"></p>'
