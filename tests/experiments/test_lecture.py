"""The page of the lecture: what a section has, that it is kept, that its numbers are ours."""

import json
import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from experiments import lecture
from experiments.__main__ import experiments
from experiments.lecture import _kept, _main, _section
from experiments.lecture.sections import (
    SECTIONS,
    backpropagation,
    dimensions,
    fields,
    one_dimension,
    output_size,
    properties,
    tasks,
    windows,
)

from .runs import error_of


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("lecture")
    config = _main.Config(section=("borders", "dimensions"), workdir=workdir)
    return _main.main(config), workdir


def test_a_page_of_the_chosen_sections_in_the_lectures_order(built):
    result, workdir = built
    page = result.page.read_text()
    assert re.findall(r'<section id="(\w+)">', page) == ["dimensions", "borders"]
    assert re.findall(r'<a href="#(\w+)">', page) == ["dimensions", "borders"]
    for name in ("dimensions", "borders"):
        section = SECTIONS[name]
        assert section.title in page
        assert section.claim[:40] in page
    assert "def two_channels():" in page
    assert not re.search(r'(src|href)="(?!#|data:)', page)  # nothing is loaded
    assert sorted(path.name for path in (workdir / "sections").iterdir()) == [
        "borders.json",
        "dimensions.json",
    ]


def test_a_section_is_kept_until_its_code_changes(built, monkeypatch, capsys):
    result, workdir = built
    before = result.page.read_text()
    config = _main.Config(section=("borders", "dimensions"), workdir=workdir)
    _main.main(config)
    assert capsys.readouterr().out.count("kept") == 2
    assert result.page.read_text() == before
    file = workdir / "sections" / "dimensions.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "code": "of another version"}))
    _main.main(config)
    assert capsys.readouterr().out.count("kept") == 1


def test_every_section_says_what_it_claims_and_where_it_is_from():
    assert len(SECTIONS) == 20
    for section in SECTIONS.values():
        assert len(section.claim) > 100, section.name
        assert section.reference.startswith("Lecture, "), section.name
        assert section.to_try, section.name


def test_the_code_on_the_page_is_what_ran():
    def doubled(x):
        """Twice as much."""
        return 2 * x

    assert "def doubled(x):\n    return 2 * x</code>" in _section.code(doubled)


def test_the_convolution_of_the_six_nodes():
    outputs, found = one_dimension.layer([2, 3], 1, 0)
    np.testing.assert_array_equal(outputs, [8, 13, 18, 23, 28])
    assert found.connected == 10
    matrix = one_dimension.toeplitz([2, 3])
    np.testing.assert_array_equal(matrix @ np.arange(1, 7), outputs)


def test_what_reaches_a_unit_of_the_second_layer():
    first, second, below, inputs = fields.connected()
    assert first.shape == (7, 9)
    assert second.shape == (5, 7)
    assert np.flatnonzero(below).tolist() == [2, 3, 4]
    assert np.flatnonzero(inputs).tolist() == [2, 3, 4, 5, 6]


def test_two_channels_and_a_cube_by_hand():
    x, kernel, alone, maps = map(np.asarray, dimensions.two_channels())
    for i, j, channel in np.ndindex(alone.shape):
        window = x[i : i + 2, j : j + 2, channel]
        assert alone[i, j, channel] == (window * kernel[..., channel]).sum()
    np.testing.assert_array_equal(maps[..., 0], alone.sum(-1))
    clip, found, field = dimensions.moving()
    moment, row, column = field.unit[:3]
    before, after = (clip[at, row : row + 3, column : column + 3].mean() for at in (1, 3))
    assert moment == 1
    np.testing.assert_allclose(found[field.unit], after - before, atol=1e-6)
    _, weights, bias = dimensions.three_dimensions()
    assert weights.size + bias.size == 3 * 3 * 3 * 3 * 64 + 64 == 5248


