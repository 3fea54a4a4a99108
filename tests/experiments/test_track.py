"""`experiments.track`: what a smoke run writes, the baseline, films, and mistakes."""

import json
import re

import jax
import jax.numpy as jnp
import matplotlib.image
import numpy as np
import pytest
from PIL import Image

from cnn_jax.tasks import tracking
from experiments import track
from experiments.baselines import correlation
from experiments.data import video_files
from experiments.drawing import films
from experiments.running import following
from experiments.running.options import RunError

from .runs import check_resuming, error_of, metrics, slow

FIGURES = {"success", "precision", "success while half hidden", "success with look-alikes"}


def film(file, frames=5):
    """A bright square that moves over noise, and its box at first."""
    pictures = np.random.default_rng(0).integers(0, 60, (frames, 60, 80, 3), dtype=np.uint8)
    for time in range(frames):
        pictures[time, 20 + time : 36 + time, 10 + 2 * time : 26 + 2 * time] = (250, 120, 30)
    first, *others = (Image.fromarray(frame) for frame in pictures)
    first.save(file, save_all=True, append_images=others)
    return file, (20.0, 10.0, 36.0, 26.0)


def run(workdir, **options):
    small = {"smoke": True, "devices": 1, "algorithm": "xla", "frames": 4, "size": 48}
    return track.main(track.Config(workdir=workdir, **{**small, **options}))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("finished")
    file, box = film(workdir.parent / "film.gif")
    return run(workdir, video=file, box=box), workdir


def test_writes_everything(finished):
    result, workdir = finished
    assert {path.name for path in workdir.iterdir()} == {
        "config.json",
        "metrics.jsonl",
        "result.json",
        "weights.safetensors",
        "curves.png",
        "tracks.png",
        "tracks.gif",
        "followed.gif",
        "checkpoints",
        ".lock",
    }
    written = json.loads((workdir / "result.json").read_text())
    assert written["headline"]["name"] == "success"
    for found in (written["metrics"], written["baseline"], result.metrics, result.baseline):
        assert set(found) == FIGURES | {"scales", "window"}
        assert all(0 <= found[name] <= 1 for name in FIGURES)
    assert written["baseline"]["success"] > 0.3  # it does follow most of them
    records = metrics(workdir)
    assert result.epochs == len(records) == 2
    for picture in workdir.glob("*.png"):
        assert matplotlib.image.imread(picture)[..., :3].std() > 0.05
    for name, frames in (("tracks.gif", 4), ("followed.gif", 5)):
        with Image.open(workdir / name) as picture:
            assert picture.n_frames == frames


@slow
def test_resumes_to_the_same_bits(finished, tmp_path, monkeypatch):
    _, whole = finished
    check_resuming(track, run, whole, tmp_path, monkeypatch)


@slow
def test_eight_devices_and_our_algorithms_have_the_same_losses(finished, tmp_path):
    _, one = finished
    run(tmp_path, devices=8, algorithm="auto")
    numbers = [[m["train_loss"] for m in metrics(folder)] for folder in (one, tmp_path)]
    np.testing.assert_allclose(*numbers, rtol=1e-2)  # batch norm divides by small deviations


def test_trained_weights_are_used(finished, tmp_path):
    result, workdir = finished
    again = run(tmp_path, epochs=0, weights=workdir / "weights.safetensors")
    assert again.metrics == pytest.approx(result.metrics)


def test_the_baseline_is_the_correlation_coefficient():
    rng = np.random.default_rng(0)
    exemplars = rng.standard_normal((2, 4, 4, 3)).astype(np.float32)
    searches = 3 + rng.standard_normal((2, 2, 7, 7, 3)).astype(np.float32)
    searches[1, 0, 2:6, 1:5] = 5 * exemplars[1] - 2  # the same but for light
    respond = jax.jit(lambda z, x: correlation.respond(correlation.embed(z), x))
    found = np.asarray(respond(jnp.asarray(exemplars), jnp.asarray(searches)))
    assert found.shape == (2, 2, 4, 4)
    for n, scale, i, j in np.ndindex(found.shape):
        window = searches[n, scale, i : i + 4, j : j + 4]
        expected = np.corrcoef(window.ravel(), exemplars[n].ravel())[0, 1]
        assert found[n, scale, i, j] == pytest.approx(expected, abs=1e-4)
    assert found[1, 0, 2, 1] == pytest.approx(1, abs=1e-4)


