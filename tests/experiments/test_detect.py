"""`experiments.detect`: what it writes, that it resumes to the same bits, and its mistakes."""

import json
import re

import chex
import jax
import jax.numpy as jnp
import matplotlib.image
import numpy as np
import pytest

from cnn_jax import data
from cnn_jax.tasks import detection
from experiments import detect
from experiments.baselines import sliding
from experiments.drawing import detected

from .runs import check_resuming, error_of, metrics, slow


def run(workdir, **options):
    return detect.main(
        detect.Config(workdir=workdir, smoke=True, devices=1, algorithm="xla", **options)
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("finished")
    return run(workdir), workdir


def test_writes_everything(finished):
    result, workdir = finished
    assert {path.name for path in workdir.iterdir()} == {
        "config.json",
        "metrics.jsonl",
        "result.json",
        "weights.safetensors",
        "weights_best.safetensors",
        "curves.png",
        "detections.png",
        "baseline.png",
        "checkpoints",
        ".lock",
    }
    written = json.loads((workdir / "result.json").read_text())
    assert written["headline"]["name"] == "ap50"
    assert written["headline"]["value"] == written["metrics"]["ap50"]
    assert written["metrics"] == result.metrics
    assert written["headline"]["baseline"] == result.baseline["ap50"]
    assert set(written["baseline"]) == {"ap", "ap50", "ap75"}
    assert 0 <= written["baseline"]["ap"] <= written["baseline"]["ap50"] <= 1
    records = metrics(workdir)
    assert result.epochs == len(records) == 2
    assert records[-1]["test_ap50"] == pytest.approx(result.metrics["ap50"])
    assert records[-1]["train_loss"] < records[0]["train_loss"]
    for picture in workdir.glob("*.png"):
        assert matplotlib.image.imread(picture)[..., :3].std() > 0.05


@slow
def test_resumes_to_the_same_bits(finished, tmp_path, monkeypatch):
    _, whole = finished
    check_resuming(detect, run, whole, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--size", "60"], "`--size` must be 16, 32, ... 256; got 60."),
        (["--objects", "0"], "`--objects` must be in [1, 100]; got 0."),
        (["--nms", "0"], "`--nms` must be in (0, 1]; got 0.0."),
        (["--nms", "nan"], "`--nms` must be in (0, 1]; got nan."),
        (["--epochs", "-1"], "`--epochs` must be in [0, 100000]; got -1."),
        (["--resume"], "`--resume` needs `--workdir`"),
    ],
)
def test_a_mistake_is_told_what_to_do(words, text, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    error = re.sub(r"\s+", " ", error_of(monkeypatch, capsys, detect, words))
    assert text in error
    assert "Traceback" not in error


def test_boxes_that_overlap_are_dropped_if_one_asks_for_it():
    """Two peaks of one class and one of another, two cells apart, with boxes of 8 x 8 cells."""
    outputs = jnp.full((1, 16, 16, 2 + 4), -9.0).at[..., 2:4].set(8.0).at[..., 4:].set(0.5)
    outputs = outputs.at[0, 8, (5, 7, 9), (0, 0, 1)].set(jnp.array([2.0, 3.0, 1.0]))
    sure = {}
    for most in (0.5, 0.7, 1.0):  # 6 cells in common of 10
        config = detect.Config(nms=most)
        found = jax.jit(lambda outputs, most=config.nms: detect.decoded(outputs, most))(outputs)
        shown = found["scores"][0] > 0.5
        sure[most] = [int(left) for left in found["boxes"][0, shown, 1] / 4]
    assert sure == {0.5: [3, 5], 0.7: [3, 1, 5], 1.0: [3, 1, 5]}
    assert detect.Config().nms == 1
    chex.assert_trees_all_equal(found, jax.jit(detection.decode)(outputs))


def test_mistakes_are_counted():
    boxes = np.array([[[0, 0, 10, 10], [20, 20, 30, 30], [0, 0, 10, 10]]], np.float32)
    truth = {"boxes": boxes, "boxes_valid": np.array([[True, True, False]])}
    truth["classes"] = np.array([[1, 2, 0]])
    found = {"boxes": boxes, "classes": np.array([[1, 2, 0]])}
    for scores, expected in (([0.9, 0.9, 0.1], 0), ([0.9, 0.1, 0.1], 1), ([0.9, 0.1, 0.9], 2)):
        found["scores"] = np.array([scores], np.float32)
        assert detected.mistakes(found, truth).tolist() == [expected]


def test_squares_are_cut_out_of_images():
    image = jnp.arange(64.0 * 64).reshape(1, 64, 64, 1)
    (cut,) = sliding.squares(image, jnp.array([[[4.0, 8, 32, 36]]]))[0]
    np.testing.assert_allclose(cut, image[0, 4:32, 8:36], rtol=1e-5)


def test_squares_without_an_object_are_clear():
    train = data.load("fashion_mnist_small", "train")
    make = data.scenes.scenes(train.images, train.labels, size=64, objects=(1, 2))
    truth = jax.jit(make)(jax.random.split(jax.random.key(0), 4))
    made = sliding.examples(detect.seen(truth), jax.random.key(1), 10)
    label, counts = np.asarray(made["label"]).reshape(4, 4), np.asarray(made["counts"])
    assert made["image"].shape == (16, 28, 28, 3)
    np.testing.assert_array_equal(label[:, :2], truth["classes"])
    np.testing.assert_array_equal(counts.reshape(4, 4)[:, :2], truth["boxes_valid"])
    assert (label[:, 2:] == 10).all()
    assert counts.reshape(4, 4)[:, 2:].any()


def test_windows_cover_the_picture():
    windows = sliding.windows(64, 20, 40)
    sides = windows[:, 2:] - windows[:, :2]
    assert {round(float(side), 1) for side in sides.ravel()} == {20.0, 25.2, 31.7, 40.0}
    assert windows.min() < 0
    assert windows.max() > 64
