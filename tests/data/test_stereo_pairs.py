"""`data.stereo_pairs`: the truth about a pair is what its pixels say."""

import re
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax.data.stereo_pairs import pairs
from cnn_jax.tasks import stereo
from tests.compilation import jit

SIZE, MOST = (24, 48), 16


def smooth():
    """Photographs whose colors change so slowly that interpolation is all but exact."""
    rows, columns = np.mgrid[:100, :120]
    waves = [np.sin(rows / a + columns / b) for a, b in ((9, 31), (31, 12), (17, -19))]
    return [np.uint8(127.5 + 127 * np.stack(waves, -1)), np.uint8(rows[..., None] + [0, 50, 99])]


@cache
def made(seed=0, n=16, **options):
    options = {"size": SIZE, "max_disparity": MOST, "objects": 6, **options}
    make = jit(pairs(smooth(), **options))
    return jax.device_get(make(jax.random.split(jax.random.key(seed), n)))


def test_shapes_dtypes_and_ranges():
    truth = made()
    assert {n: (a.shape, a.dtype) for n, a in truth.items()} == {
        "image": ((16, 2, *SIZE, 3), np.uint8),
        "disparity": ((16, *SIZE), np.float32),
        "visible": ((16, *SIZE), np.bool_),
    }
    assert truth["disparity"].min() >= 0
    assert 10 < truth["disparity"].max() <= MOST - 2
    assert 0.4 < truth["visible"].mean() < 0.95
    assert truth["disparity"].std((1, 2)).min() > 0.3  # no pair is flat


def test_the_right_view_has_at_x_minus_d_what_the_left_has_at_x():
    truth = made(differences=0)
    left, right = truth["image"].astype(np.float64).swapaxes(0, 1)
    columns = np.arange(SIZE[1]) - truth["disparity"]
    low = np.clip(np.floor(columns).astype(int), 0, SIZE[1] - 2)
    share = (columns - low)[..., None]
    below, above = (np.take_along_axis(right, (low + k)[..., None], 2) for k in (0, 1))
    found = (1 - share) * below + share * above
    difference = np.abs(found - left).max(-1)
    # Between two pixels of the right view may lie an edge: there a mean of both is no color of it.
    inside = truth["visible"] & (np.abs(below - above).max(-1) < 25)
    assert inside.mean() > 0.4
    assert np.median(difference[inside]) < 2
    assert (difference[inside] < 8).mean() > 0.99
    hidden = ~truth["visible"] & (columns >= 0)
    assert (difference[hidden] > 8).mean() > 0.5


def test_what_is_hidden_is_what_the_disparities_say():
    truth = made()
    by_disparity = np.asarray(stereo.visible(truth["disparity"]))
    assert (by_disparity == truth["visible"]).mean() > 0.95
    assert not truth["visible"][np.arange(SIZE[1]) < truth["disparity"]].any()


def test_steps_slopes_and_waves_are_all_there():
    disparity = made(n=64)["disparity"]
    across = np.abs(np.diff(disparity, axis=2))
    assert (across > 1.5).mean() > 0.01  # edges of objects
    assert ((across > 0.01) & (across < 0.5)).mean() > 0.2  # slants
    bent = np.abs(np.diff(disparity, 2, axis=2))
    assert ((bent > 1e-4) & (bent < 0.05)).mean() > 0.05  # waves


def test_a_pair_depends_on_its_own_key_alone():
    make = jit(pairs(smooth(), size=SIZE, max_disparity=MOST, objects=6))
    keys = jax.random.split(jax.random.key(0), 16)
    again = jax.device_get(make(jnp.flip(keys)))
    for name, values in made().items():
        np.testing.assert_array_equal(again[name][::-1], values)
    assert len({pair.tobytes() for pair in again["image"]}) == 16


def test_cameras_differ_as_much_as_is_asked_for():
    plain, unlike = made(differences=0), made(differences=1.0)
    np.testing.assert_array_equal(plain["disparity"], unlike["disparity"])
    views = unlike["image"].astype(float).mean((2, 3, 4)) / plain["image"].mean((2, 3, 4))
    assert 0.02 < np.abs(views[:, 0] - views[:, 1]).mean() < 0.3


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"size": (64, 128)}, ValueError, "`photographs` must be at least"),
        ({"size": (64, 128, 3)}, ValueError, "`size` must"),
        ({"size": (4, 48)}, ValueError, "`size` must be at least 8"),
        ({"max_disparity": 2}, ValueError, "`max_disparity` must be an int of at least 4"),
        ({"objects": -1}, ValueError, "`objects` must be"),
        ({"differences": 3}, ValueError, "`differences` must be a number in [0, 2]; got 3."),
        ({"photographs": []}, ValueError, "`photographs` must"),
        ({"photographs": [np.zeros((99, 99, 1))]}, TypeError, "`photographs` must be uint8"),
    ],
)
def test_a_wrong_argument_is_told_what_is_wrong(options, kind, text):
    options = {"photographs": smooth(), "size": SIZE, "max_disparity": MOST, **options}
    with pytest.raises(kind, match=re.escape(text)):
        pairs(options.pop("photographs"), **options)


def test_without_objects_there_are_a_wall_and_a_ground_that_comes_nearer_below():
    truth = made(objects=0, n=32)["disparity"]
    assert (truth[:, -1] > truth[:, SIZE[0] // 2]).mean() > 0.8
    assert np.ptp(truth[:, 0].mean(-1)) > 4  # walls are at different distances
