"""Restoration: PSNR against scikit-image, noise by counting, scaling by its formula and Pillow."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import skimage.color
import skimage.metrics
from PIL import Image

from cnn_jax.tasks import restoration

RNG = np.random.default_rng(0)
CLEAN = RNG.uniform(size=(3, 24, 36, 2)).astype(np.float32)
OUTPUTS = (CLEAN + RNG.normal(0, [[[[0.01]]], [[[0.1]]], [[[1.0]]]], CLEAN.shape)).astype(
    np.float32
)


def keys(distance):
    """Keys' kernel, a = -1/2, one number at a time."""
    d = abs(distance)
    if d <= 1:
        return 1.5 * d**3 - 2.5 * d**2 + 1
    return -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2 if d < 2 else 0.0


def resized(n, out):
    """The matrix (out, n) of MATLAB's imresize on an axis of n numbers."""
    ratio = out / n
    width = max(1 / ratio, 1)  # of the kernel: wider when the image becomes smaller
    matrix = np.zeros((out, n))
    for p in range(out):
        u = (p + 0.5) / ratio - 0.5
        places = range(int(np.floor(u - 2 * width)) - 1, int(np.ceil(u + 2 * width)) + 2)
        weights = np.array([keys((place - u) / width) for place in places])
        for place, weight in zip(places, weights / weights.sum()):
            mirrored = place % (2 * n)
            matrix[p, min(mirrored, 2 * n - 1 - mirrored)] += weight
    return matrix


@pytest.mark.parametrize("crop", [0, 3])
@pytest.mark.parametrize("peak", [1.0, 2])
def test_psnr_is_that_of_scikit_image(crop, peak):
    found = jax.jit(lambda a, b: restoration.psnr(a, b, peak=peak, crop=crop))(OUTPUTS, CLEAN)
    inside = (slice(crop, 24 - crop), slice(crop, 36 - crop))
    for value, a, b in zip(found, OUTPUTS.astype(float), CLEAN.astype(float)):
        expected = skimage.metrics.peak_signal_noise_ratio(b[inside], a[inside], data_range=peak)
        assert float(value) == pytest.approx(expected, abs=1e-5)


def test_equal_images_have_an_infinite_psnr():
    assert np.isposinf(restoration.psnr(CLEAN, CLEAN)).all()


@pytest.mark.parametrize("crop", [0, 2])
@pytest.mark.parametrize(("error", "power"), [("mse", 2), ("l1", 1)])
def test_the_loss_is_a_mean_of_each_image(error, power, crop):
    batch = {"clean": jnp.asarray(CLEAN)}
    losses, others = restoration.loss(error, crop=crop)(jnp.asarray(OUTPUTS), batch)
    difference = np.abs(OUTPUTS.astype(float) - CLEAN)[:, crop : 24 - crop, crop : 36 - crop]
    np.testing.assert_allclose(losses, (difference**power).mean((1, 2, 3)), rtol=1e-5)
    np.testing.assert_array_equal(others["psnr"], restoration.psnr(OUTPUTS, CLEAN, crop=crop))


@pytest.mark.parametrize("sigma", [15, 25.0, 50])
def test_noise_has_the_deviation_that_is_asked_for(sigma):
    clean = jnp.full((4, 64, 64, 3), 0.5)
    added = np.asarray(restoration.noise(jax.random.key(0), clean, sigma) - clean) * 255 / sigma
    n = added.size
    assert abs(added.mean()) < 5 / n**0.5
    assert abs(added.std() - 1) < 5 / (2 * n) ** 0.5
    assert abs((np.abs(added) < 1).mean() - 0.6827) < 0.01  # Gaussian
    assert abs((added[:, 1:] * added[:, :-1]).mean()) < 5 / n**0.5  # white
    assert abs((added[0] * added[1]).mean()) < 10 / n**0.5  # each image its own


def test_each_image_draws_its_own_level():
    clean = jnp.zeros((400, 16, 16, 1))
    noisy = restoration.noise(jax.random.key(1), clean, (5, 55))
    levels = np.asarray(noisy).std((1, 2, 3)) * 255
    assert levels.min() > 3
    assert levels.max() < 65
    assert abs(levels.mean() - 30) < 5 * 50 / 12**0.5 / 20  # uniform in [5, 55]
    assert abs(levels.std() - 50 / 12**0.5) < 2.5
    again = restoration.noise(jax.random.key(1), clean, (5, 55))
    np.testing.assert_array_equal(noisy, again)


def test_all_positions_are_seen_and_turned_back():
    image = jax.random.uniform(jax.random.key(0), (2, 4, 6, 3))
    seen = []

    def twice_as_large(images):
        seen.append(images)
        return jnp.repeat(jnp.repeat(images, 2, axis=1), 2, axis=2)

    found = restoration.in_all_positions(twice_as_large, image)
    np.testing.assert_allclose(found, twice_as_large(image), rtol=1e-6)
    assert len({np.asarray(position).tobytes() for position in seen}) == 8
    # By hand: what is added to the first row of a square comes back to each of its edges, twice.
    square = jnp.zeros((1, 3, 3, 1))
    found = restoration.in_all_positions(lambda x: x.at[:, 0].add(8), square)
    np.testing.assert_allclose(found[0, ..., 0], [[4, 2, 4], [2, 0, 2], [4, 2, 4]])


