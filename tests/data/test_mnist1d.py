"""MNIST-1D: each stage against NumPy and SciPy, and the signals against those published."""

import hashlib
import pickle
import subprocess
import sys

import numpy as np
import pytest

from cnn_jax import data
from cnn_jax.data import mnist1d
from cnn_jax.data._sheet import sheet
from cnn_jax.data.mnist1d import _made, _stages
from cnn_jax.data.mnist1d._templates import templates

# SHA-256 of the signals that the authors published (mnist1d_data.pkl), in thousandths, as int32.
PUBLISHED = {
    "train": "cda2a913a24073e938879d857223c3125833a25eaffac3d0291ca30b0ed9a38f",
    "test": "b4a4914084de10d2dc9db9ae17799468f2674951adc1f436fde9d27cbd41fc53",
}
# The first values of the first signal, as in that file.
FIRST = {
    "train": [
        -0.33200566736939019,
        -0.47191036565572358,
        -0.77869707629349505,
        -1.0097408265367047,
    ],
    "test": [
        -0.078770780477328856,
        -0.21073170588642925,
        -0.091751381092394516,
        0.28267111736736455,
    ],
}
# Of each class, as published.
COUNTS = {
    "train": [398, 396, 411, 394, 394, 402, 401, 404, 402, 398],
    "test": [102, 104, 89, 106, 106, 98, 99, 96, 98, 102],
}


@pytest.fixture
def signals():
    return np.random.default_rng(0).normal(size=(6, 12))


def test_templates():
    curves = templates()
    assert curves.shape == (10, 12)
    assert (curves[:, 0] == 0).all()
    np.testing.assert_allclose(curves[:, -1], 0, atol=1e-15)  # each digit ends where it began
    np.testing.assert_allclose(curves.std(1), 1 / 6)
    assert len(np.unique(curves.round(6), axis=0)) == 10
    np.testing.assert_allclose(curves[3], curves[3][::-1], atol=1e-15)  # symmetric, as 0 and 6
    assert curves[[0, 3]].min() > -1e-15  # bent to one side only
    assert curves[[6, 8, 9]].max() < 1e-15


def test_stretched(signals):
    zeros = np.array([36, 60, 47, 36, 48, 59])
    found = _stages.stretched(signals, zeros, 72)
    for signal, count, stretched in zip(signals, zeros, found):
        padded = np.concatenate([signal, np.zeros(count)])
        right = np.interp(np.linspace(0, 1, 72), np.linspace(0, 1, len(padded)), padded)
        np.testing.assert_allclose(stretched, right, atol=1e-13)
        nothing = np.arange(72) * (len(padded) - 1) >= 12 * 71  # from the first zero on
        assert (stretched[nothing] == 0).all()
        assert (stretched[~nothing] != 0).all()


def test_moved(signals):
    steps = np.array([0, 1, 5, 11, 12, 13])
    right = [np.roll(signal, step) for signal, step in zip(signals, steps)]
    np.testing.assert_array_equal(_stages.moved(signals, steps), right)


def test_sheared(signals):
    slopes = np.linspace(-1, 1, 6)
    taken = signals - _stages.sheared(signals, slopes)
    np.testing.assert_allclose(taken[:, -1] - taken[:, 0], slopes, atol=1e-14)
    np.testing.assert_allclose(taken.mean(1), 0, atol=1e-14)
    np.testing.assert_allclose(np.diff(taken, n=2, axis=1), 0, atol=1e-14)


