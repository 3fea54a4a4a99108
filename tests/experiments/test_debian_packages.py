"""Real pictures of Debian's packages: read where they are installed, here out of tiny copies."""

import jax
import numpy as np
import pytest
from PIL import Image

from cnn_jax.tasks import homography
from experiments import detect
from experiments.data import (
    debian_packages,
    graffiti,
    real_faces,
    real_pairs,
    real_sets,
    real_videos,
)
from experiments.running.options import RunError

OPENCV, VISP = debian_packages.OPENCV, debian_packages.VISP


@pytest.fixture
def opencv(tmp_path, monkeypatch):
    """The package's folder, to be filled."""
    monkeypatch.setattr(debian_packages, "OPENCV", OPENCV._replace(folder=tmp_path))
    return tmp_path


def needs(package, *names):
    if package.files(*names) is None:
        pytest.skip(f"{package.name} is not installed")


def test_a_package_has_all_files_or_none(opencv):
    (opencv / "a.txt").write_text("a")
    assert debian_packages.OPENCV.files("a.txt") == [opencv / "a.txt"]
    assert debian_packages.OPENCV.files("a.txt", "b.txt") is None
    assert debian_packages.OPENCV.absent("b") == (
        "not found: b, in Debian's package opencv-doc (apt install opencv-doc)"
    )


def difference(pair, shift):
    """How unlike the views are where the disparities, and a shift more, say they are alike."""
    left, right = pair["image"][0].astype(float)
    true = pair["disparity"][0]
    rows, columns = np.nonzero(np.isfinite(true))
    to = np.round(columns - true[rows, columns] + shift).astype(int)
    inside = (to >= 0) & (to < left.shape[1])
    return np.abs(left[rows, columns] - right[rows, to.clip(0, left.shape[1] - 1)])[inside].mean()


def test_aloe_is_scaled_until_its_disparities_fit(opencv):
    assert real_pairs.aloe(30) is None
    views = np.random.default_rng(0).integers(0, 256, (80, 120, 3), np.uint8)
    views = np.asarray(Image.fromarray(views[::4, ::4]).resize((120, 80), Image.Resampling.BICUBIC))
    stored = np.full((80, 120), 16, np.uint8)
    stored[:, :8] = 0  # unknown
    for name, pixels in zip(real_pairs.ALOE, (views, np.roll(views, -16, 1), stored)):
        Image.fromarray(pixels).save(opencv / name, quality=95)
    pair = real_pairs.aloe(15, multiple=16)
    assert pair["image"].shape == (1, 2, 32, 48, 3)
    assert np.unique(pair["disparity"]).tolist() == [8, np.inf]
    assert difference(pair, 0) < 0.3 * min(difference(pair, 3), difference(pair, -3))


def test_the_real_aloe(monkeypatch):
    needs(OPENCV, *real_pairs.ALOE)
    monkeypatch.setattr(debian_packages, "OPENCV", OPENCV)
    pair = real_pairs.aloe(30, multiple=8)
    assert pair["image"].shape == (1, 2, 136, 160, 3)
    true = pair["disparity"]
    assert 25 < true[np.isfinite(true)].max() <= 211 / 8
    assert difference(pair, 0) < 0.6 * min(difference(pair, 4), difference(pair, -4))


def test_a_cube_before_the_camera_is_where_its_pose_says():
    straight = np.array([real_videos.SIDE / 2, -real_videos.SIDE / 2, 0.5, 0, 0, 0])
    top, left, bottom, right = real_videos.around(straight)
    near = np.array(real_videos.FOCAL) * real_videos.SIDE / 0.5
    np.testing.assert_allclose((bottom - top, right - left), near)
    middle = np.array([top + bottom, left + right]) / 2
    np.testing.assert_allclose(middle, np.array(real_videos.CENTER) + 0.5)
    turned = real_videos.around(np.array([0, 0, 0.5, 0, 0, np.pi]))
    assert turned[2] < real_videos.CENTER[0] + 1  # half a turn: from below to above
    assert turned[1] > real_videos.CENTER[1] - 1


def test_the_real_video_of_a_cube(monkeypatch):
    needs(VISP, real_videos.POSE)
    assert real_videos.cube() is None
    monkeypatch.setattr(debian_packages, "VISP", VISP)
    found = real_videos.cube(step=50)
    assert found["frames"].shape == (5, 240, 320, 3)
    # The cube has a pattern, and the paper around it none.
    top, left, bottom, right = found["box"].round().astype(int)
    first = found["frames"][0, ..., 0].astype(float)
    steps = np.abs(np.diff(first, axis=1))
    middle = steps[top + 15 : bottom - 15, left + 15 : right - 15].mean()
    assert middle > 3 * steps[top:bottom, right + 5 : right + 30].mean()


