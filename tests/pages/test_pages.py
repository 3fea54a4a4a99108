"""A page holds all it shows, escapes every text, and its script sorts and filters."""

import base64
import html.parser
import math

import matplotlib.image
import pytest
from matplotlib.figure import Figure

from cnn_jax import pages

from .. import browser, page_checks

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
        pages.folded(EVIL, [EVIL, pages.heading(EVIL)]),
    ]
    return pages.page(EVIL, parts)


def test_every_text_is_escaped(drawn):
    page = everything(drawn)
    read = Reader(page)
    assert read.count("script") == 1  # the page's own
    assert read.count("b") == 0
    assert not [tag for tag, attributes in read.tags if "onload" in attributes]
    # Title twice, paragraph, heading; three facts; heads and cells of both tables; the caption;
    # the folded title, paragraph and heading.
    assert read.texts.count(EVIL) == 4 + 3 + 4 + 3 + 1 + 3
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


# Which rows are shown, by the first cell of each; and what the heads say of the order.
SHOWN = """() => [...document.querySelectorAll("tbody tr")].filter(row => !row.hidden)
  .map(row => row.cells[0].textContent)"""
ORDER = """() => [...document.querySelectorAll("th")].map(head => head.ariaSort)"""
FILTER = """words => {
  const field = document.querySelector("input");
  field.value = words;
  field.dispatchEvent(new Event("input"));
}"""


@browser.needed
def test_a_table_is_sorted_and_filtered_by_keys(tmp_path):
    numbers = {"a10 one": 2.0, "a9": 10.0, "b": math.inf, "a1": -1.0}
    rows = [[name, pages.Cell("n", value)] for name, value in numbers.items()]
    file = tmp_path / "page.html"
    file.write_text(pages.page("t", [pages.table(["name", "n"], rows, sortable=True)]))
    orders = {
        1: ["a1", "a10 one", "a9", "b"],  # by number, what has none last
        2: ["a9", "a10 one", "a1", "b"],
        3: ["a1", "a9", "a10 one", "b"],  # by name, as people count
        4: ["b", "a10 one", "a9", "a1"],
    }
    with browser.started() as page:
        page.open(file)
        field, name, number = page_checks.by_tab(page)
        assert [field[0], *name[:2], *number[:2]] == ["input", "button", "name", "button", "n"]
        assert ("searchbox", "show only rows with all of these words") in page.controls()
        for turn, column in enumerate([1, 1, 0, 0], 1):
            page.run('i => document.querySelectorAll("th button")[i].focus()', column)
            page.press("Enter")
            assert page.run(SHOWN) == orders[turn]
            said = [None, None]
            said[column] = "ascending" if turn % 2 else "descending"
            assert page.run(ORDER) == said
        for words, shown in {"A1": ["a10 one", "a1"], "one a": ["a10 one"], "": orders[4]}.items():
            page.run(FILTER, words)
            assert page.run(SHOWN) == shown
        assert page.errors == []


@browser.needed
def test_what_is_folded_opens_by_a_key_and_in_print(tmp_path):
    file = tmp_path / "page.html"
    table = pages.table(["a" * 20] * 10, [])
    parts = [pages.folded("more", ["inside"]), pages.code("x + " * 200), table]
    file.write_text(pages.page("t", parts))
    seen = '() => document.querySelector("details p").checkVisibility()'
    lines = '() => document.querySelector("pre").getBoundingClientRect().height'
    scrolls = '() => getComputedStyle(document.querySelector(".wide")).overflowX'
    with browser.started() as page:
        page.open(file, width=690)
        assert page_checks.by_tab(page)[0] == ("summary", "more", True)
        assert page.run(scrolls) == "auto"
        assert not page.run(seen)
        height = page.run(lines)
        page.ask("Emulation.setEmulatedMedia", media="print")
        assert page.run(seen)
        assert page.run(lines) > 2 * height  # long lines go on below
        assert page.run(scrolls) == "visible"
        page.ask("Emulation.setEmulatedMedia", media="screen")
        assert not page.run(seen)
        page.run('() => document.querySelector("summary").focus()')
        page.press(" ")
        assert page.run(seen)


@browser.needed
def test_long_words_and_wide_tables_fit_a_phone(drawn, tmp_path):
    file = tmp_path / "page.html"
    long = "a_rather_long_name" * 8
    rows = [[f"layer {column}" for column in range(20)]]
    parts = [long, pages.facts({long: long}), pages.table(rows[0], rows, sortable=True)]
    parts.append(pages.folded(long, [long]))
    file.write_text(pages.page(long, [*parts, pages.code(long), pages.figure(drawn, long)]))
    with browser.started() as page:
        page.open(file)
        assert page_checks.wide_parts(page) == []
        assert page_checks.blank_pictures(page) == []
        assert page_checks.faint_texts(page) == []


@browser.needed
def test_the_checks_see_what_is_wrong(tmp_path):
    blank = Figure(figsize=(1, 1))
    file = tmp_path / "page.html"
    faint = pages.Part('<p style="color: #999">faint</p><div style="width: 500px">wide</div>')
    file.write_text(pages.page("t", [faint, pages.figure(blank, "nothing")]))
    with browser.started() as page:
        page.open(file)
        assert page_checks.faint_texts(page) == ["faint: 2.8"]
        assert page_checks.blank_pictures(page) == ["nothing: blank"]
        [wide] = page_checks.wide_parts(page)
        assert wide.startswith("div: 51")
        page.run("() => { console.error('said'); setTimeout(() => { throw Error('thrown') }) }")
        page.run("() => { document.body.append(Object.assign(new Image(), {src: 'x.png'})) }")
        page.run("() => new Promise(done => setTimeout(done, 100))")
        assert page.errors[0] == "['said']"
        assert any("thrown" in error for error in page.errors)
