"""`data.scenes`: the truth about a scene is what its pixels say."""

import re
from functools import cache
from itertools import pairwise

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax import data
from cnn_jax.data.scenes import altered, boxes_of, crops, scenes, silhouette
from cnn_jax.data.scenes._shapes import shape

SIZE, MOST = 48, 4
BLACK = np.zeros((1, SIZE, SIZE, 3), np.uint8)
NAMES = ("boxes", "boxes_valid", "boxes_visible", "classes", "depth", "image", "masks")


def squares():
    """Garments of full brightness, 20 x 20 of 28 x 28 pixels."""
    clothes = np.zeros((3, 28, 28), np.uint8)
    clothes[:, 4:24, 4:24] = 255
    return clothes, np.array([5, 6, 7])


@cache
def made(seed=0, n=24, plain=False, **options):
    """Scenes of real garments, or of squares on black, as NumPy arrays."""
    if plain:
        clothes, labels, behind = *squares(), BLACK
    else:
        test = data.load("fashion_mnist_small", "test")
        clothes, labels, behind = test.images, test.labels, None
    make = jax.jit(
        scenes(clothes, labels, behind, **{"size": SIZE, "objects": (0, MOST), **options})
    )
    return jax.device_get(make(jax.random.split(jax.random.key(seed), n)))


def extents(mask):
    rows, columns = np.nonzero(mask)
    return [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]


def test_shapes_and_dtypes():
    truth = made()
    assert sorted(truth) == sorted(NAMES)
    assert (truth["image"].shape, truth["image"].dtype) == ((24, SIZE, SIZE, 3), np.uint8)
    assert (truth["masks"].shape, truth["masks"].dtype) == ((24, MOST, SIZE, SIZE), np.bool_)
    for name in ("boxes", "boxes_visible"):
        assert (truth[name].shape, truth[name].dtype) == ((24, MOST, 4), np.float32)
    assert truth["classes"].dtype == truth["depth"].dtype == np.int32


def test_boxes_are_the_extents_of_masks():
    truth = made()
    for scene in range(24):
        for place in range(MOST):
            mask, seen = truth["masks"][scene, place], truth["boxes_visible"][scene, place]
            whole = truth["boxes"][scene, place]
            if not truth["boxes_valid"][scene, place]:
                assert not mask.any()
                assert not seen.any()
                assert not whole.any()
                continue
            np.testing.assert_array_equal(seen, extents(mask))
            assert (whole[:2] <= seen[:2]).all()
            assert (seen[2:] <= whole[2:]).all()
            assert 0 <= whole.min() < whole.max() <= SIZE
            if truth["depth"][scene, place] == 0:  # nothing lies over it
                np.testing.assert_array_equal(seen, whole)


def test_a_square_that_is_not_turned_has_the_box_that_it_was_given():
    truth = made(plain=True, degrees=0, scale=(1.2, 1.2), objects=(1, 1), min_visible=0)
    height, width = (truth["boxes"][:, 0, 2:] - truth["boxes"][:, 0, :2]).T
    inside = (truth["boxes"][:, 0, :2] > 0).all(-1) & (truth["boxes"][:, 0, 2:] < SIZE).all(-1)
    assert inside.sum() > 10
    for length in (height, width):  # 24 pixels, and half of one at each end
        assert ((length[inside] >= 23) & (length[inside] <= 25)).all()
    for scene in np.flatnonzero(inside):
        light = truth["image"][scene].max(-1).astype(float)
        bright = light > 0.5 * light.max() - 1
        np.testing.assert_array_equal(truth["boxes"][scene, 0], extents(bright))


def test_later_objects_hide_earlier_ones():
    truth = made(1, 60, plain=True, min_visible=0.1, objects=(2, MOST))
    masks, valid, depth = truth["masks"], truth["boxes_valid"], truth["depth"]
    assert masks.sum(1).max() == 1  # no two overlap
    hidden = 0
    for scene in range(60):
        places = np.flatnonzero(valid[scene])
        assert depth[scene, places].tolist() == list(range(len(places)))[::-1]
        for below, above in pairwise(places):
            one, other = masks[scene, below], truth["boxes"][scene, above]
            color = truth["image"][scene][masks[scene, above]].astype(int)
            # A square has one color, which its edges alone mix with what is behind.
            assert (np.abs(color - np.median(color, 0)) < 3).all(-1).mean() > 0.5
            middle = (other[:2] + other[2:]).astype(int) // 2
            hidden += (truth["boxes"][scene, below] != truth["boxes_visible"][scene, below]).any()
            if middle.min() >= 0 and middle.max() < SIZE and depth[scene, above] == 0:
                assert not one[tuple(middle)]
    assert hidden > 10


