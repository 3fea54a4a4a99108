"""`experiments.instances`: what it writes, that it resumes to the same bits, and its mistakes."""

import json
import re

import matplotlib.image
import numpy as np
import pytest

from experiments import instances
from experiments.baselines import regions
from experiments.drawing import outlined

from .runs import check_resuming, error_of, metrics, slow

HERE = {"smoke": True, "devices": 1, "algorithm": "xla"}


def run(workdir, **options):
    return instances.main(instances.Config(workdir=workdir, **{**HERE, **options}))


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
        "masks.png",
        "baseline.png",
        "checkpoints",
        ".lock",
    }
    written = json.loads((workdir / "result.json").read_text())
    assert written["headline"]["name"] == "ap"
    assert written["headline"]["value"] == written["metrics"]["ap"] == result.metrics["ap"]
    assert set(written["baseline"]) == {"ap", "ap50", "ap75"}
    records = metrics(workdir)
    assert result.epochs == len(records) == 2
    assert records[-1]["test_ap"] == pytest.approx(result.metrics["ap"])
    assert records[-1]["train_loss"] < records[0]["train_loss"]
    for picture in workdir.glob("*.png"):
        assert matplotlib.image.imread(picture)[..., :3].std() > 0.05


@slow
def test_resumes_to_the_same_bits(finished, tmp_path, monkeypatch):
    _, whole = finished
    check_resuming(instances, run, whole, tmp_path, monkeypatch)


@slow
def test_eight_devices_and_our_own_algorithms_give_the_same_losses(finished, tmp_path):
    _, whole = finished
    run(tmp_path, devices=8, algorithm="auto")
    for record, expected in zip(metrics(tmp_path), metrics(whole), strict=True):
        for name in ("train_loss", "test_loss"):
            assert record[name] == pytest.approx(expected[name], rel=2e-3), name


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--size", "60"], "`--size` must be 16, 32, ... 256; got 60."),
        (["--objects", "0"], "`--objects` must be in [1, 100]; got 0."),
        (["--channels", "0"], "`--channels` must be in [1, 1024]; got 0."),
        (["--kinds", "11"], "`--kinds` must be in [1, 10]; got 11."),
        (["--weight-decay", "-1"], "`--weight-decay` must be at least 0 and finite; got -1"),
    ],
)
def test_a_mistake_is_told_what_to_do(words, text, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    error = re.sub(r"\s+", " ", error_of(monkeypatch, capsys, instances, words))
    assert text in error
    assert "Traceback" not in error


def test_connected_pixels_of_a_class_are_one_mask():
    label = np.zeros((2, 24, 24), int)
    label[0, 1:9, 1:9], label[0, 12:20, 1:9], label[0, 1:20, 9:15] = 1, 1, 2
    logits = 3 * np.eye(4)[label]
    found = regions.connected(logits)
    assert found["scores"][1].tolist() == [0, 0, 0]  # a picture without objects
    assert found["classes"][0].tolist() == [0, 0, 1]
    sizes = found["masks"][0].sum((1, 2)).tolist()
    assert sizes == [64, 64, 19 * 6]
    share = np.exp(3) / (np.exp(3) + 3)
    np.testing.assert_allclose(found["scores"][0], share, rtol=1e-5)


def test_mistakes_are_counted():
    masks = np.zeros((1, 3, 8, 8), bool)
    masks[0, 0, :4], masks[0, 1, 4:, :4], masks[0, 2, 4:, 4:] = True, True, True
    truth = {"masks": masks, "boxes_valid": np.array([[True, True, False]])}
    truth["classes"] = np.array([[1, 2, 0]])
    said = {"masks": masks[:, [0, 0, 1, 2]], "classes": np.array([[1, 0, 2, 0]])}
    cases = (  # the second mask is the first with another class, less likely
        ([0.9, 0.5, 0.9, 0.1], 0),
        ([0.5, 0.9, 0.9, 0.1], 2),
        ([0.9, 0.5, 0.1, 0.1], 1),
        ([0.9, 0.5, 0.9, 0.9], 1),
    )
    for scores, expected in cases:
        said["scores"] = np.array([scores])
        assert outlined.mistakes(said, truth).tolist() == [expected]