@pytest.mark.parametrize("transposed", [False, True])
def test_what_the_sliders_show_is_the_sum_by_hand(transposed):
    setting = (5, 3, 2, 1, 2, transposed)
    found = np.asarray(windows.convolve(*setting))
    assert found.shape == 2 * (windows.size(*setting),)
    image, kernel = windows.IMAGE[:5, :5], windows.KERNEL[:3, :3]
    spread = np.zeros((5 + 2, 5 + 2)) if not transposed else np.zeros((4 * 2 + 5,) * 2)
    if transposed:
        for i, j in np.ndindex(5, 5):
            for u, v in np.ndindex(3, 3):
                spread[2 * i + 2 * u, 2 * j + 2 * v] += image[i, j] * kernel[u, v]
        np.testing.assert_array_equal(found, spread[1:-1, 1:-1])
    else:
        spread[1:-1, 1:-1] = image
        for i, j in np.ndindex(found.shape):
            window = spread[2 * i : 2 * i + 5 : 2, 2 * j : 2 * j + 5 : 2]
            assert found[i, j] == (window * kernel).sum()


def test_where_nothing_fits_there_is_no_output():
    settings = [(3, 5, 1, 0, 1), (6, 3, 1, 0, 1), (224, 7, 2, 3, 1)]
    assert [output_size.formula(*setting) for setting in settings] == [0, 4, 112]
    assert output_size.sizes(*settings) == (0, 4, 112)
    assert output_size.sizes(*settings[1:]) == (4, 112)


def test_output_size_the_formula_says_that_of_300_drawn_settings():
    settings = output_size.drawn(300)
    expected = [output_size.formula(*setting) for setting in settings]
    found = [size for i in range(0, 300, 3) for size in output_size.sizes(*settings[i : i + 3])]
    assert found == expected
    assert 0 < expected.count(0) < 30
    assert len(set(map(tuple, settings))) == 300


def test_backpropagation_the_gradients_that_are_drawn_are_the_sums_by_hand():
    rng = np.random.default_rng(0)
    x, kernel, dy = (rng.integers(-5, 6, (n, n)).astype(np.float32) for n in (4, 3, 2))
    by_x, by_kernel = np.zeros((4, 4)), np.zeros((3, 3))
    for p, q in np.ndindex(2, 2):
        by_x[p : p + 3, q : q + 3] += dy[p, q] * kernel
        by_kernel += dy[p, q] * x[p : p + 3, q : q + 3]
    given = x[..., None], kernel[..., None, None], dy[..., None]
    padded, flipped, *found = map(np.asarray, backpropagation.in_steps(*given))
    np.testing.assert_array_equal(found[0][..., 0], by_x)
    np.testing.assert_array_equal(found[1][..., 0], by_kernel)
    np.testing.assert_array_equal(padded[2:4, 2:4, 0], dy)
    np.testing.assert_array_equal(flipped[0, 0, 0, 0], kernel[2, 2])
    assert backpropagation.compared(*given)[-1]


def test_properties_a_dense_layer_is_the_same_for_permuted_pixels_and_no_convolution_is():
    x = np.random.default_rng(0).random((4, 12, 12, 1), np.float32)
    order = np.random.default_rng(1).permutation(12 * 12)
    y, mixed = properties.edges(x), properties.permuted(x, order)
    assert sorted(mixed[0].ravel()) == sorted(x[0].ravel())
    assert properties.dense(x, order) < 1e-5
    assert properties.best_kernel(x, y) < 1e-5
    assert properties.best_kernel(mixed, properties.permuted(y, order)) > 0.9


def test_properties_what_is_equivariant_and_what_is_not():
    photo = np.random.default_rng(0).random((16, 16, 1), np.float32)
    errors = properties.others(photo)
    kept = {name for name, error in errors.items() if error < 1e-5}
    assert kept == {
        "a shift by 4, a circular border",
        "of the last, away from the border",
        "the same, the kernel turned too",
    }
    assert min(error for name, error in errors.items() if name not in kept) > 0.1


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """Two tasks, of which one has a picture and the other what a network is given."""
    monkeypatch.setattr(tasks, "RUNS", tmp_path)
    shown = {name: tasks.TASKS[name] for name in ("classify", "denoise")}
    monkeypatch.setattr(tasks, "TASKS", shown)
    return tmp_path


