"""`data.scenes.videos`: the truth about each frame is what its pixels say."""

import itertools
import re
from functools import cache

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax.data.scenes import videos
from cnn_jax.data.scenes._paths import Motion, mirrored, paths

SIZE, FRAMES, MOST, N = 48, 6, 3, 24
BLACK = np.zeros((1, SIZE, SIZE, 3), np.uint8)
NAMES = ("alike", "boxes", "boxes_valid", "boxes_visible", "centers", "classes", "direction")
NAMES += ("masks", "speed", "video", "visible")


def squares():
    """Garments of full brightness, 20 x 20 of 28 x 28 pixels, of three classes."""
    clothes = np.zeros((6, 28, 28), np.uint8)
    clothes[:, 4:24, 4:24] = 255
    return clothes, np.array([5, 6, 7, 5, 6, 7])


def made(seed=0, **options):
    """Videos of squares on black, as NumPy arrays."""
    usual = {"size": SIZE, "frames": FRAMES, "objects": (1, MOST), "degrees": 0, "turn": 0}
    make = jax.jit(videos(*squares(), BLACK, **{**usual, **options}))
    return jax.device_get(make(jax.random.split(jax.random.key(seed), N)))


@cache
def bouncing():
    return made(growth=1, alike=0.5, speed=(1, 8))


@cache
def leaving():
    """One square in each, in four directions at two speeds, that turns and grows."""
    options = {"objects": (1, 1), "speeds": 2, "directions": 4, "speed": (2, 6)}
    return made(1, edges="leave", turn=60, growth=2, **options)


def test_shapes_and_dtypes():
    truth = bouncing()
    assert sorted(truth) == sorted(NAMES)
    video, masks = truth["video"], truth["masks"]
    assert (video.shape, video.dtype) == ((N, FRAMES, SIZE, SIZE, 3), np.uint8)
    assert (masks.shape, masks.dtype) == ((N, FRAMES, MOST, SIZE, SIZE), np.bool_)
    for name, last in (("boxes", (4,)), ("boxes_visible", (4,)), ("centers", (2,))):
        assert truth[name].shape == (N, FRAMES, MOST, *last)
    for name in ("visible", "direction", "boxes_valid"):
        assert truth[name].shape == (N, FRAMES, MOST)
    assert truth["classes"].dtype == np.int32
    assert set(truth["boxes_valid"][:, 0].sum(1)) == {1, 2, 3}


