"""`data.figures`: joints are where they are drawn, limbs have their lengths, keys decide."""

import re
from functools import cache

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax import data
from cnn_jax.data import augment
from cnn_jax.data.figures import JOINTS, LENGTHS, LIMBS, figures
from cnn_jax.tasks import pose

SIZE, N = 64, 48
GREEN = np.zeros((1, SIZE, SIZE, 3), np.uint8) + np.array([0, 255, 0], np.uint8)
NAMES = ["away", "image", "keypoints", "keypoints_hidden", "keypoints_visible", "torso"]


@cache
def made(bars=0):
    """People on a green that no clothes have, as NumPy arrays."""
    make = jax.jit(figures(GREEN, size=SIZE, occluders=bars, away=0.5))
    return jax.device_get(make(jax.random.split(jax.random.key(0), N)))


def joint(truth, name):
    return truth["keypoints"][:, JOINTS.index(name)]


def distance_to_limbs(joints, points):
    """From each point to the nearest of the lines between joints, in pixels."""
    nearest = np.full(len(points), np.inf)
    trunk = [("neck", "left hip"), ("neck", "right hip"), ("left shoulder", "right hip")]
    trunk += [("left shoulder", "left hip"), ("right shoulder", "right hip")]
    pairs = [*LIMBS, *((JOINTS.index(a), JOINTS.index(b)) for a, b in trunk)]
    for start, end in pairs:
        a, b = joints[start], joints[end]
        t = np.clip(((points - a) @ (b - a)) / ((b - a) @ (b - a)), 0, 1)
        nearest = np.minimum(nearest, np.linalg.norm(points - (a + t[:, None] * (b - a)), axis=1))
    return nearest


def test_shapes_and_dtypes():
    truth = made()
    assert sorted(truth) == NAMES
    assert (truth["image"].shape, truth["image"].dtype) == ((N, SIZE, SIZE, 3), np.uint8)
    assert (truth["keypoints"].shape, truth["keypoints"].dtype) == ((N, 14, 2), np.float32)
    for name in ("keypoints_visible", "keypoints_hidden"):
        assert (truth[name].shape, truth[name].dtype) == ((N, 14), np.bool_)
    assert (truth["torso"].dtype, truth["away"].dtype) == (np.float32, np.bool_)
    assert 0.25 < truth["away"].mean() < 0.75


def test_limbs_have_their_lengths():
    truth = made()
    legs = LENGTHS["right hip", "right knee"]
    height = np.linalg.norm(joint(truth, "right hip") - joint(truth, "right knee"), axis=1) / legs
    for (start, end), length in LENGTHS.items():
        found = np.linalg.norm(joint(truth, start) - joint(truth, end), axis=1)
        np.testing.assert_allclose(found, length * height, rtol=1e-4)
    assert 0.45 * SIZE - 1e-3 <= height.min() < 0.55 * SIZE
    assert 0.65 * SIZE < height.max() <= 0.75 * SIZE + 1e-3
    torso = np.linalg.norm(joint(truth, "left shoulder") - joint(truth, "right hip"), axis=1)
    np.testing.assert_allclose(truth["torso"], torso, rtol=1e-5)


def test_joints_lie_where_limbs_are_drawn_and_nothing_lies_elsewhere():
    truth = made()
    middles = np.arange(SIZE) + 0.5
    points = np.stack(np.meshgrid(middles, middles, indexing="ij"), -1).reshape(-1, 2)
    for image, joints, inside in zip(
        truth["image"], truth["keypoints"].copy(), truth["keypoints_visible"]
    ):
        height = np.linalg.norm(joints[1] - joints[2]) / LENGTHS["right hip", "right knee"]
        joints[-1] += 0.2 * (joints[-2] - joints[-1])  # the top is at the very edge of the head
        green = (image == [0, 255, 0]).all(-1)
        rows, columns = np.clip(joints[inside].astype(int), 0, SIZE - 1).T
        assert not green[rows, columns].any()
        # The trunk and the head are the widest: 0.1 of the height; shoes reach 0.1 farther.
        away = distance_to_limbs(joints, points).reshape(SIZE, SIZE)
        assert green[away > 0.16 * height + 1].all()
        assert not green[away < 0.5].any()


def test_left_and_right_are_those_of_the_person():
    truth = made()
    right, left = (joint(truth, f"{side} shoulder")[:, 1] for side in ("right", "left"))
    np.testing.assert_array_equal(right < left, ~truth["away"])
    # Who looks away shows hair where others have a chin, and all hair is darker than all skin.
    neck, top = joint(truth, "neck"), joint(truth, "head top")
    places = np.clip((neck + 0.4 * (top - neck)).astype(int), 0, SIZE - 1)
    red = truth["image"][np.arange(N), places[:, 0], places[:, 1], 0]
    assert ((red > 75) == ~truth["away"]).mean() > 0.9  # some hands are before heads


