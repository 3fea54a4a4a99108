"""Real pictures of Debian's packages: read where they are installed, here out of tiny copies."""

import numpy as np
import pytest
from PIL import Image

from experiments import _installed, _matched, _real_pairs, _real_videos

OPENCV, VISP = _installed.OPENCV, _installed.VISP


@pytest.fixture
def opencv(tmp_path, monkeypatch):
    """The package's folder, to be filled."""
    monkeypatch.setattr(_installed, "OPENCV", OPENCV._replace(folder=tmp_path))
    return tmp_path


def needs(package, *names):
    if package.files(*names) is None:
        pytest.skip(f"{package.name} is not installed")


def test_a_package_has_all_files_or_none(opencv):
    (opencv / "a.txt").write_text("a")
    assert _installed.OPENCV.files("a.txt") == [opencv / "a.txt"]
    assert _installed.OPENCV.files("a.txt", "b.txt") is None
    assert _installed.OPENCV.absent("b") == (
        "not found: b, in Debian's package opencv-doc (apt install opencv-doc)"
    )


def difference(pair, shift):
    """How unlike the views are where the disparities, and a shift more, say they are alike."""
    left, right = pair["image"][0].astype(float)
    true = _matched.only_seen(pair)["disparity"][0]
    rows, columns = np.nonzero(np.isfinite(true))
    to = np.round(columns - true[rows, columns] + shift).astype(int)
    inside = (to >= 0) & (to < left.shape[1])
    return np.abs(left[rows, columns] - right[rows, to.clip(0, left.shape[1] - 1)])[inside].mean()


def test_aloe_is_scaled_until_its_disparities_fit(opencv):
    assert _real_pairs.aloe(30) is None
    views = np.random.default_rng(0).integers(0, 256, (80, 120, 3), np.uint8)
    views = np.asarray(Image.fromarray(views[::4, ::4]).resize((120, 80), Image.Resampling.BICUBIC))
    stored = np.full((80, 120), 16, np.uint8)
    stored[:, :8] = 0  # unknown
    for name, pixels in zip(_real_pairs.ALOE, (views, np.roll(views, -16, 1), stored)):
        Image.fromarray(pixels).save(opencv / name, quality=95)
    for most, scale in ((15, 2), (7, 4)):
        pair = _real_pairs.aloe(most)
        assert pair["image"].shape == (1, 2, 80 // scale, 120 // scale, 3)
        assert np.unique(pair["disparity"]).tolist() == [16 / scale, np.inf]
        assert difference(pair, 0) < 0.3 * min(difference(pair, 3), difference(pair, -3))
    assert _real_pairs.aloe(7, multiple=4)["image"].shape == (1, 2, 20, 28, 3)


def test_the_real_aloe(monkeypatch):
    needs(OPENCV, *_real_pairs.ALOE)
    monkeypatch.setattr(_installed, "OPENCV", OPENCV)
    pair = _real_pairs.aloe(30, multiple=8)
    assert pair["image"].shape == (1, 2, 136, 160, 3)
    true = pair["disparity"]
    assert 25 < true[np.isfinite(true)].max() <= 211 / 8
    assert difference(pair, 0) < 0.6 * min(difference(pair, 4), difference(pair, -4))


def test_a_cube_before_the_camera_is_where_its_pose_says():
    straight = np.array([_real_videos.SIDE / 2, -_real_videos.SIDE / 2, 0.5, 0, 0, 0])
    top, left, bottom, right = _real_videos.around(straight)
    near = np.array(_real_videos.FOCAL) * _real_videos.SIDE / 0.5
    np.testing.assert_allclose((bottom - top, right - left), near)
    middle = np.array([top + bottom, left + right]) / 2
    np.testing.assert_allclose(middle, np.array(_real_videos.CENTER) + 0.5)
    turned = _real_videos.around(np.array([0, 0, 0.5, 0, 0, np.pi]))
    assert turned[2] < _real_videos.CENTER[0] + 1  # half a turn: from below to above
    assert turned[1] > _real_videos.CENTER[1] - 1


def test_the_real_video_of_a_cube(monkeypatch):
    needs(VISP, _real_videos.POSE)
    assert _real_videos.cube() is None
    monkeypatch.setattr(_installed, "VISP", VISP)
    found = _real_videos.cube(step=50)
    assert found["frames"].shape == (5, 240, 320, 3)
    # The cube has a pattern, and the paper around it none.
    top, left, bottom, right = found["box"].round().astype(int)
    first = found["frames"][0, ..., 0].astype(float)
    steps = np.abs(np.diff(first, axis=1))
    middle = steps[top + 15 : bottom - 15, left + 15 : right - 15].mean()
    assert middle > 3 * steps[top:bottom, right + 5 : right + 30].mean()
