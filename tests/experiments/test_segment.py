"""`experiments.segment`: what it writes, that it resumes to the same bits, and its mistakes."""

import json
import re

import jax.numpy as jnp
import matplotlib.image
import numpy as np
import pytest
from flax import nnx
from skimage.metrics import contingency_table

from experiments import segment
from experiments.baselines import regions
from experiments.drawing import segmented

from .runs import check_resuming, error_of, metrics, slow

HERE = {"smoke": True, "devices": 1, "algorithm": "xla"}


def run(workdir, **options):
    return segment.main(segment.Config(workdir=workdir, **{**HERE, **options}))


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
        "segments.png",
        "checkpoints",
        ".lock",
    }
    written = json.loads((workdir / "result.json").read_text())
    assert written["headline"]["name"] == "miou"
    assert written["headline"]["value"] == written["metrics"]["miou"] == result.metrics["miou"]
    assert set(written["baseline"]) == set(written["metrics"])
    assert 0 < written["baseline"]["miou"] < 1
    assert written["baseline"]["iou of background"] > 0.5
    records = metrics(workdir)
    assert result.epochs == len(records) == 2
    assert records[-1]["test_miou"] == pytest.approx(result.metrics["miou"])
    assert len([name for name in records[-1] if name.startswith("test_iou of ")]) == 11
    assert records[-1]["train_loss"] < records[0]["train_loss"]
    for picture in workdir.glob("*.png"):
        assert matplotlib.image.imread(picture)[..., :3].std() > 0.05


@slow
def test_resumes_to_the_same_bits(finished, tmp_path, monkeypatch):
    _, whole = finished
    check_resuming(segment, run, whole, tmp_path, monkeypatch)


@slow
def test_eight_devices_and_our_own_algorithms_give_the_same_losses(finished, tmp_path):
    _, whole = finished
    run(tmp_path, devices=8, algorithm="auto")
    for record, expected in zip(metrics(tmp_path), metrics(whole), strict=True):
        for name in ("train_loss", "test_loss"):
            assert record[name] == pytest.approx(expected[name], rel=2e-3), name


@pytest.mark.parametrize("model", ["unet_small", "unet", "fcn8", "deconvnet"])
def test_every_network_fits_the_scenes(model):
    config = segment.Config(model=model, smoke=True)
    made = nnx.eval_shape(lambda: segment.network(config, 11)(jnp.zeros((2, 64, 64, 3))))
    assert made.shape == (2, 64, 64, 11)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--size", "60"], "`--size` must be 16, 32, ... 256; got 60."),
        (["--size", "48", "--model", "fcn8"], "`--size` must be 32, 64, ... 256; got 48."),
        (["--objects", "0"], "`--objects` must be in [1, 100]; got 0."),
        (["--channels", "0"], "`--channels` must be in [1, 1024]; got 0."),
        (["--dice", "-1"], "`--dice` must be at least 0 and finite; got -1"),
        (["--weight-decay", "-1"], "`--weight-decay` must be at least 0 and finite; got -1"),
        (["--resume"], "`--resume` needs `--workdir`"),
    ],
)
def test_a_mistake_is_told_what_to_do(words, text, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    error = re.sub(r"\s+", " ", error_of(monkeypatch, capsys, segment, words))
    assert text in error
    assert "Traceback" not in error


def drawn_scene():
    """A red square with a hole and a blue bar on a green ground with noise."""
    rng = np.random.default_rng(0)
    image = rng.integers(60, 90, (48, 48, 3)).astype(np.uint8)
    image[..., 1] += 90
    label = np.zeros((48, 48), int)
    label[8:24, 6:22], label[30:42, 12:40] = 1, 2
    image[label == 1], image[label == 2] = (230, 40, 40), (40, 40, 240)
    image[15:17, 13:15] = image[0, 0]  # filled, because a garment is around it
    return image, label


def test_regions_of_another_color_are_found():
    image, label = drawn_scene()
    numbered = regions.parts(image)
    assert set(np.unique(numbered)) == {0, 1, 2}
    for number in (1, 2):
        one, other = numbered == number, label == number
        assert (one & other).sum() / (one | other).sum() > 0.9


def test_small_regions_are_left_out():
    solid = np.zeros((20, 20), bool)
    solid[1:7, 1:7], solid[10:12, 10:12] = True, True
    numbered = regions.separated(solid)
    assert (numbered[1:7, 1:7] == 1).all()
    assert (numbered > 0).sum() == 36


def test_a_region_has_the_class_of_the_nearest_mean():
    image, label = drawn_scene()
    masks = np.stack([label == 1, label == 2])
    examples = {"image": image[None], "masks": masks[None], "boxes_valid": np.ones((1, 2), bool)}
    examples["classes"] = np.array([[3, 1]])
    classify = regions.nearest_mean(examples, 5)
    assert [classify(image, mask) for mask in masks] == [3, 1]
    said = regions.labels(image[None], classify)[0]
    assert set(np.unique(said[label == 1])) <= {0, 4}
    assert set(np.unique(said)) == {0, 2, 4}


def test_a_cut_out_is_centered_and_scaled():
    image = np.zeros((40, 40, 3), np.uint8)
    image[5:33, 10:24, 0] = 100
    found = regions.cut(image, image[..., 0] > 0)
    assert found.shape == (28, 28)
    np.testing.assert_allclose(found[:, 7:21], 1)
    np.testing.assert_allclose(found[:, [*range(7), *range(21, 28)]], 0)


def test_confusion_counts_pixels():
    rng = np.random.default_rng(0)
    true, said = rng.integers(0, 4, (2, 3, 9, 9))
    expected = contingency_table(true.ravel(), said.ravel()).toarray()
    np.testing.assert_array_equal(regions.confusion(true, said, 4), expected)


def test_rightness_is_the_mean_overlap_of_the_garments_of_a_scene():
    true = np.array([[0, 1, 1, 2], [0, 0, 0, 0], [3, 0, 0, 0]])[:, None]
    said = np.array([[0, 1, 2, 2], [0, 0, 0, 0], [0, 0, 0, 5]])[:, None]
    assert segmented.rightness(true, said).tolist() == [0.5, 1, 0]
