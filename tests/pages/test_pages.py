"""A page holds all it shows, escapes every text, and its script sorts and filters."""

import base64
import html.parser
import json
import math
import re
import shutil
import subprocess

import matplotlib.image
import pytest
from matplotlib.figure import Figure

from cnn_jax import pages

EVIL = "</td></title><script>alert('x')</script>\" onload=\"x & <b>"


class Reader(html.parser.HTMLParser):
    """Every tag that begins, with its attributes, and every text, unescaped."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.texts = [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def count(self, tag):
        return sum(name == tag for name, _ in self.tags)


@pytest.fixture(scope="module")
def drawn():
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([1, 3, 2])
    return figure


def everything(drawn):
    rows = [[EVIL, pages.Cell(EVIL, 1.5, "green")], ["b", pages.Cell("-", math.inf)]]
    parts = [
        EVIL,
        pages.heading(EVIL),
        pages.facts({EVIL: EVIL, "deep": {EVIL: {"x": EVIL}}}),
        pages.table([EVIL, EVIL], rows),
        pages.table([EVIL, "number"], rows, sortable=True),
        pages.figure(drawn, EVIL),
    ]
    return pages.page(EVIL, parts)


def test_every_text_is_escaped(drawn):
    page = everything(drawn)
    read = Reader(page)
    assert read.count("script") == 1  # the page's own
    assert read.count("b") == 0
    assert not [tag for tag, attributes in read.tags if "onload" in attributes]
    # Title twice, paragraph, heading; three facts; heads and cells of both tables; the caption.
    assert read.texts.count(EVIL) == 4 + 3 + 4 + 3 + 1
    assert f"deep {EVIL} x" in read.texts
    (image,) = (attributes for tag, attributes in read.tags if tag == "img")
    assert image["alt"] == EVIL


def test_nothing_is_loaded(drawn):
    read = Reader(everything(drawn))
    for tag, attributes in read.tags:
        assert tag not in ("link", "iframe", "object", "base")
        for name in ("src", "href"):
            assert attributes.get(name, "data:").startswith("data:")
    assert "@import" not in everything(drawn)
    assert "url(" not in everything(drawn)
    (policy,) = (a["content"] for t, a in read.tags if t == "meta" and "http-equiv" in a)
    assert policy.startswith("default-src 'none';")


def test_a_picture_from_bytes_a_file_and_a_figure(drawn, tmp_path):
    file = tmp_path / "picture.png"
    drawn.savefig(file, dpi=120)
    for picture in (file, str(file), file.read_bytes(), drawn):
        (image, *_) = (
            a for tag, a in Reader(pages.figure(picture, "A line.")).tags if tag == "img"
        )
        data = base64.b64decode(image["src"].removeprefix("data:image/png;base64,"))
        (tmp_path / "again.png").write_bytes(data)
        pixels = matplotlib.image.imread(tmp_path / "again.png")
        assert pixels.shape == (120, 240, 4)
        assert pixels[..., :3].std() > 0.1


def test_what_is_no_picture_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`picture` must be a PNG picture; its bytes begin with"):
        pages.figure(b"GIF89a", "no")
    (tmp_path / "x.png").write_text("<svg>")
    with pytest.raises(ValueError, match="`picture` must be a PNG picture"):
        pages.figure(tmp_path / "x.png", "no")
    with pytest.raises(FileNotFoundError):
        pages.figure(tmp_path / "none.png", "no")


def test_facts():
    nested = {"c": 0.123456, "d": None, "e": "", "none": []}
    facts = pages.facts({"a": 1, "b": nested, "f": False, "g": (1, 2), "seed": 0})
    assert Reader(facts).texts == ["a", "1", "b c", "0.1235", "g", "(1, 2)", "seed", "0"]


def test_a_table():
    rows = [["x", pages.Cell("1,000", 1000)], ["y", pages.Cell("-", math.nan, "red")]]
    read = Reader(pages.table(["name", "n"], rows))
    assert [attributes for tag, attributes in read.tags if tag == "td"] == [
        {},
        {"style": "text-align: right", "data-value": "1000.0"},
        {},
        {"style": "text-align: right; background: #f8d8d8", "data-value": "none"},
    ]
    heads = [attributes for tag, attributes in read.tags if tag == "th"]
    assert heads == [{}, {"style": "text-align: right"}]


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="one entry per head, 2; got a row of 3"):
        pages.table(["a", "b"], [["1", "2"], ["1", "2", "3"]])
    assert Reader(pages.table(["a", "b"], [])).count("td") == 0


def test_a_script_only_where_something_is_sorted():
    assert "<script" not in pages.page("t", [pages.table(["a"], [["x"]])])
    assert "<script" in pages.page("t", [pages.table(["a"], [["x"]], sortable=True)])


# As much of a browser's document as the script asks for: one table, its heads and a field.
DOCUMENT = """
const listeners = {};
const cell = ([text, value]) =>
  ({textContent: text, dataset: value === null ? {} : {value}});
const rows = ROWS.map(cells => ({cells: cells.map(cell), hidden: false}));
const body = {rows, append(...sorted) { this.rows = sorted; }};
const strings = {set: (data, name, value) => { data[name] = String(value); return true; }};
const heard = name =>
  ({dataset: new Proxy({}, strings), addEventListener: (_, f) => { listeners[name] = f; }});
const heads = ROWS[0].map((_, i) => heard(i)), field = heard("field");
const place = {
  querySelector: what => (what === "tbody" ? body : field),
  querySelectorAll: () => heads,
};
globalThis.document = {querySelectorAll: () => [place]};
SCRIPT
const out = [];
const note = () => out.push(body.rows.filter(row => !row.hidden).map(r => r.cells[0].textContent));
for (const i of [1, 1, 0, 0]) { listeners[i](); note(); }
for (const value of ["A1", "one a", ""]) { listeners.field({target: {value}}); note(); }
console.log(JSON.stringify(out));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="no node command here")
def test_the_script_sorts_and_filters():
    numbers = {"a10 one": 2.0, "a9": 10.0, "b": math.inf, "a1": -1.0}
    rows = [[name, pages.Cell("n", value)] for name, value in numbers.items()]
    page = pages.page("t", [pages.table(["name", "n"], rows, sortable=True)])
    cells = re.findall(r'<td(?: style="[^"]*")?(?: data-value="([^"]*)")?>([^<]*)</td>', page)
    table = [[[text, value or None] for value, text in cells[i : i + 2]] for i in range(0, 8, 2)]
    (script,) = re.findall(r"<script>(.*)</script>", page, re.DOTALL)
    code = DOCUMENT.replace("ROWS", json.dumps(table)).replace("SCRIPT", script)
    done = subprocess.run(["node", "-e", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [
        ["a1", "a10 one", "a9", "b"],  # by number, what has none last
        ["a9", "a10 one", "a1", "b"],
        ["a1", "a9", "a10 one", "b"],  # by name, as people count
        ["b", "a10 one", "a9", "a1"],
        ["a10 one", "a1"],
        ["a10 one"],
        ["b", "a10 one", "a9", "a1"],
    ]
