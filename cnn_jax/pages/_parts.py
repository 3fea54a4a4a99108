"""What a page is made of: each function returns a piece of HTML in which all texts are escaped."""

import base64
import html
import io
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

PNG = b"\x89PNG\r\n\x1a\n"  # how every PNG file begins
COLORS = {"": "", "green": "background: #d5f2d5", "red": "background: #f8d8d8"}


class Part(str):
    """A piece of finished HTML; a plain `str` is a text that is still to be escaped."""

    __slots__ = ()


@dataclass(frozen=True)
class Cell:
    """An entry of a table.

    Args:
        text: what it shows.
        value: the number to sort the cell by; its text is then aligned right. NaN and infinity mean
            "none" and come last in either order. Without a number the cell is sorted by its text.
        color: ``"green"``, ``"red"`` or none.
    """

    text: str
    value: float | None = None
    color: str = ""


class Drawn(Protocol):
    """A Matplotlib figure, or what can be saved like one."""

    def savefig(self, fname: Any, /, *, format: str, dpi: float) -> None:
        """Write the picture to a file or a stream."""
        ...


def text(content: str) -> Part:
    """Return a paragraph.

    Example:
        >>> text("a < b")
        '<p>a &lt; b</p>'
    """
    return Part(f"<p>{html.escape(content)}</p>")


def heading(content: str) -> Part:
    """Return a heading of a section.

    Example:
        >>> heading("Memory")
        '<h2>Memory</h2>'
    """
    return Part(f"<h2>{html.escape(content)}</h2>")


def code(content: str) -> Part:
    """Return lines of code, as they are.

    Example:
        >>> code("y = x < 1")
        '<pre><code>y = x &lt; 1</code></pre>'
    """
    return Part(f"<pre><code>{html.escape(content)}</code></pre>")


def folded(title: str, parts: Sequence["Part | str"]) -> Part:
    """Return parts of which only the title is seen until a reader opens them; print shows all.

    Args:
        title: what is clicked, or opened by the space bar.
        parts: in order; a plain `str` becomes a paragraph.

    Example:
        >>> folded("All layers", ["Five."])
        '<details>\\n<summary>All layers</summary>\\n<p>Five.</p>\\n</details>'
    """
    lines = ["<details>", f"<summary>{html.escape(title)}</summary>", *map(part, parts)]
    return Part("\n".join([*lines, "</details>"]))


def section(name: str, title: str, parts: Sequence["Part | str"]) -> Part:
    """Return parts under a heading, to which `contents` can lead.

    Args:
        name: of letters, digits, ``-`` and ``_``; no two of a page are the same.
        title: shown as the heading.
        parts: in order; a plain `str` becomes a paragraph.

    Raises:
        ValueError: the name has other characters.

    Example:
        >>> section("size", "How large?", ["5 x 5."])
        '<section id="size">\\n<h2>How large?</h2>\\n<p>5 x 5.</p>\\n</section>'
    """
    lines = [f'<section id="{_named(name)}">', heading(title), *map(part, parts), "</section>"]
    return Part("\n".join(lines))


def contents(titles: Mapping[str, str]) -> Part:
    """Return a list of links to the sections of the page.

    Args:
        titles: of the sections, by name.

    Example:
        >>> contents({"size": "How large?"})
        '<nav aria-label="Contents"><ol>\\n<li><a href="#size">How large?</a></li>\\n</ol></nav>'
    """
    links = "".join(
        f'<li><a href="#{_named(name)}">{html.escape(title)}</a></li>\n'
        for name, title in titles.items()
    )
    return Part(f'<nav aria-label="Contents"><ol>\n{links}</ol></nav>')


def part(content: "Part | str") -> Part:
    """Return a part as it is, and a plain `str` as a paragraph."""
    return content if isinstance(content, Part) else text(content)


