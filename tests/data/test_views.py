"""`data.views`: the truth about a pair is what its pixels say."""

import re
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage import transform

from cnn_jax import data
from cnn_jax.data.views import views

from ..compilation import jit

SIZE, SIDE = 32, 48
SQUARE = np.array([[0.0, 0], [0, SIZE], [SIZE, SIZE], [SIZE, 0]])


def waves():
    """Two smooth photographs of other sizes, of which a bilinear view is nearly exact."""
    found = []
    for height, width, slant in ((60, 90, 0.1), (75, 50, -0.15)):
        y, x = np.mgrid[:height, :width]
        light = np.sin(0.17 * y + slant * x) + np.cos(0.11 * x - slant * y)
        found.append((127 + 50 * light).round().astype(np.uint8)[..., None])
    return found


@cache
def made(n=12, **options):
    make = jit(views(waves(), size=SIZE, **options))
    return jax.device_get(make(jax.random.split(jax.random.key(0), n)))


def test_shapes_and_dtypes():
    truth = made()
    assert {name: (v.shape, v.dtype.name) for name, v in truth.items()} == {
        "first": ((12, SIZE, SIZE, 1), "uint8"),
        "second": ((12, SIZE, SIZE, 1), "uint8"),
        "corners": ((12, 4, 2), "float32"),
        "scene": ((12, SIDE, SIDE, 1), "uint8"),
    }
    assert 6 < np.abs(truth["corners"]).max() <= 8


def test_the_first_view_is_the_middle_of_the_scene_and_the_scene_a_part_of_a_photograph():
    truth = made()
    np.testing.assert_array_equal(truth["first"], truth["scene"][:, 8:-8, 8:-8])
    found = []
    for scene in truth["scene"][..., 0]:
        for number, photograph in enumerate(waves()):
            windows = np.lib.stride_tricks.sliding_window_view(photograph[..., 0], (SIDE, SIDE))
            found += [(number, *at) for at in np.argwhere((windows == scene).all((2, 3)))]
    assert len(found) == 12
    assert {number for number, *_ in found} == {0, 1}
    assert len(set(found)) > 8


def test_the_second_view_lies_where_scikit_image_says():
    truth = made()
    rows, columns = np.mgrid[:SIZE, :SIZE]
    centers = np.stack([rows, columns], -1).reshape(-1, 2) + 0.5
    for scene, second, corners in zip(truth["scene"], truth["second"], truth["corners"]):
        model = transform.ProjectiveTransform()
        if hasattr(transform.ProjectiveTransform, "from_estimate"):
            model = transform.ProjectiveTransform.from_estimate(SQUARE, SQUARE + corners)
        else:
            assert model.estimate(SQUARE, SQUARE + corners)
        y, x = (model(centers) + 8 - 0.5).T
        top, left = np.floor(y).astype(int), np.floor(x).astype(int)
        a, b, light = y - top, x - left, np.pad(scene[..., 0].astype(float), 1)
        expected = sum(
            weight * light[top + i + 1, left + j + 1]
            for i, j, weight in (
                (0, 0, (1 - a) * (1 - b)),
                (0, 1, (1 - a) * b),
                (1, 0, a * (1 - b)),
                (1, 1, a * b),
            )
        )
        inside = (y >= 0) & (x >= 0) & (y <= SIDE - 1) & (x <= SIDE - 1)
        error = np.abs(second.ravel() - expected)[inside]
        assert error.max() <= 0.6  # rounded
        assert inside.mean() > 0.95


def test_without_reach_both_views_are_equal():
    truth = made(3, reach=0)
    np.testing.assert_array_equal(truth["first"], truth["second"])
    np.testing.assert_array_equal(truth["scene"], truth["first"])


def test_noise_blur_and_light_do_what_they_say():
    gray = [np.full((SIDE, SIDE, 1), 128, np.uint8)]
    keys = jax.random.split(jax.random.key(1), 16)
    noisy = jax.device_get(jit(views(gray, size=SIZE, reach=0, noise=10))(keys))
    for name in ("first", "second"):
        assert noisy[name].std() == pytest.approx(10, rel=0.05)
    assert abs(np.corrcoef(noisy["first"].ravel(), noisy["second"].ravel())[0, 1]) < 0.03
    levels = jax.device_get(jit(views(gray, size=SIZE, reach=0, noise=(2, 20)))(keys))
    spread = levels["first"].std((1, 2, 3))
    assert 1.8 < spread.min() < 8 < 14 < spread.max() < 21
    light = jax.device_get(jit(views(gray, size=SIZE, reach=0, light=0.2))(keys))
    shift = light["first"].mean((1, 2, 3)) - 128
    assert np.abs(shift).max() <= 0.2 * 255 + 1
    assert shift.min() < -10 < 10 < shift.max()
    assert np.abs(shift - (light["second"].mean((1, 2, 3)) - 128)).max() > 10  # each its own

    point = np.zeros((SIZE, SIZE, 1), np.uint8)
    point[16, 16] = 255
    spread = jax.device_get(jit(views([point], size=SIZE, reach=0, blur=1.2))(keys[:1]))
    y = np.arange(SIZE) - 16.0
    bump = np.exp(-(y**2) / (2 * 1.2**2))
    expected = 255 * np.multiply.outer(bump, bump) / bump.sum() ** 2
    np.testing.assert_allclose(spread["first"][0, ..., 0], expected, atol=0.51)


def test_a_pair_depends_on_its_own_key_alone():
    make = jit(views(waves(), size=SIZE, noise=5.0))
    keys = jax.random.split(jax.random.key(3), 12)
    whole, part = make(keys), make(keys[::-1])
    for name in whole:
        np.testing.assert_array_equal(whole[name], part[name][::-1])
    assert len({corner.tobytes() for corner in np.asarray(whole["corners"])}) == 12


def test_it_is_imported_when_asked_for():
    assert data.views.views is views


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"reach": 9}, "`reach` must be a number in [0, 8.0]; got 9."),
        ({"size": 4}, "`size` must be an int of at least 8; got 4."),
        ({"blur": (2, 1)}, "`blur` must be a"),
        ({"noise": (1, 2, 3)}, "`noise` must be a number or a pair (low, high); got (1, 2, 3)."),
        ({"light": 1.0}, "`light` must be a number in [0, 1); got 1.0."),
        ({"size": 64}, "`photographs` must be at least 96 x 96 pixels, a view and the reach"),
    ],
)
def test_a_wrong_option_is_told_what_is_wrong(options, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        views(waves(), **{"size": SIZE, **options})


@pytest.mark.parametrize("wrong", [[], [np.zeros((99, 99, 3), np.uint8)], [np.zeros((99, 99, 1))]])
def test_photographs_are_gray_bytes(wrong):
    with pytest.raises(ValueError, match="`photographs` must be one or more uint8 arrays"):
        views(wrong, size=SIZE)


def test_it_works_inside_of_a_program():
    make = views(waves(), size=SIZE)
    total = jit(lambda key: make(jax.random.split(key, 2))["corners"].sum())
    assert jnp.isfinite(total(jax.random.key(0)))
