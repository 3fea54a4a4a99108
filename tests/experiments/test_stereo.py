"""`experiments.stereo`: what it writes, that it resumes to the same bits, points, its mistakes."""

import json
import re

import matplotlib.image
import numpy as np
import pytest

from cnn_jax.tasks import stereo as task
from experiments import stereo
from experiments.baselines import block_matching
from experiments.data import real_pairs
from experiments.drawing import point_cloud

from .runs import alike, check_resuming, error_of, metrics, slow


def run(workdir, **options):
    small = {"smoke": True, "devices": 1, "algorithm": "xla", "batch_size": 8}
    return stereo.main(stereo.Config(workdir=workdir, **{**small, **options}))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("finished")
    return run(workdir), workdir


def needs_motorcycle():
    if real_pairs.motorcycle(8, multiple=8) is None:
        pytest.skip("scikit-image's package has no motorcycle pair")


def test_writes_everything(finished):
    result, workdir = finished
    needs_motorcycle()
    assert {path.name for path in workdir.iterdir()} == {
        "config.json",
        "metrics.jsonl",
        "result.json",
        "weights.safetensors",
        "curves.png",
        "held_out.png",
        "motorcycle.png",
        "points.png",
        "points.ply",
        "checkpoints",
        ".lock",
    }
    written = json.loads((workdir / "result.json").read_text())
    names = {f"{of}{n}" for of in ("", "motorcycle_", "motorcycle_seen_") for n in ("epe", "bad3")}
    assert set(written["metrics"]) == set(written["baseline"]) == names
    assert written["headline"]["name"] == "motorcycle_epe"
    assert written["headline"]["value"] == result.metrics["motorcycle_epe"]
    assert 0 < written["baseline"]["motorcycle_epe"] < 2  # disparities of up to 7.5 pixels
    records = metrics(workdir)
    assert result.epochs == len(records) == 2
    assert records[-1]["test_epe"] == pytest.approx(result.metrics["epe"], rel=1e-4)
    for picture in workdir.glob("*.png"):
        assert matplotlib.image.imread(picture)[..., :3].std() > 0.05


@alike
def test_resumes_to_the_same_bits(finished, tmp_path, monkeypatch):
    _, whole = finished
    check_resuming(stereo, run, whole, tmp_path, monkeypatch)


@slow
def test_eight_devices_and_our_algorithms_have_the_same_losses(finished, tmp_path):
    _, one = finished
    run(tmp_path, devices=8, algorithm="auto")
    numbers = [[list(m.values()) for m in metrics(folder)] for folder in (one, tmp_path)]
    np.testing.assert_allclose(*numbers, rtol=1e-3)


def test_runs_without_the_real_pair(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(real_pairs, "FILES", ("none.png", "none.png", "none.npz"))
    assert real_pairs.motorcycle(2) is None
    result = run(tmp_path, epochs=0)
    assert set(result.metrics) == set(result.baseline) == {"epe", "bad3"}
    assert "not found: the pair `motorcycle`" in capsys.readouterr().out
    assert not (tmp_path / "motorcycle.png").exists()
    assert (tmp_path / "points.ply").stat().st_size > 1000


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--max-disparity", "20"], "`--max-disparity` must be 8, 16, ... 64; got 20."),
        (["--width", "0"], "`--width` must be in [1, 256]; got 0."),
        (["--resume"], "`--resume` needs `--workdir`"),
    ],
)
def test_a_mistake_is_told_what_to_do(words, text, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    error = re.sub(r"\s+", " ", error_of(monkeypatch, capsys, stereo, words))
    assert text in error
    assert "Traceback" not in error


def test_the_smaller_motorcycle_is_a_pair_with_its_disparities():
    needs_motorcycle()
    pair = real_pairs.motorcycle(2, multiple=8)
    true = pair["disparity"]
    assert (pair["image"].shape, pair["image"].dtype) == ((1, 2, 248, 368, 3), np.uint8)
    assert true.shape == (1, 248, 368)
    assert 29 < true[np.isfinite(true)].max() < 30
    left, right = pair["image"][0].astype(float)
    known = block_matching.only_seen(pair)["disparity"][0]
    rows, columns = np.nonzero(np.isfinite(known))
    assert 0.7 < len(rows) / known.size < 0.93

    def difference(shift):
        to = np.round(columns - known[rows, columns] + shift).astype(int)
        inside = (to >= 0) & (to < 368)
        return np.abs(left[rows, columns] - right[rows, to.clip(0, 367)])[inside].mean()

    assert difference(0) < 0.6 * min(difference(-4), difference(4))
    meters = task.depth(true, **{n: pair["camera"][n] for n in ("focal", "baseline", "offset")})
    near, far = np.quantile(np.asarray(meters)[np.isfinite(true)] / 1000, (0, 1))
    assert 2 < near < 2.3  # focal length 995 px, baseline 0.193 m: 192 / (60 + 31) and (7 + 31)
    assert 4.5 < far < 5.2


def test_points_are_read_back_from_the_file(tmp_path):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(50, 3)).astype(np.float32)
    colors = rng.integers(0, 256, (50, 3)).astype(np.uint8)
    point_cloud.write(tmp_path / "points.ply", points, colors)
    head, _, data = (tmp_path / "points.ply").read_bytes().partition(b"end_header\n")
    lines = head.decode("ascii").splitlines()
    assert lines[:3] == ["ply", "format binary_little_endian 1.0", "element vertex 50"]
    sizes = {"float": "<f4", "uchar": "u1"}
    fields = [line.split()[1:] for line in lines[3:]]
    read = np.frombuffer(data, [(name, sizes[kind]) for kind, name in fields])
    assert read.dtype.names == ("x", "y", "z", "red", "green", "blue")
    np.testing.assert_array_equal(np.stack([read[n] for n in "xyz"], -1), points)
    np.testing.assert_array_equal(np.stack([read[n] for n in ("red", "green", "blue")], -1), colors)


def test_from_the_side_the_nearer_point_is_seen_and_moves():
    near, far = 1.0, 3.0
    pivot = 2 * near * far / (near + far)
    red, blue = np.uint8([255, 0, 0]), np.uint8([0, 0, 255])

    def place(point, color):
        picture = point_cloud.from_the_side(np.float32([point]), color[None], 1.0, near, far)
        return np.argwhere((picture == color).all(-1)).mean(0)

    height, width = point_cloud.SIZE
    np.testing.assert_allclose(place([0, 0, pivot], red), [height / 2 + 0.5, width / 2 + 0.5])
    assert place([0, 0, far], red)[1] > width / 2 + 20 > place([0, 0, near], red)[1] + 20
    both = np.float32([[0, 0, pivot], [0, 0, pivot]])
    turn = np.deg2rad(point_cloud.TURN)  # a point behind, on the turned camera's axis
    both[1] += np.float32([-np.sin(turn), 0, np.cos(turn)])
    picture = point_cloud.from_the_side(both, np.stack([red, blue]), 1.0, near, far)
    assert (picture == red).all(-1).sum() == 4
    assert not (picture == blue).all(-1).any()


def test_the_best_block_matching_is_the_one_with_the_smallest_error():
    rng = np.random.default_rng(0)
    right = rng.integers(0, 256, (1, 12, 40, 3)).astype(np.uint8)
    pair = {"image": np.stack([np.roll(right, 5, 2), right], 1)}
    pair["disparity"] = np.full((1, 12, 40), 5, np.float32)
    found, how = block_matching.best(pair, 8, (3, 5))
    assert how.endswith("checked and filled")
    assert (found == 5).all()
