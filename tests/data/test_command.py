"""`python -m cnn_jax.data`: prints facts, draws examples with classes, masks and boxes."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.patches import Rectangle
from PIL import Image

from cnn_jax import data
from cnn_jax.data.__main__ import Config, main
from cnn_jax.data._sheet import sheet, spaced
from cnn_jax.data.sources import ArrayRecords, Source


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "prepared"))


def run(*options):
    command = [sys.executable, "-m", "cnn_jax.data", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_small_set(tmp_path, capsys):
    assert main(Config("fashion_mnist_small", count=6)) == Path("fashion_mnist_small.png")
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "name         fashion_mnist_small"
    assert "train        6,000 examples" in printed
    assert "image        28x28x1" in printed
    assert any(re.match("label +10 classes: T-shirt/top, Trouser, ", line) for line in printed)
    assert "license      MIT" in printed
    assert any(re.match("citation +H. Xiao, ", line) for line in printed)
    assert printed[-1] == "wrote fashion_mnist_small.png: 6 examples of the train split"
    with Image.open("fashion_mnist_small.png") as picture:
        assert picture.width > picture.height > 300
    assert [path.name for path in tmp_path.iterdir()] == ["fashion_mnist_small.png"]


def test_options(tmp_path, capsys):
    for number in range(30):
        file = tmp_path / "pets" / f"{'cat' if number % 2 else 'dog'}/{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((9, 5 + number, 3), number, np.uint8)).save(file)
    written = main(Config("./pets", split="train", count=4, sheet=Path("some.jpg")))
    assert written == Path("some.jpg")
    with Image.open("some.jpg") as picture:
        assert picture.format == "JPEG"
    assert "image        ?x?x3" in capsys.readouterr().out
    assert main(Config("./pets")) == Path("pets.png")
    assert main(Config("./pets", count=0)) is None


def test_names_are_listed(tmp_path, capsys):
    place = tmp_path / "prepared/tiny/1.0.0"
    place.mkdir(parents=True)
    (place / "dataset_info.json").touch()
    assert main(Config()) is None
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [*data.names(), "tiny"]
    assert lines[2] == "mnist                28x28 gray pictures of handwritten digits."
    assert lines[-1].endswith(f"  prepared by TFDS in {tmp_path / 'prepared'}")


def test_errors_are_one_line():
    for options, text in (
        (["mnst"], r"ValueError: `name` must be .* Did you mean 'mnist'\?"),
        (["./pets"], r"FileNotFoundError: There is no folder .*/pets\."),
        (["fashion_mnist_small", "--split", "dev"], "ValueError: `split` must be one of .*"),
        (["fashion_mnist_small", "--count", "-1"], "ValueError: `count` must be an int of at .*"),
        (["fashion_mnist_small", "--sheet", "no/x.png"], "FileNotFoundError: .*no/x.png'"),
        (["fashion_mnist_small", "--sheet", "x.foo"], "ValueError: .*'foo' is not supported .*"),
    ):
        done = run(*options)
        assert (done.returncode, done.stdout) == (1, "")
        assert re.fullmatch(text + "\n", done.stderr), done.stderr


def test_who_reads_may_stop_before_the_end():
    """As by ``| head``: the picture is written, and there is no traceback."""
    command = [sys.executable, "-m", "cnn_jax.data", "fashion_mnist_small"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0
    assert Path("fashion_mnist_small.png").exists()


class Boxed:
    """One example with a mask and two boxes."""

    def __len__(self):
        return 1

    def read(self, indices):
        mask = np.zeros((8, 16, 1), np.uint8)
        mask[2:4] = 21
        boxes = [np.array([0.25, 0.5, 0.5, 0.75], np.float32), np.array([0, 0, 1, 1], np.float32)]
        example = {
            "image": np.arange(8 * 16 * 3, dtype=np.uint8).reshape(8, 16, 3),
            "segmentation_mask": mask,
            "objects": {"bbox": boxes, "label": [1, -1]},
            "label": np.int32(0),
        }
        return [example for _ in indices]

    def place(self, index):
        return "here"


def info_of(**changes):
    facts = {"name": "x", "title": "x", "description": "", "counts": {"train": 1}} | changes
    return data.Info(**{"shape": (None, None, 3), "labels": {}} | facts)


def test_masks_and_boxes_lie_on_the_image():
    labels = {"label": ("a $^$ is no formula",), "objects/label": ("head", "tail")}
    facts = info_of(labels=labels, masks=("segmentation_mask",), boxes=("objects/bbox",))
    figure = sheet(Source(facts, "train", Boxed()), 5)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    image, mask = axes.images
    np.testing.assert_array_equal(image.get_array(), Boxed().read([0])[0]["image"])
    assert mask.get_array().tolist() == [[int(row in (2, 3))] * 16 for row in range(8)]
    assert mask.get_alpha() == 0.5
    rectangles = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    # Pixel 0 is drawn from -0.5 to 0.5.
    assert [r.get_bbox().extents.tolist() for r in rectangles] == [
        [7.5, 1.5, 11.5, 3.5],
        [-0.5, -0.5, 15.5, 7.5],
    ]
    assert [text.get_text() for text in axes.texts] == ["tail"]
    assert axes.get_title() == "a $^$ is no formu…"


def test_what_is_drawn():
    arrays = {"image": np.zeros((50, 4, 4, 1), np.uint8), "label": np.repeat(np.arange(5), 10)}
    facts = info_of(labels={"label": tuple("abcde")}, shape=(4, 4, 1), counts={"train": 50})
    source = Source(facts, "train", ArrayRecords(arrays, "x"))
    titles = [axes.get_title() for axes in sheet(source, 5).axes]
    assert titles == list("abcde")  # though they are sorted
    assert len(sheet(source, 99).axes) == 50
    for n in range(1, 40):
        assert len(set(spaced(50, n))) == n


def test_what_cannot_be_drawn():
    empty = Source(info_of(shape=()), "train", Boxed())
    with pytest.raises(ValueError, match="`split` 'train' of x has no images to draw; `--count 0`"):
        sheet(empty, 4)