def test_only_what_is_seen_at_first_is_followed():
    shape = (3, 4, 2)
    truth = {
        "boxes": np.zeros((*shape, 4)),
        "boxes_valid": np.ones(shape, bool),
        "visible": np.ones(shape),
        "alike": np.array([[False, True], [False, False], [False, True]]),
        "video": np.zeros((3, 4, 8, 8, 3)),
    }
    truth["visible"][0, 0, 0] = 0.5
    kept = following.first_object(truth)
    assert kept["boxes"].shape == (2, 4, 4)
    assert kept["boxes_valid"].tolist() == [[False, True, True, True]] * 2
    assert kept["alike"].tolist() == [False, True]


def test_figures_of_perfect_boxes():
    rng = np.random.default_rng(0)
    corners = np.sort(rng.random((3, 5, 2, 2)) * 60, axis=2).reshape(3, 5, 4)
    truth = {"boxes": corners, "boxes_valid": np.ones((3, 5), bool), "alike": np.ones(3, bool)}
    truth |= {"visible": np.full((3, 5), 0.2), "video": np.zeros((3, 5, 64, 64, 3))}
    values = following.figures(corners, truth)
    assert set(values) == FIGURES
    assert values.pop("precision") == 1
    assert all(value == pytest.approx(20 / 21) for value in values.values())


def test_a_large_film_is_made_smaller_first():
    pictures = np.zeros((2, 100, 200, 3), np.uint8)
    seen = []

    def follow(videos, boxes, **setting):
        seen.append((videos.shape, boxes.tolist()))
        return np.repeat(boxes[:, None], 2, 1)

    found = track.watch(pictures, (10.0, 20.0, 58.0, 68.0), follow, {})
    np.testing.assert_allclose(found, [[10, 20, 58, 68]] * 2)
    assert seen == [((1, 2, 50, 100, 3), [[5, 10, 29, 34]])]


def test_films_are_read_frame_by_frame(tmp_path):
    file, _ = film(tmp_path / "film.png")  # an animated PNG
    frames = video_files.read(file)
    assert frames.shape == (5, 60, 80, 3)
    assert frames[3, 25, 20].tolist() == [250, 120, 30]
    Image.fromarray(frames[0]).save(tmp_path / "one.png")
    with pytest.raises(RunError, match="must have two frames or more"):
        video_files.read(tmp_path / "one.png")


# imageio leaves the file open in every plugin that it tries.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_file_that_is_no_film_is_named(tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(RunError, match=re.escape("`--video`")):
        video_files.read(tmp_path / "text.mp4")


def test_overlap_of_a_marked_frame_is_drawn_where_it_is():
    picture = films.marked(np.zeros((10, 12, 3), np.uint8), {"truth": np.array([2, 3, 6, 9])}, 2)
    bright = np.asarray(picture)[..., 0] > 0
    rows, columns = np.nonzero(bright)
    box = np.array([rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]) / 2
    assert tracking.overlap(box, np.array([2.0, 3, 6, 9])) == 1
    assert not bright[6:10, 8:16].any()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--size", "32"], "`--size` must be in [48, 256]; got 32."),
        (["--frames", "1"], "`--frames` must be in [2, 256]; got 1."),
        (["--video", "a.gif"], "`--box` must be given with `--video`, and only then; got None."),
        (
            ["--video", "a.gif", "--box", "9", "0", "3", "5"],
            "`--box` must be top, left, bottom, right; got (9.0, 0.0, 3.0, 5.0).",
        ),
        (
            ["--video", "a.gif", "--box", "0", "0", "3", "5"],
            "`--video` must be a file; there is none at a.gif.",
        ),
    ],
)
def test_a_mistake_is_told_what_to_do(words, text, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    error = error_of(monkeypatch, capsys, track, words)
    assert text in " ".join(error.split())
    assert "Traceback" not in error
