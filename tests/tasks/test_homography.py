"""Homography: against scikit-image, in float64, and against formulas in NumPy."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage import transform

from cnn_jax.data.augment.parts import geometry
from cnn_jax.tasks import homography

from ..compilation import jit

SIZE = 32
RNG = np.random.default_rng(0)
OFFSETS = RNG.uniform(-SIZE / 4, SIZE / 4, (7, 4, 2))
SQUARE = np.array([[0.0, 0], [0, SIZE], [SIZE, SIZE], [SIZE, 0]])


def of_skimage(offsets):
    """The homography by scikit-image, which estimates in a least squares sense, in float64."""
    model = transform.ProjectiveTransform()
    if hasattr(transform.ProjectiveTransform, "from_estimate"):
        model = transform.ProjectiveTransform.from_estimate(SQUARE, SQUARE + offsets)
    else:
        assert model.estimate(SQUARE, SQUARE + offsets)
    return model


@pytest.mark.parametrize(("dtype", "digits"), [(np.float64, 1e-10), (np.float32, 2e-5)])
def test_the_homography_is_that_of_scikit_image(dtype, digits):
    with jax.enable_x64(True):
        offsets = jnp.asarray(OFFSETS, dtype)
        found = jit(lambda o: homography.from_corners(o, SIZE))(offsets)
        back = homography.to_corners(found, SIZE)
        assert found.dtype == back.dtype == dtype
        points = RNG.uniform(0, SIZE, (7, 5, 2))
        moved = homography.move(found, jnp.asarray(points, dtype))
        for i, offset in enumerate(OFFSETS):
            expected = of_skimage(offset)
            scale = np.outer([SIZE, SIZE, 1], [1 / SIZE, 1 / SIZE, 1])
            matrix = expected.params / expected.params[2, 2]
            np.testing.assert_allclose(np.asarray(found[i]) / scale, matrix / scale, atol=digits)
            np.testing.assert_allclose(moved[i], expected(points[i]), atol=digits * SIZE)
        np.testing.assert_allclose(back, OFFSETS, atol=digits * SIZE)


def test_a_solve_and_a_closed_form_agree():
    for offset in OFFSETS.astype(np.float32):
        square = jnp.asarray((SQUARE + offset) / SIZE, jnp.float32)
        expected = geometry.corners_to((SIZE, SIZE), square)
        found = homography.from_corners(offset, SIZE)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_vmap_is_a_loop_and_the_derivative_is_that_of_finite_differences():
    with jax.enable_x64(True):
        offsets = jnp.asarray(OFFSETS)
        once = [homography.from_corners(o, SIZE) for o in offsets]
        mapped = jax.vmap(lambda o: homography.from_corners(o, SIZE))(offsets)
        np.testing.assert_allclose(mapped, jnp.stack(once), rtol=1e-12)
        point = jnp.array([5.0, 20])

        def moved(offset):
            return homography.move(homography.from_corners(offset, SIZE), point).sum()

        gradient = jax.grad(moved)(offsets[0])
        for place in ((0, 0), (2, 1), (3, 0)):
            step = jnp.zeros((4, 2)).at[place].set(1e-5)
            slope = (moved(offsets[0] + step) - moved(offsets[0] - step)) / 2e-5
            assert float(gradient[place]) == pytest.approx(float(slope), rel=1e-6)


def warped(image, matrix):
    """y[p] = x[H p], bilinear, one pixel at a time; zeros outside."""
    height, width = image.shape
    y = np.zeros_like(image)
    padded = np.pad(image, 1)
    for i in range(height):
        for j in range(width):
            v, u, w = matrix @ [i + 0.5, j + 0.5, 1]
            v, u = v / w - 0.5, u / w - 0.5
            if not (-1 < v < height and -1 < u < width):
                continue
            top, left = int(np.floor(v)), int(np.floor(u))
            a, b = v - top, u - left
            part = padded[top + 1 : top + 3, left + 1 : left + 3]
            y[i, j] = np.array([1 - a, a]) @ part @ np.array([1 - b, b])
    return y


def test_a_warp_looks_where_the_homography_says():
    images = RNG.uniform(size=(7, SIZE, SIZE - 5, 1)).astype(np.float32)
    matrices = homography.from_corners(OFFSETS.astype(np.float32), SIZE)
    found = homography.warp(images, matrices)
    for image, offset, view in zip(images, OFFSETS, found):
        expected = warped(image[..., 0].astype(float), of_skimage(offset).params)
        # A pixel at the very edge may be inside by rounding: its value is near 0 in any case.
        np.testing.assert_allclose(view[..., 0], expected, atol=1e-3)


def test_composed_and_remaining_are_products_of_matrices():
    with jax.enable_x64(True):
        outer, inner = jnp.asarray(OFFSETS), jnp.asarray(OFFSETS[::-1] / 2)
        whole = homography.compose(outer, inner, SIZE)
        for a, b, both in zip(OFFSETS, OFFSETS[::-1] / 2, whole):
            matrix = of_skimage(a).params @ of_skimage(b).params
            product = transform.ProjectiveTransform(matrix)(SQUARE) - SQUARE
            np.testing.assert_allclose(both, product, atol=1e-8)
        np.testing.assert_allclose(homography.remaining(whole, outer, SIZE), inner, atol=1e-8)


@pytest.mark.parametrize(
    ("moved", "expected"),
    [
        ([[0, 0], [0, 32], [32, 32], [32, 0]], True),
        ([[15, 15], [0, 32], [32, 32], [32, 0]], True),
        ([[17, 17], [0, 32], [32, 32], [32, 0]], False),  # within the triangle of the others
        ([[16, 16], [0, 32], [32, 32], [32, 0]], False),  # on a line
        ([[0, 32], [0, 0], [32, 0], [32, 32]], False),  # turned over
        ([[0, 32], [0, 0], [32, 32], [32, 0]], False),  # crossed
        ([[9, 9], [9, 9], [9, 9], [9, 9]], False),
        ([[np.nan, 0], [0, 32], [32, 32], [32, 0]], False),
    ],
)
def test_convex(moved, expected):
    assert bool(homography.convex(np.array(moved) - SQUARE, SIZE)) is expected


def test_three_corners_on_a_line_have_no_homography():
    """As the task's docstring says: not finite, or without an inverse."""
    with jax.enable_x64(True):
        for moved in ([[16, 16], [0, 32], [32, 32], [32, 0]], [[9, 9]] * 4):
            matrix = np.asarray(homography.from_corners(np.array(moved) - SQUARE, SIZE))
            assert not np.isfinite(matrix).all() or np.linalg.cond(matrix) > 1e12
    inside = homography.from_corners(
        jnp.array([[20.0, 20], [0, 32], [32, 32], [32, 0]]) - SQUARE, 32
    )
    third = [float(inside[2] @ jnp.array([*corner, 1])) for corner in SQUARE]
    assert min(third) < 0 < max(third)  # a line between the corners goes to infinity


