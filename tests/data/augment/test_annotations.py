"""What belongs to a picture moves with it: spots and rectangles are found where keypoints and
boxes say."""

import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax.data import augment

from .cases import GEOMETRIC, KEY, noise, scene

FROM_OUTSIDE = {  # with fill 0.5 and label 9
    "pad_crop": augment.pad_crop(6, fill=0.5, fill_mask=9),
    "rotate": augment.rotate(180, fill=0.5, fill_mask=9),
    "affine": augment.affine(90, scale=(0.5, 0.9), fill=0.5, fill_mask=9),
    "perspective": augment.perspective(0.8, probability=1.0, fill=0.5, fill_mask=9),
    "rand_augment": augment.rand_augment(2, 30, operations=("rotate",), fill=0.5, fill_mask=9),
}


def centers(image):
    """The center of mass of each channel, (n, c, 2)."""
    y, x = np.mgrid[: image.shape[1], : image.shape[2]] + 0.5
    mass = image.sum((1, 2)) + 1e-9
    return np.stack([np.einsum("nhwc,hw->nc", image, at) / mass for at in (y, x)], -1)


@pytest.mark.parametrize("name", GEOMETRIC)
def test_a_spot_is_where_its_keypoint_is(name):
    batch = scene(n=60)
    result = GEOMETRIC[name](KEY, batch)
    points, size = np.asarray(result["keypoints"]), result["image"].shape[1:3]
    inside = ((points > 11) & (points < np.array(size) - 11)).all(-1)
    assert inside.sum() > 20
    found = centers(np.asarray(result["image"], np.float64))
    tolerance = 0.3 if name == "perspective" else 0.05  # there spots get asymmetric
    np.testing.assert_allclose(found[inside], points[inside], atol=tolerance)
    in_picture = ((points >= 0) & (points <= np.array(size))).all(-1)
    np.testing.assert_array_equal(result["keypoints_visible"], in_picture)


@pytest.mark.parametrize("name", GEOMETRIC)
def test_a_rectangle_is_where_its_box_is(name):
    batch = scene(n=60)
    result = GEOMETRIC[name](KEY, batch)
    height, width = result["image"].shape[1:3]
    compared = 0
    for mask, boxes, valid in zip(
        *(np.asarray(result[k]) for k in ("mask", "boxes", "boxes_valid"))
    ):
        for k, (top, left, bottom, right) in enumerate(boxes):
            assert 0 <= top <= bottom <= height
            assert 0 <= left <= right <= width
            rows, columns = np.nonzero(mask[..., k])
            if not valid[k]:
                assert not len(rows)
            cut = min(top, left, height - bottom, width - right) == 0
            turned = name in ("rotate", "affine", "perspective", "warps")
            if not valid[k] or (cut and turned):  # the tip of what is cut is not its corner
                continue
            found = [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
            limit = 1.6 if turned else 0.8  # a sharp corner may lie between centers of pixels
            assert np.abs(found - boxes[k]).max() <= limit
            compared += 1
    assert compared > 40


@pytest.mark.parametrize("name", GEOMETRIC)
def test_masks_hold_only_labels_that_were_there(name):
    labels = np.random.default_rng(0).choice([3, 7, 200], (4, 20, 20)).astype(np.uint8)
    batch = {**noise(size=(20, 20)), "mask": jnp.asarray(labels)}
    if name == "center_crop":
        return
    mask = GEOMETRIC[name](KEY, batch)["mask"]
    assert mask.dtype == np.uint8
    assert set(np.unique(mask)) <= {0, 3, 7, 200}
    maps = jnp.asarray(np.stack([labels] * 2, -1))
    several = GEOMETRIC[name](KEY, {**batch, "mask": maps})["mask"]
    np.testing.assert_array_equal(several, np.stack([mask] * 2, -1))


@pytest.mark.parametrize("name", FROM_OUTSIDE)
def test_what_comes_from_outside_is_filled(name):
    batch = {"image": jnp.full((8, 20, 20, 3), 0.5), "mask": jnp.full((8, 20, 20), 4)}
    result = FROM_OUTSIDE[name](KEY, batch)
    np.testing.assert_allclose(result["image"], 0.5, atol=1e-6)
    assert set(np.unique(result["mask"])) == {4, 9}
    dark = FROM_OUTSIDE[name](KEY, {**batch, "image": jnp.zeros((8, 20, 20, 3))})
    outside = np.asarray(result["mask"]) == 9
    assert (np.asarray(dark["image"])[outside] >= 0.249).all()  # half a pixel at a corner


def test_a_box_is_no_longer_valid_when_too_little_is_left():
    image = jnp.zeros((1, 10, 10, 1))
    boxes = jnp.array([[[0, 0, 10, 4], [2, 0, 8, 6], [3, 3, 6, 6], [0, 0, 1, 1]]], jnp.float32)
    batch = {"image": image, "boxes": boxes}
    for share, valid in ((0, [1, 1, 1, 0]), (0.3, [0, 1, 1, 0]), (0.7, [0, 0, 1, 0])):
        result = augment.center_crop((10, 4), min_visible=share)(None, batch)
        assert result["boxes_valid"].tolist() == [valid]
        right = [[0, 0, 10, 1], [2, 0, 8, 3], [3, 0, 6, 3], [0, 0, 1, 0]]
        assert result["boxes"].tolist() == [right]
    hidden = jnp.array([[True, False, True, True]])
    result = augment.center_crop((10, 4))(None, {**batch, "boxes_valid": hidden})
    assert result["boxes_valid"].tolist() == [[True, False, True, False]]


def test_a_keypoint_that_was_hidden_stays_so():
    visible = jnp.array([[True, False, True], [False, True, True]])
    result = augment.flip(1.0)(KEY, scene(n=2) | {"keypoints_visible": visible})
    np.testing.assert_array_equal(result["keypoints_visible"], visible)


def test_named_keypoints_change_sides():
    batch = scene(n=3) | {"keypoints_visible": jnp.array([[True, False, True]] * 3)}
    result = augment.flip(1.0, keypoint_order=(1, 0, 2))(KEY, batch)
    mirrored = np.asarray(batch["keypoints"]) * (1, -1) + (0, 64)
    np.testing.assert_allclose(result["keypoints"], mirrored[:, [1, 0, 2]], rtol=1e-6)
    assert result["keypoints_visible"].tolist() == [[False, True, True]] * 3
    same = augment.flip(0.0, keypoint_order=(1, 0, 2))(KEY, batch)
    np.testing.assert_array_equal(same["keypoints"], batch["keypoints"])
