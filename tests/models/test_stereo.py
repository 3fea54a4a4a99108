"""Stereo: the numbers of its table, what its volume and its soft argmin compute, mistakes."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax import models
from cnn_jax.models.stereo import soft_argmin, volume

from .networks import abstract, filled, images, maps, parameters, shapes

TABLE = {
    "conv1": (1_848, (2, 32, 64, 24)),
    "conv2": (5_232, (2, 32, 64, 24)),
    "conv3": (5_232, (2, 32, 64, 24)),
    "features": (6_944, (2, 32, 64, 32)),
    "volume": (0, (16, 32, 64, 4)),
    "match": (880, (16, 32, 64, 8)),
    "down1": (3_488, (8, 16, 32, 16)),
    "down2": (13_888, (4, 8, 16, 32)),
    "deep": (27_712, (4, 8, 16, 32)),
    "up2": (32_784, (8, 16, 32, 16)),
    "up1": (8_200, (16, 32, 64, 8)),
    "scores": (217, (16, 32, 64)),
    "coarse": (0, (32, 64)),
    "refine1": (9_536, (32, 64, 32)),
    "refine2": (9_248, (32, 64, 32)),
    "refine3": (9_248, (32, 64, 32)),
    "disparity": (1_156, (64, 128)),
}


def test_parameters_and_shapes_of_the_table():
    model = abstract(models.stereo)
    assert shapes(model, 2, 64, 128, 3) == {name: shape for name, (_, shape) in TABLE.items()}
    for name, (count, _) in TABLE.items():
        assert not count or parameters(model, name) == count, name
    assert parameters(model) == sum(count for count, _ in TABLE.values()) == 135_613


def test_wider_deeper_and_gray():
    wide = abstract(models.stereo, width=16)
    assert parameters(wide, "deep") == 27 * 64 * 64 + 2 * 64
    assert parameters(abstract(models.stereo, in_channels=1), "conv1") == 25 * 24 + 48
    far = abstract(models.stereo, max_disparity=64)
    assert shapes(far, 2, 16, 16, 3)["scores"] == (32, 8, 8)
    assert parameters(far) == 135_613


@pytest.mark.parametrize("groups", [1, 2])
def test_the_volume_by_its_formula(groups):
    left, right = images(2, 3, 4, 7, 6), images(2, 3, 4, 7, 6, seed=1)
    found = jax.jit(lambda a, b: volume(a, b, 5, groups))(left, right)
    expected = np.zeros((2, 3, 5, 4, 7, groups))
    for k in range(5):
        for column in range(k, 7):
            product = left[..., column, :] * right[..., column - k, :]
            expected[:, :, k, :, column] = product.reshape(2, 3, 4, groups, -1).mean(-1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_soft_argmin_is_a_mean_of_shifts():
    scores = 3 * images(2, 5, 3, 4)
    weights = np.exp(scores.astype(np.float64))
    expected = (weights * np.arange(5)[:, None, None]).sum(1) / weights.sum(1)
    np.testing.assert_allclose(soft_argmin(jnp.asarray(scores)), expected, rtol=1e-5)


def test_a_moved_view_is_matched_at_its_shift():
    """With the scores that the volume itself would give, the soft argmin is the true shift."""
    right = images(1, 8, 40, 64)
    left = np.roll(right, 3, axis=2)
    scores = 30 * volume(jnp.asarray(left), jnp.asarray(right), 8)[..., 0]
    np.testing.assert_allclose(soft_argmin(scores)[:, :, 8:], 3, atol=0.01)


def test_both_views_go_through_the_same_layers():
    model = filled(models.stereo, max_disparity=8, width=1)
    model.eval()
    x = images(1, 2, 8, 16, 3)
    for stage in ("conv1", "features"):
        one, other = (np.asarray(maps(model, v)[stage]) for v in (x, x[:, ::-1]))
        np.testing.assert_allclose(one, other[:, ::-1], atol=1e-6)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: abstract(models.stereo, max_disparity=12), "`max_disparity` must be a multiple"),
        (lambda: abstract(models.stereo, width=0), "`width` must be a positive int; got 0."),
        (lambda: abstract(models.stereo, norm="layer"), "`norm` must be one of 'batch', 'group'"),
        (lambda: shapes(abstract(models.stereo), 2, 16, 16, 1), "`images` must be (*batch, height"),
        (lambda: shapes(abstract(models.stereo), 3, 16, 16, 3), "`images` must be pairs of views"),
        (lambda: shapes(abstract(models.stereo), 16, 16, 3), "`images` must be pairs of views"),
        (lambda: shapes(abstract(models.stereo), 2, 16, 20, 3), "multiples of 8; got (16, 20)."),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(call, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        call()
