"""`experiments.body_pose`: what it writes, that it resumes to the same bits, and its mistakes."""

import json
import re

import jax
import matplotlib.image
import numpy as np
import optax
import pytest

from cnn_jax import functional as F
from cnn_jax import training
from cnn_jax.data.figures import JOINTS, figures
from experiments import body_pose
from experiments.baselines import mean_pose
from experiments.drawing import posed

from .runs import check_resuming, error_of, metrics, slow


def run(workdir, **options):
    small = {"smoke": True, "devices": 1, "algorithm": "xla", "workdir": workdir}
    return body_pose.main(body_pose.Config(**{**small, **options}))


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
        "poses.png",
        "baseline.png",
        "checkpoints",
        ".lock",
    }
    written = json.loads((workdir / "result.json").read_text())
    assert written["headline"]["name"] == "pck"
    assert written["headline"]["value"] == written["metrics"]["pck"] == result.metrics["pck"]
    names = {"pck", "pck_torso", "pck of hidden ones", *(f"pck of {name}" for name in JOINTS)}
    assert set(written["metrics"]) == names
    assert set(written["baseline"]) == names | {"pck of the mean place"}
    assert written["baseline"]["pck of the mean place"] < written["baseline"]["pck"] < 0.6
    records = metrics(workdir)
    assert result.epochs == len(records) == 2
    assert records[-1]["test_pck"] == pytest.approx(result.metrics["pck"])
    assert records[-1]["train_loss"] < records[0]["train_loss"]
    for picture in workdir.glob("*.png"):
        assert matplotlib.image.imread(picture)[..., :3].std() > 0.05


@slow
def test_resumes_to_the_same_bits(finished, tmp_path, monkeypatch):
    _, whole = finished
    check_resuming(body_pose, run, whole, tmp_path, monkeypatch)


@slow
def test_eight_devices_have_the_same_losses(finished, tmp_path):
    _, one = finished
    run(tmp_path, devices=8)
    for name in ("train_loss", "test_loss"):
        losses = [[record[name] for record in metrics(folder)] for folder in (one, tmp_path)]
        np.testing.assert_allclose(*losses, rtol=1e-3)


@slow
def test_auto_and_xla_agree():
    config = body_pose.Config(smoke=True)
    truth = figures(size=64)(jax.random.split(jax.random.key(0), 2))
    state, apply = training.init(body_pose.network(config), optax.sgd(0.1))
    batch, made = body_pose.seen(truth), []
    for algorithm in ("xla", "auto"):
        with F.using(algorithm=algorithm):
            outputs, _ = jax.jit(lambda state: apply(state.params, state.stats, batch))(state)
        made.append(np.asarray(outputs))
    assert made[0].shape == (2, 32, 32, 14)
    np.testing.assert_allclose(*made, atol=1e-5 * np.abs(made[0]).max())


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--size", "60"], "`--size` must be 32, 64, ... 256; got 60."),
        (["--weight-decay", "-1"], "`--weight-decay` must be at least 0 and finite; got -1"),
        (["--people", "3"], "--people"),
        (["--resume"], "`--resume` needs `--workdir`"),
    ],
)
def test_a_mistake_is_told_what_to_do(words, text, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    error = re.sub(r"\s+", " ", error_of(monkeypatch, capsys, body_pose, words))
    assert text in error
    assert "Traceback" not in error


def test_the_mean_pose_is_put_into_the_box_of_each():
    rng = np.random.default_rng(0)
    unit = rng.uniform(0, 1, (14, 2))
    unit[0], unit[1] = 0, 1
    low, sides = rng.uniform(0, 20, (6, 1, 2)), rng.uniform(10, 40, (6, 1, 2))
    people = {"keypoints": low + sides * unit, "keypoints_visible": np.ones((6, 14), bool)}
    some, others = (
        {name: v[part] for name, v in people.items()} for part in (slice(2), slice(2, 6))
    )
    np.testing.assert_allclose(mean_pose.mean_pose(some, others), others["keypoints"], rtol=1e-5)
    place = mean_pose.mean_place(some, 3)
    np.testing.assert_allclose(place, np.stack([some["keypoints"].mean(0)] * 3))


def test_joints_are_judged():
    points = np.zeros((2, 14, 2), np.float32)
    points[:, 1] = 40
    truth = {"keypoints": points, "keypoints_visible": np.ones((2, 14), bool)}
    truth |= {"keypoints_hidden": np.zeros((2, 14), bool), "torso": np.array([10, 30], np.float32)}
    truth["keypoints_hidden"][:, 0] = True
    found = points.copy()
    found[:, 0, 0] = [5, 3.5]
    numbers = posed.judge(found, truth)
    assert numbers["pck"] == pytest.approx(27 / 28)
    assert numbers["pck_torso"] == pytest.approx(27 / 28)
    assert numbers["pck of hidden ones"] == numbers["pck of right ankle"] == 0.5
    assert numbers["pck of neck"] == 1