def test_what_is_seen_is_enough():
    for share in (0.2, 0.8):
        truth = made(2, 40, plain=True, min_visible=share, scale=(1, 1), objects=(1, MOST))
        seen = truth["masks"].sum((2, 3))[truth["boxes_valid"]]
        assert seen.min() >= share * 400
        assert seen.max() < 1.1 * 400


def test_counts_and_classes():
    truth = made(3, 200, objects=(0, 3), min_visible=0)
    counts = truth["boxes_valid"].sum(1)
    assert set(counts) == {0, 1, 2, 3}
    classes = truth["classes"][truth["boxes_valid"]]
    assert set(classes) == set(range(10))
    assert np.bincount(classes).max() < 3 * np.bincount(classes).min()
    assert not truth["classes"][~truth["boxes_valid"]].any()
    assert (truth["depth"][~truth["boxes_valid"]] == 3).all()
    assert set(made(plain=True)["classes"][made(plain=True)["boxes_valid"]]) == {5, 6, 7}


def test_a_scene_is_that_of_its_key():
    test = data.load("fashion_mnist_small", "test")
    make = scenes(test.images[:50], test.labels[:50], size=32, objects=(1, 2))
    keys = jax.random.split(jax.random.key(0), 4)
    many = jax.jit(make)(keys)
    chex.assert_trees_all_equal(many, jax.jit(make)(keys))
    some = jax.jit(make)(keys[2:])
    chex.assert_trees_all_equal(jax.tree.map(lambda a: a[2:], many), some)
    assert len(np.unique(np.asarray(many["image"]).reshape(4, -1), axis=0)) == 4


