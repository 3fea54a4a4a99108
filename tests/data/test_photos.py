"""Photographs: what is read, what is refused, and patches that are parts of them."""

import subprocess
import sys

import jax
import numpy as np
import pytest
from PIL import Image

from cnn_jax.data import DamagedFileError, photos
from cnn_jax.data.photos import _load

MARKED = [
    (1000 * number + np.arange(h * w, dtype=np.int32)).reshape(h, w, 1)
    for number, (h, w) in enumerate([(7, 9), (12, 5), (5, 5)])
]


def test_each_photograph_is_as_its_table_says():
    train, test = photos.load("train"), photos.load("test")
    assert not set(train) & set(test)
    assert set(train) | set(test) == set(photos.PHOTOGRAPHS)
    for split, found in (("train", train), ("test", test)):
        for name, pixels in found.items():
            facts = photos.PHOTOGRAPHS[name]
            assert (pixels.shape, pixels.dtype, split) == (facts.shape, np.uint8, facts.split)
            assert pixels.std() > 20  # something is on it
            assert any(word in facts.origin for word in ("CC0", "public domain", "no known"))


@pytest.mark.parametrize("channels", [1, 3])
def test_gray_and_color(channels):
    plain, changed = photos.load("test"), photos.load("test", channels=channels)
    for name, pixels in plain.items():
        made = changed[name].astype(int)
        assert made.shape == (*pixels.shape[:2], channels)
        gray = pixels.astype(float) @ [0.299, 0.587, 0.114] if pixels.shape[-1] == 3 else pixels
        expected = gray.reshape(*gray.shape[:2], 1) if channels == 1 else pixels
        assert np.abs(made - expected).max() <= 1


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"split": "tets"}, "`split` must be one of 'train', 'test'; got 'tets'. Did you mean"),
        ({"split": "test", "channels": 2}, "`channels` must be one of 1, 3; got 2."),
    ],
)
def test_wrong_options_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        photos.load(**options)


def test_files_that_are_not_as_they_should_be(tmp_path, monkeypatch):
    monkeypatch.setattr(_load, "_folder", lambda: tmp_path)
    with pytest.raises(FileNotFoundError, match=r"camera\.png is missing: install scikit-image"):
        photos.load("test")
    (tmp_path / "camera.png").write_bytes(b"no picture")
    with pytest.raises(DamagedFileError, match=r"camera\.png is damaged"):
        photos.load("test")
    Image.new("L", (3, 2)).save(tmp_path / "camera.png")
    with pytest.raises(DamagedFileError, match=r"it has \(2, 3\) pixels and not \(512, 512\)"):
        photos.load("test")


def test_without_scikit_image(monkeypatch):
    monkeypatch.setattr(_load.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match=r"pip install 'scikit-image"):
        photos.load("test")


def test_data_needs_neither_jax_nor_scikit_image():
    code = (
        "import sys; from cnn_jax import data; assert 'jax' not in sys.modules;"
        "data.photos.load('test'); assert 'skimage' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_patches_are_parts_of_the_photographs():
    patches = np.asarray(photos.crops(jax.random.key(0), MARKED, 2000, 4))
    assert patches.shape == (2000, 4, 4, 1)
    seen = set()
    for patch in patches:
        number, place = divmod(int(patch[0, 0, 0]), 1000)
        photograph = MARKED[number]
        top, left = divmod(place, photograph.shape[1])
        np.testing.assert_array_equal(patch, photograph[top : top + 4, left : left + 4])
        seen.add((number, top, left))
    # Every place is met: 4 * 6 in the first, 9 * 2 in the second, 2 * 2 in the third.
    assert len(seen) == 24 + 18 + 4


def test_each_photograph_is_equally_likely():
    patches = np.asarray(photos.crops(jax.random.key(1), MARKED, 3000, 4))
    counts = np.bincount(patches[:, 0, 0, 0] // 1000)
    assert np.abs(counts - 1000).max() < 4 * np.sqrt(1000 * 2 / 3)


def test_the_key_decides_and_jit_gives_the_same():
    one, two = (photos.crops(jax.random.key(k), MARKED, 50, 3) for k in (0, 1))
    assert not np.array_equal(one, two)
    compiled = jax.jit(lambda key: photos.crops(key, MARKED, 50, 3))(jax.random.key(0))
    np.testing.assert_array_equal(one, compiled)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (([], 3, 4), ValueError, "`photographs` must be one or more arrays"),
        ((MARKED, 3, 6), ValueError, "shortest side of `photographs`, 5; got 6"),
        ((MARKED, 0, 4), ValueError, "`count` must be a positive int; got 0"),
        ((MARKED, 3, 2.0), TypeError, "`size` must be a positive int"),
        (([*MARKED, np.zeros((9, 9, 3), np.int32)], 3, 4), ValueError, "with as many channels"),
        (([*MARKED, np.zeros((9, 9, 1), np.uint8)], 3, 4), ValueError, "and of one dtype"),
        (([np.zeros((9, 9))], 3, 4), ValueError, r"got float32 \(9, 9\)"),
    ],
)
def test_wrong_patches_are_refused(arguments, error, text):
    with pytest.raises(error, match=text):
        photos.crops(jax.random.key(0), *arguments)