def test_boxes_and_shares_are_those_of_the_masks():
    truth, hidden = bouncing(), 0
    for place in np.ndindex(N, FRAMES, MOST):
        mask, seen, whole = (truth[n][place] for n in ("masks", "boxes_visible", "boxes"))
        if not truth["boxes_valid"][place]:
            assert not mask.any()
            assert not whole.any()
            continue
        if mask.any():
            rows, columns = np.nonzero(mask)
            np.testing.assert_array_equal(
                seen, [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
            )
            assert (whole[:2] <= seen[:2]).all()
            assert (seen[2:] <= whole[2:]).all()
        else:
            assert not seen.any()
            assert truth["visible"][place] == 0
        area = (whole[2:] - whole[:2]).prod()
        if whole.min() > 0 and whole.max() < SIZE:  # wholly inside of the frame
            assert truth["visible"][place] == pytest.approx(mask.sum() / area, abs=0.2)
        hidden += mask.sum() < area
        np.testing.assert_allclose((whole[:2] + whole[2:]) / 2, truth["centers"][place], atol=4)
    assert hidden > 20
    assert truth["masks"].sum(2).max() == 1  # no two overlap


def test_what_is_seen_of_a_garment_has_its_color_and_the_rest_is_black():
    truth = bouncing()
    for video in range(N):
        anywhere = truth["masks"][video].any(1)
        near = anywhere
        for axis, shift in itertools.product((1, 2), (1, -1)):
            near = near | np.roll(near, shift, axis)
        assert not truth["video"][video][~near].any()
        for place in range(MOST):
            pixels = truth["video"][video][truth["masks"][video, :, place]].astype(int)
            if len(pixels):  # the edges alone mix with what is behind
                assert (np.abs(pixels - np.median(pixels, 0)) < 3).all(-1).mean() > 0.5


def test_later_garments_hide_earlier_ones():
    truth = bouncing()
    last = truth["boxes_valid"][:, :, 2]
    np.testing.assert_array_equal(
        truth["boxes"][:, :, 2][last], truth["boxes_visible"][:, :, 2][last]
    )
    assert truth["visible"][:, :, 0].min() < 0.3


def test_garments_move_as_is_said():
    truth = leaving()
    step = np.diff(truth["centers"][:, :, 0], axis=1)
    speed, angle = truth["speed"][:, 0], np.deg2rad(truth["direction"][:, 0, 0])
    expected = speed[:, None] * np.stack([-np.sin(angle), np.cos(angle)], -1)
    np.testing.assert_allclose(step, np.broadcast_to(expected[:, None], step.shape), atol=1e-4)
    assert set(np.round(truth["direction"]).ravel()) == {0, 90, 180, 270}
    assert set(np.round(speed, 3)) == {2, 6}
    assert not truth["boxes_valid"].all()  # some have left
    assert not truth["boxes"][~truth["boxes_valid"]].any()


def test_garments_turn_and_grow_on_their_way():
    truth = leaving()
    areas = truth["masks"][:, :, 0].sum((-2, -1)).astype(float)
    inside = (truth["boxes"].min((1, 2, 3)) > 0) & (truth["boxes"].max((1, 2, 3)) < SIZE)
    change = areas[inside, -1] / areas[inside, 0]
    assert len(change) > 3
    assert change.min() < 0.8 or change.max() > 1.25
    assert change.min() > 0.2
    assert change.max() < 5  # a factor of 2 on each axis, and a pixel
    boxes = truth["boxes"][inside, :, 0]
    fills = areas[inside] / (boxes[..., 2:] - boxes[..., :2]).prod(-1)
    assert fills.min() < 0.9  # a turned square does not fill its box


def test_look_alikes_have_the_class_of_the_first_and_meet_it():
    truth = bouncing()
    alike, classes = truth["alike"], truth["classes"]
    assert not alike[:, 0].any()
    first = np.broadcast_to(classes[:, :1], classes.shape)
    np.testing.assert_array_equal(classes[alike], first[alike])
    assert 5 < alike.sum() < 35
    away = np.linalg.norm(truth["centers"] - truth["centers"][:, :, :1], axis=-1).min(1)
    speeds = truth["speed"] + truth["speed"][:, :1]
    assert (away[alike] <= speeds[alike] + 1e-3).all()  # it meets it between two frames
    for video, place in zip(*np.nonzero(alike)):
        colors = [
            np.median(truth["video"][video][truth["masks"][video, :, p]], 0) for p in (0, place)
        ]
        assert not np.isnan(colors).any()
        assert np.abs(np.subtract(*colors)).min() > 40  # another color in every channel


def test_mirrors_keep_garments_inside():
    truth = bouncing()
    valid = truth["boxes_valid"]
    assert truth["centers"][valid].min() > 0
    assert truth["centers"][valid].max() < SIZE
    turned = truth["direction"][:, :1] != truth["direction"]
    assert turned[valid].sum() > 5
    places, signs = mirrored(jnp.array([-1.0, 2, 9, 13]), jnp.array([2.0]), 10)
    np.testing.assert_allclose(places, [5, 2, 7, 3])
    np.testing.assert_allclose(signs, [-1, 1, -1, -1])


def test_no_single_frame_tells_how_a_garment_that_stays_moves():
    motion = Motion(40, 8, (0.6, 1.8), 3, 4, "stay", 6.0)
    drawn = jax.random.uniform(jax.random.key(0), (4000, 5))
    edge, likes = jnp.full(4000, 5.0), jnp.zeros(4000, bool)
    centers, velocity = map(
        np.asarray, jax.jit(paths, static_argnums=3)(drawn, edge, likes, motion)
    )
    assert centers.min() >= 6
    assert centers.max() <= 34
    way = np.round(np.rad2deg(np.arctan2(-velocity[:, 0, 0], velocity[:, 0, 1])) % 360)
    for axis in (0, 90):  # to and fro: in all frames together the same places
        there, back = (np.sort(centers[way == axis + turn].reshape(-1, 2), 0) for turn in (0, 180))
        quantiles = [np.quantile(places, np.linspace(0, 1, 11), axis=0) for places in (there, back)]
        assert np.abs(np.subtract(*quantiles)).max() < 1.2
    middle = (centers[:, 3] + centers[:, 4]) / 2
    np.testing.assert_allclose(middle.mean(0), 20, atol=0.5)


def test_a_video_is_that_of_its_key():
    make = jax.jit(videos(*squares(), BLACK, size=32, frames=3, objects=(1, 2)))
    keys = jax.random.split(jax.random.key(0), 4)
    many, turned = make(keys), make(keys[::-1])
    chex.assert_trees_all_equal(many, make(keys))
    chex.assert_trees_all_equal(jax.tree.map(lambda a: a[::-1], many), turned)
    assert len(np.unique(np.asarray(many["video"]).reshape(4, -1), axis=0)) == 4


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"garments": np.zeros((6, 28, 28))}, TypeError, "`garments` must hold uint8"),
        ({"labels": np.zeros(2, int)}, ValueError, "`labels` must have one entry for each of 6"),
        ({"size": 2}, ValueError, "`size` must be"),
        ({"frames": 0}, ValueError, "`frames` must be a positive int; got 0."),
        ({"objects": (0, 0)}, ValueError, "`objects` must be"),
        ({"scale": (0, 1)}, ValueError, "`scale` must be a finite number above 0"),
        ({"speed": (2, 1)}, ValueError, "`speed` must be a pair (low, high)"),
        ({"speed": (-1, 1)}, ValueError, "`speed` must be"),
        ({"speeds": 0}, ValueError, "`speeds` must be a positive int; got 0."),
        ({"directions": 0}, ValueError, "`directions` must be a positive int; got 0."),
        ({"degrees": -1}, ValueError, "`degrees` must be"),
        ({"turn": -1}, ValueError, "`turn` must be"),
        ({"growth": 0.5}, ValueError, "`growth` must be a finite number of at least 1; got 0.5."),
        ({"edges": "jump"}, ValueError, "`edges` must be one of 'bounce', 'leave', 'stay'"),
        ({"edges": "stay", "speed": (1, 4)}, ValueError, "`speed` must be lower, or `size` larger"),
        ({"alike": 2}, ValueError, "`alike` must be"),
        ({"backgrounds": []}, ValueError, "`backgrounds` must be images"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(options, kind, text):
    clothes, labels = squares()
    with pytest.raises(kind, match=re.escape(text)):
        videos(**{"garments": clothes, "labels": labels, **options})