def test_the_loss_and_the_corner_error_are_their_formulas():
    true, outputs = OFFSETS.astype(np.float32), RNG.normal(size=(7, 8)).astype(np.float32)
    found = 5 * outputs.reshape(7, 4, 2)
    distance = np.sqrt(((found - true) ** 2).sum(-1)).mean(-1)
    np.testing.assert_allclose(homography.corner_error(found, true), distance, rtol=1e-5)
    for error, expected in (
        ("squared", ((outputs - true.reshape(7, 8) / 5) ** 2).sum(1) / 2),
        ("distance", distance / 5),
    ):
        losses, others = homography.loss(unit=5, error=error)(outputs, {"corners": true})
        np.testing.assert_allclose(losses, expected, rtol=1e-5)
        np.testing.assert_allclose(others["corner_error"], distance, rtol=1e-5)


def test_an_exact_estimate_has_no_error_and_a_finite_derivative():
    true = jnp.asarray(OFFSETS[:1], jnp.float32)
    loss = homography.loss(unit=1, error="distance")
    slope = jax.grad(lambda o: loss(o, {"corners": true})[0].sum())(true.reshape(1, 8))
    np.testing.assert_array_equal(slope, np.zeros((1, 8)))


def test_refining_comes_nearer_with_each_pass_and_does_not_follow_nonsense():
    true = jnp.asarray(OFFSETS[:2], jnp.float32)
    plane = jnp.zeros((2, SIZE, SIZE, 2))
    seen = []

    def two(images):
        seen.append(images.shape)
        return jnp.full((2, 4, 2), 2.0)

    found = homography.refine(two, plane, passes=3)
    assert found.shape == (2, 3, 4, 2)
    assert seen == [(2, SIZE, SIZE, 2)]  # traced once
    np.testing.assert_allclose(found[:, :, 0, 0], [[2, 4, 6]] * 2, atol=1e-4)
    found = homography.refine(lambda _: true + 20.0, plane, passes=2)
    np.testing.assert_allclose(found[:, 0], true + 20.0, atol=1e-3)
    nonsense = homography.refine(lambda _: jnp.full((2, 4, 2), jnp.nan), plane, passes=2)
    np.testing.assert_array_equal(nonsense, np.zeros((2, 2, 4, 2)))


