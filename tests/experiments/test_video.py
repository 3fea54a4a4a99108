"""`experiments.video`: what a smoke run writes, that it resumes to the same bits, mistakes."""

import json

import jax
import jax.numpy as jnp
import matplotlib.image
import numpy as np
import pytest

from experiments import video
from experiments.drawing import motions

from .runs import alike, check_resuming, error_of, metrics

NAMES = ("direction", "speed", "axis", "way along the axis")


def run(workdir, **options):
    small = {"smoke": True, "devices": 1, "algorithm": "xla", "frames": 4, "size": 24, "width": 2}
    return video.main(video.Config(workdir=workdir, **{**small, **options}))


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
        "curves.png",
        "clips.png",
        "confusion.png",
        "confusion_baseline.png",
        "checkpoints",
        ".lock",
    }
    written = json.loads((workdir / "result.json").read_text())
    assert written["headline"]["name"] == "direction"
    for found in (written["metrics"], written["baseline"], result.metrics, result.baseline):
        assert set(found) == set(NAMES)
        assert all(0 <= value <= 1 for value in found.values())
    records = metrics(workdir)
    assert result.epochs == len(records) == 2
    assert records[-1]["test_direction of frames"] == written["baseline"]["direction"]
    for picture in workdir.glob("*.png"):
        assert matplotlib.image.imread(picture)[..., :3].std() > 0.05


@alike
def test_resumes_to_the_same_bits(finished, tmp_path, monkeypatch):
    _, whole = finished
    check_resuming(video, run, whole, tmp_path, monkeypatch)


@alike
def test_eight_devices_and_our_algorithms_have_the_same_losses(finished, tmp_path):
    _, one = finished
    run(tmp_path, devices=8, algorithm="auto")
    numbers = [[m["train_loss"] for m in metrics(folder)] for folder in (one, tmp_path)]
    np.testing.assert_allclose(*numbers, rtol=1e-2)  # batch norm divides by small deviations


def test_labels_are_those_of_the_motion():
    angles = jnp.array([[[0.0]], [[45.0]], [[90.0]], [[315.0]], [[359.99]]])
    speeds = jnp.array([[0.6], [1.2], [1.8], [0.6], [1.2]])
    truth = {"direction": angles, "speed": speeds, "video": jnp.full((5, 1, 1, 1, 3), 128.0)}
    found = video.seen(truth, 8)
    assert found["direction"].tolist() == [0, 1, 2, 7, 0]
    assert found["rate"].tolist() == [0, 1, 2, 0, 1]
    assert found["image"].tolist() == jnp.zeros((5, 1, 1, 1, 3)).tolist()


def test_the_loss_is_of_both_networks_and_both_questions():
    outputs = jax.random.normal(jax.random.key(0), (6, 2, 4 + 3))
    batch = {"direction": jnp.array([0, 1, 2, 3, 0, 1]), "rate": jnp.array([0, 1, 2, 0, 1, 2])}
    losses, others = video.loss(outputs, batch)
    for n in range(6):
        total = 0
        for network in np.asarray(outputs[n], np.float64):
            for logits, label in ((network[:4], "direction"), (network[4:], "rate")):
                total += np.log(np.exp(logits).sum()) - logits[int(batch[label][n])]
        assert float(losses[n]) == pytest.approx(total, rel=1e-5)
        for network, suffix in enumerate(("", " of frames")):
            logits, true = np.asarray(outputs[n, network, :4]), int(batch["direction"][n])
            axes = np.exp(logits[:2]) + np.exp(logits[2:])
            expected = {
                "direction": logits.argmax() == true,
                "axis": axes.argmax() == true % 2,
                "way along the axis": logits[true] > logits[(true + 2) % 4],
            }
            for name, value in expected.items():
                assert bool(others[name + suffix][n]) == value


def test_names_of_directions():
    assert len(motions.names_of(8)) == 8
    assert motions.names_of(8)[2] == "up"
    assert motions.names_of(16)[1] == "22.5 degrees"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--directions", "3"], "`--directions` must be 2, 4, ... 64; got 3."),
        (["--frames", "1"], "`--frames` must be in [2, 64]; got 1."),
        (["--frames", "16"], "`--size` must be in [43, 128], to stay in; got 40."),
        (["--width", "0"], "`--width` must be in [1, 256]; got 0."),
        (["--resume"], "`--resume` needs `--workdir`"),
    ],
)
def test_a_mistake_is_told_what_to_do(words, text, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    error = error_of(monkeypatch, capsys, video, words)
    assert text in " ".join(error.split())
    assert "Traceback" not in error
