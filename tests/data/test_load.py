"""`load`: its names, its errors, and the set that comes with the package."""

import subprocess
import sys
from importlib import resources

import numpy as np
import pytest

import cnn_jax.data as data

COUNTS = {"train": 6000, "test": 1000}


@pytest.mark.parametrize(("split", "n"), COUNTS.items())
def test_small(split, n):
    dataset = data.load("fashion_mnist_small", split)
    assert dataset.images.shape == (n, 28, 28, 1)
    assert dataset.images.dtype == np.uint8
    assert dataset.labels.shape == (n,)
    assert dataset.labels.dtype == np.int32
    assert len(dataset) == n
    assert len(dataset.classes) == 10
    # Every class has its share (10 % +- 2), and the pictures use the whole range of gray.
    shares = np.bincount(dataset.labels, minlength=10) / n
    assert ((shares > 0.08) & (shares < 0.12)).all()
    assert (dataset.images.min(), dataset.images.max()) == (0, 255)


def test_each_load_is_the_callers_own():
    first = data.load("fashion_mnist_small", "test")
    first.images[:] = 0
    assert data.load("fashion_mnist_small", "test").images.any()


def test_small_fits_in_the_wheel_with_its_notice():
    folder = resources.files("cnn_jax.data.fashion_mnist")
    files = list((folder / "small").iterdir())
    assert len(files) == 4
    assert sum(len(file.read_bytes()) for file in files) <= 4_000_000
    notice = (folder / "LICENSE").read_text()
    assert "2017 Zalando SE" in notice
    assert "The above copyright notice" in notice


WRONG_CALLS = {
    "close name": (
        ("fashion-mnist", "train"),
        {},
        ValueError,
        r"`name` must be one of 'fashion_mnist_small', 'fashion_mnist', .*; got 'fashion-mnist'\. "
        r"Did you mean 'fashion_mnist'\?",
    ),
    "far name": (("zebra", "train"), {}, ValueError, r"got 'zebra'\.$"),
    "array as name": (
        (np.array(["fashion_mnist", "other"]), "train"),
        {},
        ValueError,
        r"`name` must be one of .* got an array of <U13\[2\]\.",
    ),
    "array as split": (
        ("fashion_mnist", np.arange(3)),
        {},
        ValueError,
        r"`split` must be one of .* got an array of int64\[3\]\.",
    ),
    "array as folder": (
        ("fashion_mnist", "train"),
        {"folder": np.arange(3)},
        TypeError,
        r"`folder` must be a path; got an array of int64\[3\]\.",
    ),
    "huge": ((10**5000, "train"), {}, ValueError, "`name` must be one of .* got an int of"),
    "bytes": ((b"fashion_mnist", "train"), {}, ValueError, "`name` must be one of .* got b'fash"),
    "no name": ((None, "train"), {}, ValueError, "`name` must be one of .* got None"),
    "capital split": (
        ("fashion_mnist_small", "Train"),
        {},
        ValueError,
        r"`split` must be one of 'train', 'test'; got 'Train'\. Did you mean 'train'\?",
    ),
    "slice": (("fashion_mnist", "train[:10%]"), {}, ValueError, "`split` must be one of"),
    "unhashable": (("fashion_mnist", ["train"]), {}, ValueError, "`split` must be one of"),
    "folder for small": (
        ("fashion_mnist_small", "test"),
        {"folder": "/data"},
        ValueError,
        "`folder` is only for 'fashion_mnist'",
    ),
    "folder not a path": (
        ("fashion_mnist", "test"),
        {"folder": 3},
        TypeError,
        "`folder` must be a path; got 3",
    ),
    "no such folder": (
        ("fashion_mnist", "test"),
        {"folder": "/nowhere"},
        FileNotFoundError,
        "`folder` must hold the four files of Fashion-MNIST; /nowhere lacks train-images-idx3",
    ),
}


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"), WRONG_CALLS.values(), ids=WRONG_CALLS
)
def test_wrong_calls(arguments, options, error, message):
    with pytest.raises(error, match=message):
        data.load(*arguments, **options)


def test_the_small_set_does_without_tfds():
    code = (
        "import sys, cnn_jax.data as d; d.load('fashion_mnist_small', 'test');"
        "sys.exit(any(name in sys.modules for name in ('tensorflow_datasets', 'jax', 'tyro')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