@pytest.fixture
def photograph(tmp_path, monkeypatch):
    """A dark one of the size of the real one, with white squares as faces."""
    places = [(300 + 60 * n, 100 + 130 * n, 48 + 4 * n) for n in range(4)]
    places += [(350 + 60 * n, 700 + 130 * n, 56 - 4 * n) for n in range(4)]
    pixels, lines = np.full((926, 1280), 60, np.uint8), []
    for number, (top, left, side) in enumerate([*places, (10, 10, 90)]):  # the last is no face
        bottom, right = top + side, left + side
        pixels[top:bottom, left:right] = 250
        corners = ((top, left), (top, right), (bottom, left), (bottom, right))
        lines += [f"detection_{number}", *(f"{row} {column}" for row, column in corners)]
    image, boxes = (tmp_path / name for name in real_faces.FILES)
    image.parent.mkdir()
    Image.fromarray(pixels).save(image)
    boxes.write_text("\n".join(lines))
    monkeypatch.setattr(debian_packages, "VISP", VISP._replace(folder=tmp_path))
    return places


def test_faces_on_one_side_are_held_out(photograph):
    found = real_sets.boxes(detect.Config(data="faces", size=64), 512)
    assert found.names == ("face",)
    assert found.train["image"].shape == (2048, 64, 64, 3)
    sides = {}
    for name, truth in (("train", found.train), ("truth", found.truth)):
        boxes, valid = truth["boxes"], truth["boxes_valid"]
        assert 0 < valid.any(1).mean() < 1
        assert (boxes >= 0).all()
        assert (boxes <= 64).all()
        whole = valid & (boxes[..., :2] > 0).all(-1) & (boxes[..., 2:] < 64).all(-1)
        sides[name] = set((boxes[..., 2] - boxes[..., 0])[whole])
        for image, of_image, counts in zip(truth["image"][:40], boxes, valid):
            seen = np.zeros((64, 64), bool)
            for top, left, bottom, right in of_image[counts].astype(int):
                seen[top:bottom, left:right] = True
            assert (image[seen] == 250).all()
    assert sides == {"train": {24, 26, 28, 30}, "truth": {22, 24, 26, 28}}
    assert found.some(None, 5)["image"].shape == (5, 64, 64, 3)
    new = found.new({n: v[:8] for n, v in found.train.items()}, jax.random.key(0))
    assert new["boxes_valid"].any()


def test_the_real_faces(monkeypatch):
    config = detect.Config(data="faces")
    text = "not found: a photograph, for `--data faces`, in Debian's package visp-images-data"
    with pytest.raises(RunError, match=text):
        real_sets.boxes(config, 512)
    needs(VISP, *real_faces.FILES)
    monkeypatch.setattr(debian_packages, "VISP", VISP)
    _, faces = real_faces.read()
    border = real_faces.BORDER / real_faces.SHRINK
    assert ((faces[:, 3] <= border).sum(), (faces[:, 1] >= border).sum()) == (14, 15)
    assert real_sets.boxes(config, 512).truth["image"].shape == (104, 64, 64, 3)
    with pytest.raises(RunError, match=r"`--batch-size` must be in \[1, 104\], the windows of a s"):
        real_sets.boxes(detect.Config(data="faces", batch_size=105), 512)


def waves(rows, columns):
    bent = np.sin(rows / 5 + np.sin(columns / 9))
    return 127 + 60 * bent + 60 * np.cos(columns / 7 - rows / 30)


def test_second_views_are_what_the_other_photograph_shows(opencv):
    assert graffiti.graffiti(4, size=32, reach=8, short=100) is None
    between = np.array([[0.9, 0.1, 6], [-0.05, 1.1, -3], [1e-4, 2e-4, 1]])  # of points (x, y)
    first = waves(*(np.mgrid[:200, :260] + 0.5))
    axes = np.mgrid[:200, :260][::-1].reshape(2, -1)
    x, y, w = np.linalg.inv(between) @ np.concatenate([axes, np.ones((1, axes.shape[1]))])
    second = waves(y / w + 0.5, x / w + 0.5).reshape(200, 260)
    for name, pixels in (("graf1.png", first), ("graf3.png", second)):
        Image.fromarray(pixels.round().astype(np.uint8)).save(opencv / name)
    numbers = " ".join(map(str, between.ravel()))
    (opencv / "H1to3p.xml").write_text(f"<H13><rows>3</rows><data>\n {numbers}</data></H13>")
    for short, limit in ((200, 3), (100, 5)):  # as it is, and half as large
        found = graffiti.graffiti(4, size=48, reach=12, short=short)
        assert found["first"].shape == found["second"].shape == (4, 48, 48, 1)
        assert found["scene"].shape == (4, 72, 72, 1)
        np.testing.assert_array_equal(found["scene"][:, 12:60, 12:60], found["first"])
        assert 8 < np.abs(found["corners"]).max() <= 12
        moves = homography.from_corners(found["corners"], 48)
        shown = np.asarray(homography.warp(found["first"].astype(np.float32), moves))
        away = np.abs(shown - found["second"])[shown > 0]  # where the first view shows it, too
        assert np.median(away) < limit
        assert np.abs(found["first"].astype(float) - found["second"]).mean() > 5 * limit


def test_the_real_graffiti(monkeypatch):
    needs(OPENCV, *graffiti.FILES)
    monkeypatch.setattr(debian_packages, "OPENCV", OPENCV)
    found = graffiti.graffiti(64, size=128, reach=32.0, short=240)
    moves = homography.from_corners(found["corners"], 128)
    shown = np.asarray(homography.warp(found["first"].astype(np.float32), moves))
    away = np.abs(shown - found["second"])[shown > 0].mean()
    assert away < 0.25 * np.abs(found["first"].astype(float) - found["second"]).mean()
