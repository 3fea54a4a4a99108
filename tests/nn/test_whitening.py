"""`nn.whitening`: filters whose outputs on the images are uncorrelated, the strongest first."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax import data, nn


def outputs(images, window, filters, **options):
    init = nn.whitening(images, **options)
    kernel_size = (window,) * (images.ndim - 2)
    channels = images.shape[-1]
    conv = nn.Conv(channels, filters, kernel_size, kernel_init=init, rngs=nnx.Rngs(0))
    return np.asarray(conv(jnp.asarray(images)), np.float64).reshape(-1, filters)


@pytest.mark.parametrize(
    ("shape", "window"), [((60, 9, 8, 3), 2), ((60, 9, 8, 1), 3), ((99, 30, 2), 4)]
)
def test_outputs_are_uncorrelated_of_unit_power_and_in_pairs(shape, window):
    rng = np.random.default_rng(0)
    images = np.cumsum(rng.normal(size=shape), axis=1).astype(np.float32)  # with correlations
    half = window ** (len(shape) - 2) * shape[-1]
    y = outputs(images, window, 2 * half, epsilon=1e-9)
    np.testing.assert_allclose(y[:, :half].T @ y[:, :half] / len(y), np.eye(half), atol=0.01)
    np.testing.assert_array_equal(y[:, half:], -y[:, :half])


def test_the_strongest_patterns_come_first_and_weak_ones_are_bounded():
    images = data.load("fashion_mnist_small", "train").images[:500].astype(np.float32) / 255
    kernel = nn.whitening(images, epsilon=0.1)(None, (3, 3, 1, 18))
    assert kernel.dtype == jnp.float32
    flat = np.asarray(kernel).reshape(9, 18)[:, :9]
    norms = np.linalg.norm(flat, axis=0)
    assert (np.diff(norms) > 0).all()  # the weaker the pattern, the more it is amplified
    assert norms[-1] < 0.1**-0.5
    assert (flat[:, 0] * flat[0, 0] > 0).all()  # the strongest is the mean of the patch
    two = nn.whitening(images, epsilon=0.1)(None, (3, 3, 1, 4))[..., :2]
    np.testing.assert_array_equal(two, kernel[..., :2])


def test_the_key_does_not_matter():
    images = np.random.default_rng(1).normal(size=(300, 5, 5, 2)).astype(np.float32)
    init = nn.whitening(images)
    np.testing.assert_array_equal(
        init(jax.random.key(0), (2, 2, 2, 16)), init(jax.random.key(1), (2, 2, 2, 16))
    )


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ((2, 2, 3, 8), "`shape` must be that of a kernel for images (9, 5, 5, 2)"),
        ((2, 2, 8), "`shape` must be that of a kernel"),
        ((2, 2, 2, 7), "an even number of filters, at most 16, twice the numbers in a patch"),
        ((2, 2, 2, 18), "at most 16"),
    ],
)
def test_wrong_shapes_are_refused(shape, text):
    init = nn.whitening(np.ones((9, 5, 5, 2), np.float32))
    with pytest.raises(ValueError, match=re.escape(text)):
        init(None, shape)


def test_images_must_be_floats():
    with pytest.raises(ValueError, match=r"`images` must be floats .*uint8\[9, 5, 5, 2\]"):
        nn.whitening(np.ones((9, 5, 5, 2), np.uint8))
