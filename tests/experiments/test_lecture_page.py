"""The page of the lecture in a browser: nothing is loaded, all is seen, sliders show F.conv."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax import functional as F
from experiments.lecture import _main
from experiments.lecture.sections import SECTIONS, windows

from .. import browser, page_checks
from .runs import slow

pytestmark = browser.needed

CHOSEN = ("dimensions", "windows", "borders")  # a wide table, sliders, pictures
FEW = {
    "input": range(4, 7),
    "window": range(2, 5),
    "stride": range(1, 3),
    "padding": range(3),
    "dilation": range(1, 3),
}

# Sets the knobs and reads what is then drawn: the formula, and for each picture its rows.
DRAW = """setting => {
  const place = document.getElementById("windows-play");
  for (const [name, value] of Object.entries(setting)) {
    const knob = place.querySelector(`[name=${name}]`);
    if (knob.type === "checkbox") knob.checked = value; else knob.value = value;
    knob.dispatchEvent(new Event("input", {bubbles: true}));
  }
  const pictures = [...place.querySelectorAll("svg")].map(svg => {
    const rows = {};
    for (const cell of svg.querySelectorAll("g:not(.outside)")) {
      const text = cell.textContent;
      if (text) (rows[cell.dataset.at.split(",")[0]] ??= []).push(+text);
    }
    return Object.values(rows);
  });
  const marked = place.querySelectorAll(".marked").length;
  return {formula: place.querySelector(".formula").textContent, pictures, marked};
}"""
SHOWN = '() => document.querySelector("#windows-play .pictures").innerHTML'


@pytest.fixture(scope="module")
def chromium():
    with browser.started() as page:
        yield page


@pytest.fixture(scope="module", params=["a few sections", pytest.param("all", marks=slow)])
def built(request, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("lecture")
    if request.param == "all":
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            yield _main.main(_main.Config(workdir=workdir)).page
        return
    with pytest.MonkeyPatch.context() as patch, F.using(algorithm="xla"):  # which soon compiles
        patch.setattr(windows, "RANGES", FEW)
        yield _main.main(_main.Config(section=CHOSEN, workdir=workdir)).page


@pytest.fixture
def page(chromium, built):
    chromium.open(built)
    return chromium


def test_nothing_is_loaded_and_nothing_goes_wrong(page, built):
    page.run(DRAW, {"window": 2, "transposed": True})
    assert page.errors == []
    assert page.requests == [built.as_uri()]
    sections = page.run("() => document.querySelectorAll('section').length")
    assert built.stat().st_size < 8 * 2**20 * sections / len(SECTIONS)  # all: under 8 MB


def test_every_picture_shows_something_and_says_what(page):
    assert page.run("() => document.images.length") >= 2
    assert page_checks.blank_pictures(page) == []


@pytest.mark.parametrize("width", [360, 1000])
def test_it_is_as_wide_as_the_window(page, width):
    assert page_checks.wide_parts(page, width) == []
    page.run(DRAW, {"input": 7, "padding": 2, "stride": 3, "transposed": True})
    assert page_checks.wide_parts(page, width) == []


def test_its_texts_have_contrast(page):
    page.run(DRAW, {"padding": 1})  # with cells of every color
    assert page_checks.faint_texts(page) == []


def test_tab_comes_to_everything_that_does_something(page):
    found = page_checks.by_tab(page)
    assert all(seen for _, _, seen in found)
    names = [name for _, name, _ in found]
    knobs = [*windows.RANGES, "position", "transposed"]
    links = page.run("() => [...document.links].map(link => link.getAttribute('href'))")
    assert [name for name in names if name in links] == links
    assert [name for name in names if name in knobs] == knobs
    said = page.controls()
    assert {name for role, name in said if role == "slider"} == {*windows.RANGES, "position"}
    assert ("checkbox", "transposed") in said


def test_keys_move_the_sliders(page):
    page.run('() => document.querySelector("[name=transposed]").focus()')
    before = page.run(SHOWN)
    page.press(" ")
    assert page.run(SHOWN) != before
    page.press(" ")
    assert page.run(SHOWN) == before
    for name, values in {**windows.RANGES, "position": range(25)}.items():
        page.run(f'() => document.querySelector("[name={name}]").focus()')
        value = windows.SHOWN.get(name, 6)
        key, back = ("ArrowRight", "ArrowLeft")[:: 1 if value < values[-1] else -1]
        page.press(key)
        assert page.run(SHOWN) != before, name
        page.press(back)
        assert page.run(SHOWN) == before, name


def expected(input, window, stride, padding, dilation, transposed):
    image = jnp.float32(windows.IMAGE[:input, :input, None])
    kernel = jnp.float32(windows.KERNEL[:window, :window, None, None])
    conv = F.conv_transpose if transposed else F.conv
    return conv(image, kernel, stride=stride, padding=padding, dilation=dilation)[..., 0]


def test_what_is_drawn_is_what_conv_computes(page):
    settings = list(itertools.product(*windows.RANGES.values(), (False, True)))
    nothing = 0
    for setting in (settings[i] for i in np.random.default_rng(0).permutation(len(settings))[:40]):
        named = dict(zip([*windows.RANGES, "transposed"], setting))
        drawn = page.run(DRAW, named)
        if not windows.fits(*setting):
            nothing += 1
            assert drawn["pictures"] == []
            assert drawn["formula"].endswith("there is no output.")
            with pytest.raises(ValueError, match="window"):
                expected(*setting)
            continue
        image, kernel, output = map(np.array, drawn["pictures"])
        n, k = setting[:2]
        np.testing.assert_array_equal(image, windows.IMAGE[:n, :n])
        np.testing.assert_array_equal(kernel, windows.KERNEL[:k, :k])
        np.testing.assert_array_equal(output, expected(*setting), str(named))
        assert drawn["formula"].endswith(f" = {len(output)}")
    assert 0 < nothing < 10


def test_the_window_is_where_the_position_says(page):
    setting = {"input": 6, "window": 3, "stride": 2, "padding": 1, "dilation": 1, "position": 4}
    assert page.run(DRAW, setting)["marked"] == 9
    at = '() => document.querySelector("#windows-play .chosen").dataset.at'
    assert page.run(at) == "1,1"  # of 3 x 3 positions
    marked = page.run(
        '() => [...document.querySelectorAll("#windows-play .marked")].map(g => g.dataset.at)'
    )
    assert marked == [f"{i},{j}" for i in (1, 2, 3) for j in (1, 2, 3)]


def test_a_link_leads_to_its_section(page):
    page.run("""() => document.querySelector('[href="#borders"]').focus()""")
    page.press("Enter")
    top = page.run('() => document.getElementById("borders").getBoundingClientRect().top')
    height = page.run("() => innerHeight")
    assert top < height
    assert page.run("() => scrollY") > 0
    assert set(CHOSEN) <= set(SECTIONS)