def test_refining_warps_the_first_view_by_the_estimate():
    images = jnp.asarray(RNG.uniform(size=(2, SIZE, SIZE, 2)), jnp.float32)
    shift = jnp.tile(jnp.array([3.0, 0]), (2, 4, 1))
    views = []
    with jax.disable_jit():
        homography.refine(lambda v: (views.append(v), shift)[1], images, passes=2)
    np.testing.assert_array_equal(views[0], images)
    np.testing.assert_allclose(views[1][:, :-3, :, 0], images[:, 3:, :, 0], atol=1e-4)
    np.testing.assert_array_equal(views[1][..., 1], images[..., 1])


FLAT = jnp.zeros((2, 4, 2))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: homography.from_corners(jnp.zeros((2, 8)), 4),
            "`offsets` must be floats (..., 4, 2); got float32 (2, 8).",
        ),
        (
            lambda: homography.to_corners(jnp.zeros((3, 3), int), 4),
            "`homographies` must be floats (..., 3, 3); got int32 (3, 3).",
        ),
        (lambda: homography.from_corners(FLAT, 0), "`size` must be a positive int; got 0."),
        (
            lambda: homography.move(jnp.zeros((2, 3, 3)), jnp.zeros((5, 2))),
            "`points` must be (*batch, *positions, 2) with the batch axes of `homographies`",
        ),
        (
            lambda: homography.warp(jnp.zeros((4, 4, 1)), jnp.zeros((2, 3, 3))),
            "`images` must be (*batch, height, width, channels) with the batch axes of "
            "`homographies`, (*batch, 3, 3); got (4, 4, 1) and (2, 3, 3).",
        ),
        (
            lambda: homography.corner_error(FLAT, FLAT[:1]),
            "`found` and `true` must have one shape; got (2, 4, 2) and (1, 4, 2).",
        ),
        (lambda: homography.loss(unit=0), "`unit` must be a finite number above 0; got 0."),
        (
            lambda: homography.loss(unit=1, error="l1"),
            "`error` must be one of 'squared', 'distance'; got 'l1'.",
        ),
        (
            lambda: homography.refine(lambda x: FLAT, jnp.zeros((2, 4, 4, 2)), passes=0),
            "`passes` must be a positive int; got 0.",
        ),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(call, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        call()


def test_an_offset_that_is_no_number_is_no_perfect_one():
    found = jnp.zeros((2, 4, 2)).at[0, 1, 0].set(jnp.nan)
    assert np.isnan(homography.corner_error(found, jnp.zeros((2, 4, 2)))).tolist() == [True, False]
    losses, _ = homography.loss(unit=32, error="distance")(
        found.reshape(2, 8), {"corners": jnp.zeros((2, 4, 2))}
    )
    assert np.isnan(losses[0])


def test_views_that_are_refined_are_square():
    with pytest.raises(ValueError, match=re.escape("(n, size, size, 2); got (1, 32, 48, 2).")):
        homography.refine(lambda views: views, jnp.zeros((1, 32, 48, 2)), passes=1)
