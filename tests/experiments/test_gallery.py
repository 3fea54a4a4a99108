"""`experiments.gallery`: tiles are those parts of the runs' pictures that show what is said."""

import json
import re

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from experiments import gallery
from experiments.drawing import plots
from experiments.lecture.sections import tasks
from experiments.running.options import RunError


def picture(file, colors, cells=1):
    """A figure of images of one color each, cells of them beside each other, and a plot."""
    figure = Figure(figsize=(cells * len(colors) + 1, 1.2))
    plot, *others = figure.subplots(1, len(colors) + 1)
    plot.plot([1, 2])
    for number, (axes, color) in enumerate(zip(others, colors)):
        shown = np.full((4, 4 * cells, 3), color, np.uint8)
        shown[:] += 10 * np.repeat(np.arange(cells), 4)[None, :, None].astype(np.uint8)
        axes.imshow(shown)
        axes.set_title(f"part {number}")
    plots.save(figure, file)


def middle(image):
    height, width = image.shape[:2]
    return int(image[height // 2, width // 2, 0])


def test_a_picture_says_where_its_parts_are(tmp_path):
    picture(tmp_path / "a.png", (20, 120, 220))
    found = plots.panels(tmp_path / "a.png")
    assert [title for title, _ in found] == ["part 0", "part 1", "part 2"]
    for (_, part), color in zip(found, (20, 120, 220), strict=True):
        assert (part[8:-8, 8:-8] == color).all()
        assert part.shape[0] > 50
        assert part.shape[0] == pytest.approx(part.shape[1], abs=2)
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "b.png")
    assert plots.panels(tmp_path / "b.png") == []


def test_a_tile_is_one_part_or_four(tmp_path):
    file = tmp_path / "a.png"
    picture(file, (20, 60, 100, 140))
    title, one = gallery.cut(file, gallery.Tile("", (2,)))
    assert (title, one.shape, middle(one)) == ("part 2", (288, 288, 3), 100)
    _, four = gallery.cut(file, gallery.Tile("", (3, 2, 1, 0)))
    assert four.shape == (288, 288, 3)
    assert [middle(four[r : r + 144, c : c + 144]) for r in (0, 144) for c in (0, 144)] == [
        *(140, 100),
        *(60, 20),
    ]
    picture(file, (20,), cells=8)
    _, strip = gallery.cut(file, gallery.Tile("", cells=8, shown=(7, 0, 1, 2)))
    found = [middle(strip[r : r + 144, c : c + 144]) for r in (0, 144) for c in (0, 144)]
    assert found == pytest.approx([90, 20, 30, 40], abs=2)
    with pytest.raises(RunError, match=re.escape("a.png does not say where its parts are")):
        gallery.cut(file, gallery.Tile("", (0, 1)))


def test_all_tasks_in_one_picture(tmp_path, monkeypatch):
    monkeypatch.setattr(tasks, "RUNS", tmp_path / "runs")
    config = gallery.Config(tmp_path / "tasks.png")
    for number, (name, tile) in enumerate(gallery.TILES.items()):
        with pytest.raises(RunError, match=f"There is no finished run of {name}"):
            gallery.main(config)
        task = tasks.TASKS[name]
        folder = tmp_path / "runs" / task.command / "2026-01-01_00-00-00"
        folder.mkdir(parents=True)
        headline = {"name": "x", "value": number, "baseline": 0.5, "higher_is_better": number != 5}
        (folder / "result.json").write_text(json.dumps({"headline": headline, "config": {}}))
        picture(folder / task.picture, [60] * (max(tile.panels) + 1), tile.cells)
    assert gallery.main(config) == config.file
    found = plots.panels(config.file)
    assert len(found) == len(gallery.TILES) == 12
    assert [title.partition(":")[0] for title, _ in found] == list(gallery.TILES)
    assert found[6][0].endswith("PCK 6, baseline 0.5")
    assert found[5][0].endswith("pixels (low is good) 5, baseline 0.5")