def write_run(folder, value, smoke=False, **others):
    folder.mkdir(parents=True)
    headline = {"name": "accuracy", "value": value, "baseline": 0.669, "higher_is_better": True}
    result = {"headline": headline | others, "config": {"smoke": smoke}}
    (folder / "result.json").write_text(json.dumps(result))
    Figure(figsize=(1, 1)).savefig(folder / "confusion.png")


def test_the_tasks_are_shown_by_the_users_newest_runs(runs):
    page = "".join(map(str, tasks.show()))
    assert page.count("not yet run") == page.count(" trains one.</figcaption>") == 2
    write_run(runs / "lenet" / "2026-01-01_00-00-00", 0.8125)
    write_run(runs / "lenet" / "2026-01-02_00-00-00", 0.875)
    write_run(runs / "lenet" / "2026-01-03_00-00-00", 0.125, smoke=True)
    damaged = runs / "denoise" / "2026-01-01_00-00-00"
    damaged.mkdir(parents=True)
    (damaged / "result.json").write_text("{")
    page = "".join(map(str, tasks.show()))
    assert "<td>0.875</td><td>0.669</td>" in page
    assert "0.8125" not in page
    assert "0.125" not in page
    assert page.count("not yet run") == page.count(" trains one.</figcaption>") == 1
    write_run(runs / "lenet" / "2026-01-04_00-00-00", 2.5, higher_is_better=False, baseline=None)
    page = "".join(map(str, tasks.show()))
    assert "<td>accuracy, lower is better</td><td>2.5</td><td>none</td>" in page
    (runs / "lenet" / "2026-01-04_00-00-00" / "confusion.png").unlink()
    assert "".join(map(str, tasks.show())).count("<figure>") == 1  # a run without its picture


def test_the_tasks_are_not_kept_when_there_is_a_new_run(runs):
    section = SECTIONS["tasks"]
    before = _kept.code_of(section)
    assert before == _kept.code_of(section)
    write_run(runs / "lenet" / "2026-01-01_00-00-00", 0.8125)
    assert before != _kept.code_of(section)


def test_every_command_of_the_tasks_is_an_experiment():
    known = experiments()
    for name, task in tasks.TASKS.items():
        assert task.command in known, name


def test_what_a_network_is_to_say_of_a_scene_is_drawn_where_it_is(monkeypatch):
    mask = np.zeros((1, 2, 8, 8), bool)
    mask[0, 0, 2:5, 3:7] = True
    truth = {
        "image": np.full((1, 8, 8, 3), 9, np.uint8),
        "boxes": np.array([[[2.0, 3, 5, 7], [0, 0, 0, 0]]]),
        "boxes_valid": np.array([[True, False]]),
        "classes": np.array([[4, 0]]),
        "masks": mask,
    }
    monkeypatch.setattr(tasks, "composed", lambda: truth)
    drawn = {what: tasks.of_scenes(what)["scene 1"] for what in ("boxes", "classes", "instances")}
    for what, place in (("classes", 4), ("instances", 0)):
        assert (drawn[what][mask[0, 0]] == tasks.COLORS[place]).all()
        assert (drawn[what][~mask[0, 0]] == 9).all()
    frame = mask[0, 0].copy()
    frame[3, 4:6] = False
    np.testing.assert_array_equal((drawn["boxes"] == 255).all(-1), frame)


def test_a_wrong_section_is_told_the_right_ones(monkeypatch, capsys):
    monkeypatch.setattr(lecture, "main", _main.main, raising=False)
    monkeypatch.setattr(lecture, "Config", _main.Config, raising=False)
    error = error_of(monkeypatch, capsys, lecture, ["--section", "pool"])
    assert "pooling" in error
    assert "Traceback" not in error
