"""`tasks.tracking`: crops, the loss, the tracker and its metric, against NumPy."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax.models.siamfc import correlate
from cnn_jax.tasks import tracking
from cnn_jax.tasks.tracking._tracker import find

from ..compilation import jit


def test_context_is_a_square_of_the_padded_area():
    boxes = np.array([[[2.0, 3, 12, 23], [0, 0, 4, 4]]], np.float32)
    center, side = tracking.context(jnp.asarray(boxes))
    np.testing.assert_allclose(center, [[[7, 13], [2, 2]]])
    np.testing.assert_allclose(side, [[np.sqrt((10 + 15) * (20 + 15)), 8]], rtol=1e-6)
    _, plain = tracking.context(jnp.asarray(boxes), 0)
    np.testing.assert_allclose(plain, [[np.sqrt(200), 4]], rtol=1e-6)


def bilinear(image, row, column):
    """The image at a point, its mean outside."""
    mean, total = image.mean((0, 1)), 0
    for i in (int(np.floor(row)), int(np.floor(row)) + 1):
        for j in (int(np.floor(column)), int(np.floor(column)) + 1):
            inside = 0 <= i < image.shape[0] and 0 <= j < image.shape[1]
            value = image[i, j] if inside else mean
            total = total + (1 - abs(row - i)) * (1 - abs(column - j)) * value
    return total


def test_a_crop_is_interpolated_and_the_mean_outside():
    images = np.random.default_rng(0).standard_normal((2, 9, 11, 3)).astype(np.float32)
    centers, sides = np.array([[4.3, 5.1], [0.5, 10.0]], np.float32), np.array([6.0, 9.5])
    found = tracking.crop(jnp.asarray(images), jnp.asarray(centers), jnp.asarray(sides, "f4"), 5)
    assert found.shape == (2, 5, 5, 3)
    for n, i, j in np.ndindex(2, 5, 5):
        row, column = (
            centers[n, a] + ((k + 0.5) / 5 - 0.5) * sides[n] for a, k in ((0, i), (1, j))
        )
        expected = bilinear(images[n].astype(float), row - 0.5, column - 0.5)
        np.testing.assert_allclose(found[n, i, j], expected, atol=1e-5)


def test_targets_are_a_disc():
    found = tracking.targets((17, 17), stride=8, radius=16)
    for i, j in np.ndindex(17, 17):
        assert found[i, j] == (1 if 8 * np.hypot(i - 8, j - 8) <= 16 else -1)
    assert (found > 0).sum() == 13
    assert (tracking.targets((4, 4), stride=8, radius=0) > 0).sum() == 4  # no place is the middle


def test_the_loss_weighs_both_labels_alike():
    v = np.random.default_rng(0).standard_normal((3, 7, 9)).astype(np.float32) * 3
    labels = tracking.targets((7, 9), stride=4, radius=6)
    losses, others = jit(tracking.loss(stride=4, radius=6))(jnp.asarray(v), {})
    for n in range(3):
        of = np.log1p(np.exp(-labels * v[n].astype(float)))
        expected = (of[labels > 0].mean() + of[labels < 0].mean()) / 2
        assert float(losses[n]) == pytest.approx(expected, rel=1e-5)
        row, column = np.unravel_index(v[n].argmax(), (7, 9))
        assert float(others["distance"][n]) == pytest.approx(4 * np.hypot(row - 3, column - 4))
    some, others = jit(tracking.loss(stride=4, radius=6))(
        jnp.asarray(v), {"counts": jnp.array([True, False, True])}
    )
    np.testing.assert_allclose(some, [losses[0], 0, losses[2]], rtol=1e-6)
    assert float(others["distance"][1]) == 0


def test_the_best_place_and_scale():
    responses = np.zeros((2, 3, 5, 7), np.float32)
    responses[0, 1, 1, 5], responses[0, 2, 4, 0] = 1.0, 1.02  # another scale, but it pays
    responses[1, 0, 3, 2] = 2
    penalties = jnp.array([0.9, 1, 0.9])
    place, scale = find(jnp.asarray(responses), penalties, 0.0, 1)
    assert scale.tolist() == [1, 0]
    np.testing.assert_allclose(place, [[-1, 2], [1, -1]])
    place, _ = find(jnp.asarray(responses), penalties, 1.0, 1)  # the window alone
    np.testing.assert_allclose(place, 0)
    place, _ = find(jnp.asarray(responses), penalties, 0.0, 4)  # between two fine places
    np.testing.assert_allclose(np.abs(np.asarray(place) - [[-1, 2], [1, -1]]), 0.125, atol=1e-6)


def moving_square(path, size=12, frames=8, grows=0.0):
    """A bright textured square on a dark frame of 64 x 64, and its boxes."""
    rng = np.random.default_rng(0)
    video, boxes = rng.normal(0, 0.05, (frames, 64, 64, 1)), []
    texture = rng.random((40, 40))
    for time in range(frames):
        side = round(size + grows * time)
        top, left = (round(start + rate * time) for start, rate in path)
        cells = (np.arange(side) * size / side).astype(int)
        video[time, top : top + side, left : left + side, 0] += 1 + texture[np.ix_(cells, cells)]
        boxes.append([top, left, top + side, left + side])
    return video.astype(np.float32), np.array(boxes, np.float32)


def follow(videos, first, **options):
    """Track by plain correlation with the exemplar, without its mean."""

    def respond(kept, searches):
        shape = (*searches.shape[:2], *kept.shape[1:])
        return correlate(searches, jnp.broadcast_to(kept[:, None], shape))

    sizes = {"exemplar": 16, "search": 32, "stride": 1, "upsample": 1, "amount": 0.3}
    embed = lambda z: z - z.mean((1, 2, 3), keepdims=True)  # noqa: E731
    return np.asarray(
        jax.jit(lambda v, b: tracking.track(embed, respond, v, b, **{**sizes, **options}))(
            videos, first
        )
    )


def test_squares_are_followed_each_in_its_video():
    made = [moving_square(path) for path in (((10, 3.0), (20, 1.0)), ((40, -2.0), (5, 4.0)))]
    videos, boxes = (jnp.asarray(np.stack(parts)) for parts in zip(*made))
    found = follow(videos, boxes[:, 0], scales=1, window=0.1)
    assert found.shape == (2, 8, 4)
    np.testing.assert_array_equal(found[:, 0], boxes[:, 0])
    assert tracking.distance(found, boxes).max() < 1.5
    sizes = found[..., 2:] - found[..., :2]
    np.testing.assert_allclose(sizes, 12, atol=1e-4)  # one scale: the size stays
    alone = follow(videos[1:], boxes[1:, 0], scales=1, window=0.1)
    np.testing.assert_allclose(alone[0], found[1], atol=1e-3)


def test_sizes_follow_the_scale():
    video, boxes = moving_square(((20, -0.5), (20, -0.5)), grows=1.0, frames=10)
    options = {"scales": 3, "scale_step": 1.1, "damping": 1.0, "scale_penalty": 0.99}
    found = follow(jnp.asarray(video)[None], jnp.asarray(boxes)[None, 0], **options)
    assert found[0, -1, 2] - found[0, -1, 0] > 15


def test_a_wide_window_stays_where_it_was():
    video, boxes = moving_square(((20, 0.0), (10, 6.0)), frames=4)
    near = follow(jnp.asarray(video)[None], jnp.asarray(boxes)[None, 0], scales=1, window=1.0)
    np.testing.assert_allclose(near[0, -1], near[0, 0], atol=0.6)
    ends = follow(jnp.asarray(video)[None], jnp.array([[-9.0, -9, 3, 3]]), scales=1, window=1.0)
    assert ends[0, 1:].min() >= 0


def test_overlaps_and_distances():
    rng = np.random.default_rng(0)
    corners = np.sort(rng.random((2, 50, 2, 2)) * 20, axis=2).reshape(2, 50, 4)
    found = tracking.overlap(*corners)
    for one, other, value in zip(*corners, found):
        grid = (np.arange(2000) + 0.5) / 100
        inside = [[(grid > b[i]) & (grid < b[i + 2]) for i in (0, 1)] for b in (one, other)]
        common = np.prod([(a & b).sum() for a, b in zip(*inside)]) / 1e4
        areas = [np.prod(b[2:] - b[:2]) for b in (one, other)]
        assert value == pytest.approx(common / (sum(areas) - common), abs=0.02)
    assert tracking.overlap(np.zeros(4), np.zeros(4)) == 0


def test_the_score_is_that_of_its_definition():
    rng = np.random.default_rng(1)
    true = np.tile(np.array([10.0, 10, 30, 30]), (4, 6, 1))
    found = true + rng.normal(0, 6, (4, 6, 1))
    counts = rng.random((4, 6)) < 0.7
    counts[3] = False  # a video that never counts
    curves, near = [], []
    for video in range(3):
        frames = np.flatnonzero(counts[video])
        overlaps = tracking.overlap(found[video, frames], true[video, frames])
        curves.append([(overlaps > k / 20).mean() for k in range(21)])
        shift = found[video, frames, 0] - true[video, frames, 0]
        near.append((np.abs(shift) * np.sqrt(2) <= 5).mean())
    scores = tracking.score(found, true, counts, pixels=5)
    assert scores["success"] == pytest.approx(np.mean(curves))
    assert scores["precision"] == pytest.approx(np.mean(near))
    assert tracking.score(found, true, np.zeros((4, 6), bool)) == {"success": 0, "precision": 0}


BOX = np.zeros((2, 4), np.float32)
SIZES = {"exemplar": 8, "search": 16, "stride": 1}


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: tracking.context(jnp.zeros((2, 3))), ValueError, "`boxes` must be (..., 4)"),
        (lambda: tracking.context(jnp.zeros(4, int)), TypeError, "`boxes` must hold floats"),
        (lambda: tracking.context(BOX, -1), ValueError, "`amount` must be"),
        (
            lambda: tracking.crop(jnp.zeros((2, 4, 4, 1)), jnp.zeros((1, 2)), jnp.zeros(2), 3),
            ValueError,
            "`images` must be (n, height, width, channels), with `centers` (n, 2)",
        ),
        (lambda: tracking.loss(stride=0, radius=1), ValueError, "`stride` must be a positive int"),
        (lambda: tracking.loss(stride=1, radius=-1), ValueError, "`radius` must be"),
        (
            lambda: tracking.loss(stride=1, radius=1)(jnp.zeros((3, 3)), {}),
            ValueError,
            "The model must return responses (n, rows, columns); got (3, 3).",
        ),
        (
            lambda: tracking.track(len, len, jnp.zeros((2, 3, 8, 8, 1)), BOX, scales=2, **SIZES),
            ValueError,
            "`scales` must be odd; got 2.",
        ),
        (
            lambda: tracking.track(len, len, jnp.zeros((3, 8, 8, 1)), BOX, **SIZES),
            ValueError,
            "`videos` must be (n, t, height, width, channels), with `boxes` (n, 4)",
        ),
        (lambda: tracking.overlap(BOX, BOX[0]), ValueError, "boxes (..., 4) of one shape"),
        (
            lambda: tracking.score(BOX, BOX, np.ones(2, bool)),
            ValueError,
            "`counts` must have one entry for each of the boxes (n, t, 4)",
        ),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(call, kind, text):
    with pytest.raises(kind, match=re.escape(text)):
        call()


def test_equal_responses_keep_size_and_place():
    place, scale = find(jnp.ones((2, 3, 5, 5)), jnp.array([0.9, 1, 0.9]), 0.2, 1)
    assert scale.tolist() == [1, 1]
    assert place.tolist() == [[0, 0], [0, 0]]
