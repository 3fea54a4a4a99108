"""`experiments.camera_pose`: what it writes, that it resumes to the same bits, its baseline."""

import json
import re
from functools import cache

import jax
import matplotlib.image
import numpy as np
import pytest

from cnn_jax import data
from cnn_jax.tasks import homography
from experiments import camera_pose
from experiments.baselines import keypoints
from experiments.drawing import quadrilaterals

from ..compilation import jit
from .runs import check_resuming, error_of, metrics, slow


def run(workdir, **options):
    config = {"workdir": workdir, "smoke": True, "devices": 1, "algorithm": "xla", **options}
    return camera_pose.main(camera_pose.Config(**config))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("finished")
    return run(workdir), workdir


@cache
def rough(split="test"):
    """Held-out pairs that ORB can do: textured, without noise."""
    arrays = camera_pose.gray(split, 240)
    make = jit(data.views.views(arrays, size=128, reach=10))
    return jax.device_get(make(jax.random.split(jax.random.key(3), 4)))


def test_writes_everything(finished):
    result, workdir = finished
    assert {path.name for path in workdir.iterdir()} == {
        "config.json",
        "metrics.jsonl",
        "result.json",
        "weights.safetensors",
        "curves.png",
        "estimates.png",
        "warped.png",
        "checkpoints",
        ".lock",
    }
    written = json.loads((workdir / "result.json").read_text())
    assert written["headline"]["name"] == "corner_error"
    assert written["headline"]["value"] == written["metrics"]["corner_error"]
    assert written["metrics"] == result.metrics
    names = {"corner_error", "corner_error_clean", "share_failed_rough", "share_failed_clean"}
    assert names <= set(written["baseline"])
    # Of two coordinates up to 32 pixels: the mean distance is 0.765 of that.
    still = written["baseline"]["corner_error_of_identity"]
    assert still == pytest.approx(0.765 * 32, rel=0.2)
    records = metrics(workdir)
    assert result.epochs == len(records) == 2
    assert records[-1]["test_corner_error"] == pytest.approx(result.metrics["corner_error"])
    for picture in workdir.glob("*.png"):
        assert matplotlib.image.imread(picture)[..., :3].std() > 0.05


@slow
def test_resumes_to_the_same_bits(finished, tmp_path, monkeypatch):
    _, whole = finished
    check_resuming(camera_pose, run, whole, tmp_path, monkeypatch)


@slow
@pytest.mark.parametrize("options", [{"devices": 8}, {"algorithm": "auto"}], ids=str)
def test_devices_and_algorithms_agree(finished, tmp_path, options):
    run(tmp_path, **options)
    record, expected = metrics(tmp_path)[0], metrics(finished[1])[0]
    for name in ("train_loss", "train_corner_error"):
        assert record[name] == pytest.approx(expected[name], rel=1e-3)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--shrink", "3"], "`--shrink` must be 1, 2, 4 or 8; got 3."),
        (["--passes", "0"], "`--passes` must be in [1, 100]; got 0."),
        (["--resume"], "`--resume` needs `--workdir`"),
    ],
)
def test_a_mistake_is_told_what_to_do(words, text, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    error = re.sub(r"\s+", " ", error_of(monkeypatch, capsys, camera_pose, words))
    assert text in error
    assert "Traceback" not in error


def test_orb_finds_what_it_can_and_says_when_it_fails():
    pairs = rough()
    offsets, failed = keypoints.estimates(pairs, keypoints.Parameters(smooth=0.0), 64)
    assert not failed.any()
    assert np.median(keypoints.errors(offsets, pairs["corners"])) < 4
    blank = {name: np.zeros_like(pairs[name][:2]) for name in ("first", "second")}
    offsets, failed = keypoints.estimates(blank, keypoints.Parameters(), 64)
    assert failed.all()
    assert not offsets.any()
    _, failed = keypoints.estimates(pairs, keypoints.Parameters(smooth=0.0), 0.1)
    assert failed.all()  # a corner moved farther than it can have


def test_the_best_of_each_choice_is_taken(monkeypatch):
    def measured(pairs, parameters, limit):
        wrong = abs(parameters.smooth - 2) + abs(parameters.residual - 5)
        return np.full((1, 4, 2), wrong), np.zeros(1, bool)

    monkeypatch.setattr(keypoints, "estimates", measured)
    truth = {"corners": np.zeros((1, 4, 2))}
    found = keypoints.tuned(truth, keypoints.Parameters(), 64)
    assert found == keypoints.Parameters(smooth=2.0, residual=5.0)


def test_errors_are_the_mean_distances():
    found, true = np.zeros((2, 4, 2)), np.zeros((2, 4, 2))
    true[1] = [[3, 4], [0, 0], [6, 8], [0, 1]]
    assert keypoints.errors(found, true).tolist() == [0, 4]
    np.testing.assert_allclose(homography.corner_error(found, true), [0, 4])


def test_guesses_are_none_or_near_the_truth_and_convex():
    key = jax.random.key(0)
    corners = jax.random.uniform(jax.random.key(1), (400, 4, 2), minval=-8.0, maxval=8.0)
    guess = np.asarray(camera_pose.guesses(key, corners, 8.0))
    none = (guess == 0).all((1, 2))
    assert 0.4 < none.mean() < 0.6
    error = keypoints.errors(guess, corners)
    # A fifth of the distance of two points of a square of side 16, 0.52 * 16 pixels.
    assert error[~none].mean() == pytest.approx(0.2 * 0.52 * 16, rel=0.1)
    assert np.asarray(homography.convex(guess, 32)).all()


def test_what_the_network_sees_in_training_fits_its_truth():
    """With the truth, the first view warped is the second one: no noise, little blur."""
    arrays = camera_pose.gray("train", 240, 2)
    make = data.views.views(arrays, size=64, reach=16.0)
    batch = jit(camera_pose.preparing(make, 2))({"number": np.arange(8)}, jax.random.key(0))
    first, second = batch["image"][..., :1], batch["image"][..., 1:]
    warped = homography.warp(first, homography.from_corners(batch["corners"] / 2, 64))
    seen = np.asarray(
        homography.warp(0 * first + 1, homography.from_corners(batch["corners"] / 2, 64))
    )
    inside = (seen > 0.999) & (np.abs(np.asarray(warped)) > 0)

    def distance(view):
        return float(np.abs(np.asarray(view - second))[inside].mean())

    assert distance(warped) < 0.4 * distance(first)


def test_the_best_and_the_worst_are_chosen():
    errors = np.arange(20.0)[::-1]
    assert quadrilaterals.chosen(errors).tolist() == [19, 18, 17, 16, 15, 14, 0, 1, 2, 3, 4, 5]