def facts(values: Mapping[str, Any]) -> Part:
    """Return a list of names with their values.

    Args:
        values: by name. Each entry of a nested mapping is listed under both names, joined by a
            space. Floats are shown with four digits; what is None, False or empty is left out.

    Example:
        >>> facts({"cores": 2, "versions": {"jax": "0.10.2"}, "note": ""})
        '<dl><dt>cores</dt><dd>2</dd><dt>versions jax</dt><dd>0.10.2</dd></dl>'
    """
    pairs = (
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>"
        for name, value in _flat(values)
    )
    return Part(f"<dl>{''.join(pairs)}</dl>")


def table(
    heads: Sequence[str], rows: Sequence[Sequence[Cell | str]], *, sortable: bool = False
) -> Part:
    """Return a table.

    Args:
        heads: of the columns.
        rows: one entry per column each; a `str` is a `Cell` without a number.
        sortable: on a page, each head is a button that sorts the rows by its column, the second
            time the other way round; and a field above filters the rows.

    Raises:
        ValueError: a row has not as many entries as there are heads.

    Example:
        >>> print(table(["layer"], [["conv1"]]))
        <div class="wide"><table><thead><tr><th>layer</th></tr></thead>
        <tbody>
        <tr><td>conv1</td></tr>
        </tbody></table></div>
    """
    for row in rows:
        if len(row) != len(heads):
            raise ValueError(
                f"`rows` must have one entry per head, {len(heads)}; got a row of {len(row)}."
            )
    cells = [[Cell(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    numeric = [any(row[i].value is not None for row in cells) for i in range(len(heads))]
    begin, end = ('<button type="button">', "</button>") if sortable else ("", "")
    head = "".join(
        f"<th{_style('text-align: right' if right else '')}>{begin}{html.escape(name)}{end}</th>"
        for name, right in zip(heads, numeric)
    )
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>\n" for row in cells)
    content = f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table>"
    content = f'<div class="wide">{content}</div>'  # which scrolls, on a narrow screen
    if sortable:
        said = "show only rows with all of these words"
        field = f'<input type="search" placeholder="{said}" aria-label="{said}">'
        content = f'<div class="sortable">{field}\n{content}</div>'
    return Part(content)


def figure(picture: bytes | str | os.PathLike[str] | Drawn, caption: str) -> Part:
    """Return a picture, which the page then holds.

    Args:
        picture: the bytes of a PNG file, the path of one, or a Matplotlib figure.
        caption: one line below the picture, which is also its alternative text.

    Raises:
        ValueError: it is no PNG picture.

    Example:
        >>> from matplotlib.figure import Figure
        >>> figure(Figure(figsize=(1, 1)), "Nothing yet.")[:50]
        '<figure><img alt="Nothing yet." src="data:image/pn'
    """
    if isinstance(picture, bytes):
        data = picture
    elif isinstance(picture, str | os.PathLike):
        data = Path(picture).read_bytes()
    else:
        stream = io.BytesIO()
        picture.savefig(stream, format="png", dpi=120)
        data = stream.getvalue()
    if not data.startswith(PNG):
        raise ValueError(f"`picture` must be a PNG picture; its bytes begin with {data[:8]!r}.")
    source = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    said = html.escape(caption)
    return Part(
        f'<figure><img alt="{said}" src="{source}"><figcaption>{said}</figcaption></figure>'
    )


def _named(name: str) -> str:
    if not re.fullmatch(r"[\w-]+", name, re.ASCII):
        raise ValueError(f"`name` must be of letters, digits, '-' and '_'; got {name!r}.")
    return name


def _flat(values: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Nested names and values as one list."""
    pairs = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            pairs += _flat(value, f"{before}{name} ")
        elif value is not None and value is not False and value not in ("", (), []):
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)
            pairs.append((before + name, shown))
    return pairs


def _cell(cell: Cell) -> str:
    style, value = COLORS[cell.color], ""
    if cell.value is not None:
        style = "; ".join(filter(None, ("text-align: right", style)))
        known = math.isfinite(cell.value)
        value = f' data-value="{float(cell.value)!r}"' if known else ' data-value="none"'
    return f"<td{_style(style)}{value}>{html.escape(cell.text)}</td>"


def _style(style: str) -> str:
    return f' style="{style}"' if style else ""