def test_hidden_joints_lie_under_bars():
    truth, bare = made(6), []
    assert 0 < made()["keypoints_hidden"].mean() < 0.5 * truth["keypoints_hidden"].mean()
    for image, joints, hidden, inside in zip(
        truth["image"], truth["keypoints"], truth["keypoints_hidden"], truth["keypoints_visible"]
    ):
        rows, columns = np.clip(joints[hidden & inside].astype(int), 0, SIZE - 1).T
        bare.extend((image[rows, columns] == [0, 255, 0]).all(-1))
    assert len(bare) > 20
    assert not any(bare)


def test_a_joint_is_visible_if_it_is_in_the_picture():
    make = jax.jit(figures(size=32, height=(1.0, 1.2), occluders=0))
    truth = jax.device_get(make(jax.random.split(jax.random.key(0), N)))
    inside = ((truth["keypoints"] >= 0) & (truth["keypoints"] <= 32)).all(-1)
    np.testing.assert_array_equal(truth["keypoints_visible"], inside)
    assert 0.5 < inside.mean() < 1


def test_a_picture_is_that_of_its_key():
    make = jax.jit(figures(size=32))
    keys = jax.random.split(jax.random.key(0), N)
    many = make(keys)
    chex.assert_trees_all_equal(many, make(keys))
    chex.assert_trees_all_equal(jax.tree.map(lambda a: a[::-1], many), make(keys[::-1]))
    assert len(np.unique(np.asarray(many["image"]).reshape(N, -1), axis=0)) == N


MIRROR = pose.mirror_order(JOINTS)
CHANGES = {
    "flip": (augment.flip(1.0, keypoint_order=MIRROR), MIRROR),
    "pad_crop": (augment.pad_crop(8), range(14)),
    "rotate": (augment.rotate(40), range(14)),
    "affine": (augment.affine(20, scale=(0.9, 1.3), shear=10), range(14)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_joints_move_with_the_picture(name):
    """Each joint is marked in a channel of its own, and the mark is where the joint has moved."""
    change, order = CHANGES[name]
    truth, marked = made(), np.zeros((N, SIZE + 2, SIZE + 2, 14), np.float32)
    rows, columns = np.moveaxis(np.clip(truth["keypoints"].astype(int), 0, SIZE - 1), -1, 0)
    for down in range(3):  # 3 x 3 pixels, so that something is left when they are turned
        for right in range(3):
            marked[np.arange(N)[:, None], rows + down, columns + right, np.arange(14)] = 1
    batch = {"image": jnp.asarray(marked[:, 1:-1, 1:-1])}
    batch |= {part: jnp.asarray(truth[part]) for part in ("keypoints", "keypoints_visible")}
    moved = jax.device_get(jax.jit(change)(jax.random.key(3), batch))
    places = np.argwhere(moved["keypoints_visible"])
    assert len(places) > 12 * N
    for n, j in places:
        row, column = np.minimum(moved["keypoints"][n, j].astype(int), SIZE - 1)
        assert moved["image"][n, row, column, order[j]] > 0.4


def test_a_mirrored_person_has_left_and_right_as_before():
    truth = made()
    change = augment.flip(1.0, keypoint_order=MIRROR)
    batch = {part: jnp.asarray(truth[part]) for part in ("image", "keypoints")}
    moved = jax.device_get(change(jax.random.key(0), batch))
    right, left = (joint(moved, f"{side} shoulder")[:, 1] for side in ("right", "left"))
    np.testing.assert_array_equal(right < left, ~truth["away"])


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"size": 8}, ValueError, "`size` must be an int of at least 16; got 8."),
        ({"height": 0.5}, ValueError, "`height` must be a pair (low, high); got 0.5."),
        ({"height": (0.8, 0.5)}, ValueError, "`height` must be a number in [0.8, 2]; got 0.5."),
        ({"height": (0, 0.5)}, ValueError, "`height` must be"),
        ({"degrees": -1}, ValueError, "`degrees` must be"),
        ({"away": 2}, ValueError, "`away` must be"),
        ({"occluders": -1}, ValueError, "`occluders` must be"),
        ({"backgrounds": []}, ValueError, "`backgrounds` must be images"),
        ({"backgrounds": np.zeros((1, 99, 99, 3))}, TypeError, "`backgrounds` must hold uint8"),
        ({"backgrounds": GREEN[:, :9]}, ValueError, "of at least 64 x 64; got (9, 64, 3)."),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(options, kind, text):
    with pytest.raises(kind, match=re.escape(text)):
        figures(**options)


def test_it_is_imported_when_it_is_asked_for():
    assert "figures" in dir(data)