def test_photographs_of_several_sizes_are_the_background():
    rng = np.random.default_rng(0)
    photographs = [
        rng.integers(100, 110, (40, 60, 3), dtype=np.uint8),
        rng.integers(200, 210, (48, 32), dtype=np.uint8),
    ]
    make = jax.jit(scenes(*squares(), photographs, size=32, objects=(1, 1), scale=(0.4, 0.5)))
    truth = jax.device_get(make(jax.random.split(jax.random.key(0), 32)))
    near = np.stack([m.any(0) for m in truth["masks"]])
    near = np.asarray(jax.vmap(lambda m: jax.image.resize(m, (32, 32), "nearest"))(near))
    corners = [image[[0, 0, -1, -1], [0, -1, 0, -1]] for image in truth["image"]]
    levels = np.median(np.stack(corners), (1, 2))
    assert {int(level) // 100 for level in levels} == {1, 2}
    for image, mask, level in zip(truth["image"], truth["masks"][:, 0], levels):
        wide = extents(mask)
        image = image.copy()
        image[max(wide[0] - 2, 0) : wide[2] + 2, max(wide[1] - 2, 0) : wide[3] + 2] = level
        assert image.min() >= 100 * (int(level) // 100)  # no pixel from outside of a photograph
        assert image.max() < 100 * (int(level) // 100) + 10


def test_silhouettes_are_filled():
    garment = np.zeros((9, 9), np.uint8)
    garment[2:7, 2:7] = 200
    garment[4, 4] = 0  # a black print
    garment[0, 0] = 3  # noise
    found = np.asarray(silhouette(jnp.asarray(garment)))
    expected = np.zeros((9, 9), bool)
    expected[2:7, 2:7] = True
    np.testing.assert_array_equal(found, expected)


def test_the_box_of_any_mask():
    rng = np.random.default_rng(0)
    masks = rng.random((40, 9, 7)) < 0.05
    found = np.asarray(boxes_of(jnp.asarray(masks)))
    for mask, box in zip(masks, found):
        np.testing.assert_array_equal(box, extents(mask) if mask.any() else [0, 0, 0, 0])


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"garments": np.zeros((3, 28, 28))}, TypeError, "`garments` must hold uint8"),
        ({"garments": np.zeros((28, 28), np.uint8)}, ValueError, "`garments` must be (k, height"),
        ({"labels": np.zeros(2, int)}, ValueError, "`labels` must have one entry for each of 3"),
        ({"labels": np.zeros(3)}, TypeError, "`labels` must be integers; got float64."),
        ({"size": 2}, ValueError, "`size` must be"),
        ({"objects": 3}, ValueError, "`objects` must be a pair (low, high); got 3."),
        ({"objects": (0, 0)}, ValueError, "`objects` must be"),
        ({"scale": (2, 1)}, ValueError, "`scale` must be a pair (low, high)"),
        ({"scale": (0, 1)}, ValueError, "`scale` must be a finite number above 0"),
        ({"degrees": -1}, ValueError, "`degrees` must be"),
        ({"min_visible": 1}, ValueError, "`min_visible` must be"),
        ({"backgrounds": []}, ValueError, "`backgrounds` must be images"),
        ({"backgrounds": np.zeros((1, 9, 9, 3))}, TypeError, "`backgrounds` must hold uint8"),
        ({"backgrounds": BLACK}, ValueError, "of at least 96 x 96; got (48, 48, 3)."),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(options, kind, text):
    clothes, labels = squares()
    with pytest.raises(kind, match=re.escape(text)):
        scenes(**{"garments": clothes, "labels": labels, **options})


def test_it_is_imported_when_it_is_asked_for():
    assert "scenes" in dir(data)


def test_altered_photographs_are_others_of_the_same_range():
    rng = np.random.default_rng(0)
    photographs = [rng.integers(0, 256, shape).astype(np.uint8) for shape in ((70, 90), (50, 60))]
    keys = jax.random.split(jax.random.key(0), 16)
    drawn = jax.jit(jax.vmap(altered(photographs, 24)))(keys)
    assert drawn.shape == (16, 24, 24, 3)
    assert 0 <= float(drawn.min()) < 0.1 < 0.9 < float(drawn.max()) <= 1
    assert len({np.asarray(image).tobytes() for image in drawn}) == 16
    gray = np.asarray(crops(photographs, 24)(keys[0]))
    assert (gray[..., 0] == gray[..., 2]).all()
    assert np.abs(drawn[..., 0] - drawn[..., 2]).max() > 0.1  # colors of their own
    with pytest.raises(ValueError, match="of at least 64 x 64"):
        altered(photographs, 64)


def test_shapes_lie_on_altered_photographs():
    black = [np.zeros((60, 60), np.uint8)]
    keys = jax.random.split(jax.random.key(0), 64)

    def edges(shapes):  # how many pixels differ much from their neighbors: noise is smooth
        drawn = jax.jit(jax.vmap(altered(black, 48, shapes)))(keys)
        return int((jnp.abs(jnp.diff(drawn, axis=1)) > 0.2).sum())

    assert edges(0) == 0
    assert 0 < edges(2) < edges(16)
    with pytest.raises(ValueError, match="`shapes` must be"):
        altered(black, 48, shapes=-1)


def test_a_shape_is_what_its_numbers_say():
    """(size, size) = (64, 64): in the middle, upright, half as wide as it is high."""
    photograph = jnp.full((64, 64, 3), 0.25)
    high, wide = np.log(np.array([0.4, 0.2]) / 0.03) / np.log(15)  # of 64: 25.6 and 12.8 pixels

    def drawn(*, turn=0.0, outline=0.9, pattern=(0.0, 0.5, 0.0), look=(0.0, 0.9, 0.0, 0.9)):
        numbers = [0.5, 0.5, high, wide, turn, outline, *pattern, 0.9, 0.5, 0.5, 0.5, *look]
        covers, shown = shape(jnp.float32(numbers), photograph)
        return np.asarray(covers), np.asarray(shown)

    rectangle, shown = drawn()
    assert rectangle.sum() == 51 * 25  # of 32 as the middle
    np.testing.assert_allclose(shown[rectangle], 0.9, rtol=1e-6)  # its own color
    ellipse, _ = drawn(outline=0.1)
    assert not (ellipse & ~rectangle).any()
    np.testing.assert_allclose(ellipse.sum(), np.pi * 25.6 * 12.8, rtol=0.01)
    turned, _ = drawn(turn=0.75)  # by a quarter
    assert (turned[1:, 1:] == rectangle.T[1:, 1:]).mean() > 0.99
    bars, lattice = drawn(pattern=(0, 0.5, 0.9))[0], drawn(pattern=(0, 0.5, 0.6))[0]
    # Of each 0.04 * 64 pixels 0.4 are full, across alone or also along.
    np.testing.assert_allclose(bars.sum() / rectangle.sum(), 0.4, atol=0.05)
    np.testing.assert_allclose(lattice.sum() / rectangle.sum(), 1 - 0.6**2, atol=0.05)
    np.testing.assert_allclose(drawn(look=(0, 0.1, 0, 0))[1][rectangle], 0.25)  # the photograph
    ball = drawn(outline=0.1, look=(0.8, 0.9, 0, 0))[1]
    assert ball[32, 32, 0] > ball[20, 32, 0] > ball[10, 32, 0]
    rim = drawn(look=(0, 0.9, 0.9, 0.9))[1][..., 0]
    np.testing.assert_allclose(rim[32, [32, 43]], [0.9, 0.9 + 0.8 * 0.4], rtol=1e-6)


def test_a_function_is_the_background_as_it_is():
    clothes, labels = squares()
    blue = jnp.zeros((SIZE, SIZE, 3)).at[..., 2].set(1)
    make = jax.jit(scenes(clothes, labels, lambda key: blue, size=SIZE, objects=(0, 1)))
    truth = make(jax.random.split(jax.random.key(0), 8))
    empty = np.asarray(truth["image"])[~np.asarray(truth["boxes_valid"])[:, 0]]
    assert len(empty)
    assert (empty == [0, 0, 255]).all()
