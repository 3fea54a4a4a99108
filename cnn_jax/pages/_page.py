"""A whole page: its title, its parts, the style, and the script that sorts tables."""

import html
from collections.abc import Sequence

from ._parts import Part, part

# The browser is told to load nothing, whatever a part may hold.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"

STYLE = """
body { font: 14px system-ui, sans-serif; margin: 1.5em; color: #222; background: #fff; }
p { max-width: 60em; }
table { border-collapse: collapse; font-size: 12px; font-variant-numeric: tabular-nums; }
th { position: sticky; top: 0; background: #eee; text-align: left; }
th, td { padding: 2px 7px; border-bottom: 1px solid #ddd; white-space: nowrap; }
td:last-child { white-space: normal; max-width: 40em; }
th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; }
th button { cursor: pointer; }
th[aria-sort="ascending"]::after { content: " \\25b2"; }
th[aria-sort="descending"]::after { content: " \\25bc"; }
figure { margin: 1em 0; } img { max-width: 100%; } figcaption { color: #555; }
input { font: inherit; width: min(30em, 100%); box-sizing: border-box; margin: 0.8em 0; }
pre { background: #f5f5f5; padding: 0.7em 1em; max-width: 60em; overflow-x: auto; font-size: 13px; }
nav ol { columns: 18em; max-width: 60em; } a { color: #0b57d0; }
summary { cursor: pointer; margin: 0.8em 0; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: fit-content(50%) 1fr; gap: 2px 1em; }
dd { margin: 0; } dt, dd, h1, h2, p, li, figcaption { overflow-wrap: anywhere; }
@media (max-width: 50em) { body { margin: 1em; } .wide { overflow-x: auto; } }
@media print {
  nav, input { display: none; }
  section { break-inside: avoid-page; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; }
  table { font-size: 9px; } th, td { padding: 1px 4px; } .wide { overflow-x: visible; }
  details::details-content { content-visibility: visible; }
}
"""

SCRIPT = """
for (const place of document.querySelectorAll(".sortable")) {
  const body = place.querySelector("tbody"), heads = [...place.querySelectorAll("th")];
  const missing = cell => cell.dataset.value === "none";  // always last
  const compared = (a, b) =>
    "value" in a.dataset && "value" in b.dataset
      ? a.dataset.value - b.dataset.value
      : a.textContent.localeCompare(b.textContent, "en", {numeric: true});
  heads.forEach((head, i) => head.addEventListener("click", () => {
    const order = head.ariaSort === "ascending" ? -1 : 1;
    heads.forEach(other => { other.ariaSort = null; });
    head.ariaSort = order === 1 ? "ascending" : "descending";
    body.append(...[...body.rows].sort((x, y) => {
      const a = x.cells[i], b = y.cells[i];
      return missing(a) - missing(b) || (missing(a) ? 0 : order * compared(a, b));
    }));
  }));
  place.querySelector("input").addEventListener("input", event => {
    const words = event.target.value.toLowerCase().split(/\\s+/);
    for (const row of body.rows) {
      const text = [...row.cells].map(cell => cell.textContent).join(" ").toLowerCase();
      row.hidden = !words.every(word => text.includes(word));
    }
  });
}
"""


def page(title: str, parts: Sequence[Part | str]) -> str:
    """Return a page as HTML that needs no other file and loads none.

    Args:
        title: shown in the browser's tab and at the top.
        parts: in order; a plain `str` becomes a paragraph.

    Example:
        >>> page("A & B", ["First."]).splitlines()[-3:]
        ['<h1>A &amp; B</h1>', '<p>First.</p>', '</html>']
    """
    body = "\n".join(map(part, parts))
    script = f"\n<script>{SCRIPT}</script>" if 'class="sortable"' in body else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{html.escape(title)}</title>
<style>{STYLE}</style>
<h1>{html.escape(title)}</h1>
{body}{script}
</html>
"""