@pytest.mark.parametrize("sigma", [0.7, 2.0])
def test_smoothed(signals, sigma):
    filters = pytest.importorskip("scipy.ndimage")
    right = filters.gaussian_filter1d(signals, sigma, axis=1)
    np.testing.assert_allclose(_stages.smoothed(signals, sigma), right, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(_stages.smoothed(np.full((1, 12), 3.0), sigma), 3.0)


@pytest.mark.parametrize("length", [2, 12, 23, 40])
def test_resampled(signals, length):
    interpolate = pytest.importorskip("scipy.interpolate")
    right = interpolate.interp1d(np.arange(12), signals)(np.linspace(0, 11, length))
    np.testing.assert_allclose(_stages.resampled(signals, length), right, atol=1e-13)


def test_draws():
    draws = _made.drawn()
    assert set(draws.zeros) == set(range(36, 61))
    assert set(draws.steps) == set(range(48))
    for values, low, high in ((draws.scale, 0.8, 1.2), (draws.slope, -0.375, 0.375)):
        assert low <= values.min() < low + 0.01
        assert high - 0.01 < values.max() <= high
    np.testing.assert_array_equal(np.sort(draws.order), np.arange(5000))
    assert draws.noise.shape == (5000, 2, 72)
    np.testing.assert_allclose(draws.noise.std((0, 2)), 1, atol=0.01)
    again = _made.drawn()
    assert all(np.array_equal(one, other) for one, other in zip(draws, again))


@pytest.mark.parametrize(("split", "n"), [("train", 4000), ("test", 1000)])
def test_the_published_signals(split, n):
    loaded = data.load("mnist1d", split)
    assert (loaded.images.shape, loaded.images.dtype) == ((n, 40, 1), np.float32)
    assert loaded.labels.dtype == np.int32
    assert loaded.classes == tuple("0123456789")
    thousandths = np.rint(loaded.images.astype(np.float64) * 1000).astype("<i4")
    assert hashlib.sha256(thousandths.tobytes()).hexdigest() == PUBLISHED[split]
    assert np.bincount(loaded.labels).tolist() == COUNTS[split]


def test_published_values():
    """Some as the authors' file has them, to the last bit of float32; 500 of each class in all."""
    splits = {split: data.load("mnist1d", split) for split in ("train", "test")}
    for split, right in FIRST.items():
        np.testing.assert_array_equal(splits[split].images[0, :4, 0], np.float32(right))
    assert splits["train"].labels[:8].tolist() == [2, 6, 4, 5, 6, 6, 6, 0]
    assert splits["test"].labels[:8].tolist() == [2, 6, 3, 9, 4, 3, 1, 9]
    assert (np.bincount(np.concatenate([s.labels for s in splits.values()])) == 500).all()
    values = np.concatenate([s.images for s in splits.values()]).astype(np.float64)
    np.testing.assert_allclose([values.mean(), values.std()], [0, 1], atol=1e-6)


def test_shuffled_is_the_same_with_one_permutation():
    order = np.random.RandomState(42).permutation(40)
    for split in ("train", "test"):
        plain, shuffled = (data.load(name, split) for name in ("mnist1d", "mnist1d_shuffled"))
        np.testing.assert_array_equal(shuffled.images, plain.images[:, order])
        np.testing.assert_array_equal(shuffled.labels, plain.labels)
    assert data.info("mnist1d_shuffled").shape == (40, 1)


def test_each_load_is_the_callers_own():
    first = data.load("mnist1d", "test")
    first.images[:] = 0
    first.labels[:] = 0
    assert data.load("mnist1d", "test").images.any()
    example = data.source("mnist1d", "test")[0]
    example["image"][:] = 0
    assert data.source("mnist1d", "test")[0]["image"].any()
    assert not mnist1d.made("test")["image"].flags.writeable


def test_source():
    source = data.source("mnist1d", "train")
    copy = pickle.loads(pickle.dumps(source))
    assert repr(copy) == "Source(mnist1d, train: 4000 examples, 10 classes)"
    example = copy[-1]
    assert (example["image"].shape, example["image"].dtype) == ((40, 1), np.float32)
    assert example["label"].dtype == np.int32


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folder": "/data"}, "`folder` must be left out for 'mnist1d', which is made from no fi"),
        ({"size": 32}, "`size` and `channels` are for images; mnist1d has none."),
        ({"channels": 3}, "`size` and `channels` are for images; mnist1d has none."),
        ({"split": "dev"}, "`split` must be one of 'train', 'test'; got 'dev'."),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        data.load(**{"name": "mnist1d", "split": "test", **options})


def test_signals_are_drawn_as_lines():
    source = data.source("mnist1d", "test")
    figure = sheet(source, 5)
    assert [len(axes.images) for axes in figure.axes] == [0] * 5
    (line,) = figure.axes[0].lines
    np.testing.assert_array_equal(line.get_ydata(), source[0]["image"][:, 0])
    assert figure.axes[0].get_title() == "2"


def test_the_set_does_without_tfds_and_scipy():
    code = (
        "import sys, cnn_jax.data as d; d.load('mnist1d', 'test');"
        "sys.exit(any(name in sys.modules for name in ('tensorflow_datasets', 'jax', 'scipy')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