def test_no_noise_changes_nothing():
    np.testing.assert_array_equal(restoration.noise(jax.random.key(0), CLEAN, 0), CLEAN)


def test_luma_is_that_of_scikit_image():
    rgb = RNG.uniform(size=(2, 8, 9, 3)).astype(np.float32)
    expected = skimage.color.rgb2ycbcr(rgb.astype(float))[..., :1] / 255
    np.testing.assert_allclose(restoration.luma(rgb), expected, atol=1e-6)
    np.testing.assert_array_equal(restoration.luma(rgb[..., :1]), rgb[..., :1])


@pytest.mark.parametrize("scale", [1, 2, 3, 4, 5])
def test_scaling_by_its_formula(scale):
    x = RNG.uniform(size=(2, 6 * scale, 5 * scale, 3)).astype(np.float32)
    rows, columns = resized(6 * scale, 6), resized(5 * scale, 5)
    expected = np.einsum("ph,qw,nhwc->npqc", rows, columns, x.astype(float))
    small = restoration.downscale(x, scale)
    np.testing.assert_allclose(small, expected, atol=2e-6)
    rows, columns = resized(6, 6 * scale), resized(5, 5 * scale)
    expected = np.einsum("ph,qw,nhwc->npqc", rows, columns, np.asarray(small, float))
    np.testing.assert_allclose(restoration.upscale(small, scale), expected, atol=2e-6)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_scaling_is_that_of_pillow_inside(scale):
    x = RNG.uniform(size=(1, 10 * scale, 12 * scale, 1)).astype(np.float32)
    for found, size in (
        (restoration.downscale(x, scale), (12, 10)),
        (restoration.upscale(x, scale), (12 * scale**2, 10 * scale**2)),
    ):
        theirs = np.asarray(Image.fromarray(x[0, ..., 0]).resize(size, Image.Resampling.BICUBIC))
        edge = 2 * scale if size[0] > 12 else 2
        inside = (slice(edge, -edge), slice(edge, -edge))
        np.testing.assert_allclose(found[0, ..., 0][inside], theirs[inside], atol=2e-6)


def test_a_constant_stays_and_a_ramp_stays_one():
    flat = jnp.full((1, 12, 12, 1), 0.3)
    np.testing.assert_allclose(restoration.downscale(flat, 4), 0.3, atol=1e-6)
    np.testing.assert_allclose(restoration.upscale(flat, 3), 0.3, atol=1e-6)
    ramp = jnp.broadcast_to(jnp.arange(24.0)[:, None, None], (1, 24, 12, 1)) / 24
    small = restoration.downscale(ramp, 3)[0, 2:-2, 2, 0]
    np.testing.assert_allclose(jnp.diff(small), 3 / 24, atol=1e-5)


def test_as_an_8_bit_file_holds_it():
    stored = np.asarray(restoration.as_stored(OUTPUTS)) * 255
    np.testing.assert_allclose(stored, np.round(np.clip(OUTPUTS, 0, 1) * 255), atol=1e-4)


X = jnp.zeros((1, 8, 8, 1))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: restoration.loss("l2"), ValueError, "`error` must be one of 'mse', 'l1'"),
        (lambda: restoration.loss(crop=-1), ValueError, "`crop` must be an int of at least 0"),
        (lambda: restoration.psnr(X, X[:, 1:]), ValueError, "`outputs` and `clean` must have one"),
        (lambda: restoration.psnr(X, X, crop=4), ValueError, "`crop` must leave something of"),
        (
            lambda: restoration.psnr(X, X, peak=0),
            ValueError,
            "`peak` must be a finite number above 0",
        ),
        (lambda: restoration.psnr(X[0], X[0]), ValueError, "`outputs` must be floats (n, height"),
        (lambda: restoration.noise(jax.random.key(0), X, -1), ValueError, "`sigma` must be"),
        (lambda: restoration.noise(jax.random.key(0), X, (9, 3)), ValueError, "`sigma` must be"),
        (lambda: restoration.noise(jax.random.key(0), X, (1, 2, 3)), ValueError, "a pair (low, hi"),
        (lambda: restoration.noise(jax.random.key(0), X, "a"), TypeError, "`sigma` must be"),
        (
            lambda: restoration.noise(jax.random.key(0), X.astype(jnp.uint8), 25),
            ValueError,
            "`images` must be floats (n, height, width, channels), in [0, 1]; got uint8",
        ),
        (lambda: restoration.downscale(X, 3), ValueError, "`scale` must divide the height and"),
        (lambda: restoration.downscale(X, 2.0), TypeError, "`scale` must be a positive int"),
        (lambda: restoration.upscale(X, 0), ValueError, "`scale` must be a positive int; got 0."),
        (lambda: restoration.luma(X[..., [0, 0]]), ValueError, "`images` must have 1 or 3"),
    ],
)
def test_mistakes_are_told(call, error, text):
    with pytest.raises(error, match=re.escape(text)):
        call()
