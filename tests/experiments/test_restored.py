"""What `denoise` and `superresolve` share: photographs, patches, and the same part of pictures."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax.data import photos
from experiments import denoise
from experiments.data import photographs
from experiments.running import restoring


def test_photographs_are_gray_or_luma():
    gray, luma = (photographs.photographs("test", kind) for kind in ("gray", "luma"))
    stored = photos.load("test")
    assert list(gray) == list(luma) == list(stored)
    for name, photograph in stored.items():
        assert gray[name].shape == luma[name].shape == (*photograph.shape[:2], 1)
        assert gray[name].dtype == luma[name].dtype == np.float32
    np.testing.assert_array_equal(gray["coins"] * 255, stored["coins"])
    np.testing.assert_array_equal(gray["coins"], luma["coins"])
    red, green, blue = np.moveaxis(stored["rocket"] / 255, -1, 0)
    expected = (16 + 65.481 * red + 128.553 * green + 24.966 * blue) / 255
    np.testing.assert_allclose(luma["rocket"][..., 0], expected, atol=1e-5)
    (part,) = {p.shape for p in photographs.photographs("test", "gray", smoke=True).values()}
    assert part == (96, 96, 1)


def test_no_seed_changes_the_held_out_patches():
    (train, held_out), (other, same) = (
        photographs.patches(denoise.Config(seed=seed), "gray", 8, 6, 4) for seed in (0, 1)
    )
    assert train.shape == other.shape == (6, 8, 8, 1)
    assert train.dtype == held_out.dtype == np.uint8
    np.testing.assert_array_equal(held_out, same)
    assert (train != other).any((1, 2, 3)).all()


def test_patches_are_mirrored_in_training_only():
    stored = {"clean": jnp.arange(64 * 4, dtype=jnp.uint8).reshape(64, 2, 2, 1)}
    expected = np.asarray(stored["clean"], np.float32) / 255
    np.testing.assert_allclose(restoring.clean(stored, None), expected, rtol=1e-6)
    mirrored = np.asarray(restoring.clean(stored, jax.random.key(0)))
    ordered = np.sort(mirrored.reshape(64, 4))
    np.testing.assert_allclose(ordered, expected.reshape(64, 4), rtol=1e-6)
    corners = np.round((mirrored - expected)[:, 0, 0, 0] * 255)
    assert set(corners) == {0, 1, 2, 3}


def test_halved_is_the_mean_of_four():
    photograph = np.arange(2 * 4.0).reshape(2, 4, 1)
    assert photographs.halved(photograph)[..., 0].tolist() == [[2.5, 4.5]]


def test_scores_do_not_count_the_edges():
    clean = np.random.default_rng(0).uniform(size=(32, 32))
    restored = clean.copy()
    restored[:3] = 0
    assert restoring.score(clean, restored + 0.1, crop=3).psnr == pytest.approx(20)
    assert restoring.score(clean, restored + 0.1).psnr < 20
