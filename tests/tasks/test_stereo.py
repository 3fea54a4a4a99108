"""Stereo: loss, measures, block matching, visibility and depth against NumPy, pixel by pixel."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax.tasks import stereo

RNG = np.random.default_rng(0)
TRUTH = RNG.uniform(0, 40, (3, 6, 8)).astype(np.float32)
TRUTH[0, 0, :4] = [np.nan, np.inf, -1, 32]
TRUTH[2] = np.nan
FOUND = (TRUTH + RNG.normal(0, 3, TRUTH.shape)).astype(np.float32)
FOUND = np.where(np.isfinite(FOUND), FOUND, 7)


def expected_of(pair, measure, most=32):
    """The mean of a measure over the pixels that count, one at a time."""
    values = [
        measure(abs(float(found) - float(true)))
        for found, true in zip(FOUND[pair].ravel(), TRUTH[pair].ravel())
        if np.isfinite(true) and 0 <= true < most
    ]
    return np.mean(values) if values else 0.0


@pytest.mark.parametrize("most", [32, 16.5])
def test_loss_and_measures_by_their_formulas(most):
    losses, others = jax.jit(stereo.loss(max_disparity=most))(FOUND, {"disparity": TRUTH})
    for pair in range(3):
        smooth = expected_of(pair, lambda e: e * e / 2 if e < 1 else e - 0.5, most)
        assert float(losses[pair]) == pytest.approx(smooth, rel=1e-5)
        epe = expected_of(pair, lambda e: e, most)
        assert float(others["epe"][pair]) == pytest.approx(epe, rel=1e-5)
        bad = expected_of(pair, lambda e: e > 3, most)
        assert float(others["bad3"][pair]) == pytest.approx(bad, rel=1e-5)
    one = stereo.bad(FOUND, TRUTH, more_than=1, max_disparity=most)
    assert float(one[1]) == pytest.approx(expected_of(1, lambda e: e > 1, most), rel=1e-5)
    assert 0 < float(others["bad3"][1]) < float(one[1]) < 1


def test_the_loss_is_that_of_torch():
    torch = pytest.importorskip("torch")
    losses, _ = stereo.loss(max_disparity=100)(FOUND[1:2], {"disparity": TRUTH[1:2]})
    arrays = torch.from_numpy(FOUND[1].copy()), torch.from_numpy(TRUTH[1].copy())
    expected = torch.nn.functional.smooth_l1_loss(*arrays)
    assert float(losses[0]) == pytest.approx(float(expected), rel=1e-5)


def test_what_does_not_count_has_no_gradient_and_the_rest_a_finite_one():
    loss = stereo.loss()
    gradient = jax.grad(lambda found: loss(found, {"disparity": TRUTH})[0].sum())(FOUND)
    counts = np.isfinite(TRUTH) & (TRUTH >= 0) & (TRUTH < 32)
    np.testing.assert_array_equal(np.asarray(gradient) != 0, counts)
    assert np.isfinite(gradient).all()


def matched_slowly(left, right, disparities, window, check):
    """Block matching, one pixel and one disparity at a time."""
    height, width, _ = left.shape
    half = window // 2

    def match(cost_of):
        best = np.zeros((height, width))
        for row, column in np.ndindex(height, width):
            costs = [cost_of(row, column, d) for d in range(disparities)]
            best[row, column] = int(np.argmin(costs))
        return best

    def cost(row, column, d):
        """Of the left pixel's window, with the right view continued by its first column."""
        if column < d:
            return np.inf
        differences = [
            np.abs(left[y, x] - right[y, max(x - d, 0)]).mean()
            for y in range(max(row - half, 0), min(row + half + 1, height))
            for x in range(max(column - half, 0), min(column + half + 1, width))
        ]
        return np.mean(differences)

    found = match(cost)
    if check is None:
        return found
    back = match(lambda r, c, d: cost(r, c + d, d) if c + d < width else np.inf)
    for row, column in np.ndindex(height, width):
        d = int(found[row, column])
        if abs(back[row, column - d] - d) > check:
            found[row, column] = np.nan
    return found


@pytest.mark.parametrize(("window", "check"), [(1, None), (3, None), (5, None), (3, 0), (3, 1)])
def test_block_matching_one_pixel_at_a_time(window, check):
    rng = np.random.default_rng(1)
    right = rng.integers(0, 256, (2, 9, 18, 3)).astype(np.float32)
    left = np.roll(right, 4, axis=2)
    left[:, 3:7, 8:14] = np.roll(right, 1, axis=2)[:, 3:7, 8:14]  # a part that is farther away
    left += rng.normal(0, 20, left.shape).astype(np.float32)
    options = {"disparities": 6, "window": window, "check": check}
    found = jax.jit(lambda a, b: stereo.block_match(a, b, **options))(left, right)
    for pair in range(2):
        expected = matched_slowly(left[pair], right[pair], 6, window, check)
        np.testing.assert_array_equal(found[pair], expected)
    assert np.isnan(found).any() == (check is not None)
    assert {1, 4} <= set(np.asarray(found).ravel().tolist())


def test_filling_takes_the_farther_neighbor():
    maps = np.where(RNG.random((2, 5, 12)) < 0.6, np.nan, RNG.integers(0, 9, (2, 5, 12)))
    maps[0, 0], maps[0, 1, 1:] = np.nan, np.nan
    maps[0, 1, 0] = 5
    expected = maps.copy()
    for pair, row, column in np.argwhere(np.isnan(maps)):
        known = np.flatnonzero(~np.isnan(maps[pair, row]))
        before, after = known[known < column], known[known > column]
        nearest = [*before[-1:], *after[:1]]
        expected[pair, row, column] = min((maps[pair, row, k] for k in nearest), default=0)
    np.testing.assert_array_equal(jax.jit(stereo.filled)(maps.astype(np.float32)), expected)


def test_visible_one_pixel_at_a_time():
    truth = RNG.integers(0, 6, (2, 5, 12)).astype(np.float32)
    truth[0, 0, 3:5] = [np.nan, np.inf]
    expected = np.zeros(truth.shape, bool)
    for pair, row, column in np.ndindex(truth.shape):
        d = truth[pair, row, column]
        if np.isfinite(d) and column - d >= 0:
            rivals = [t for x, t in enumerate(truth[pair, row]) if x - t == column - d]
            expected[pair, row, column] = d >= max(rivals) - 1
    np.testing.assert_array_equal(jax.jit(stereo.visible)(truth), expected)
    assert 0.2 < expected.mean() < 0.9


def test_points_are_seen_where_they_came_from():
    disparity = RNG.uniform(1, 20, (4, 5)).astype(np.float32)
    focal, baseline, offset, center = 50.0, 0.3, 2.0, (1.5, 2.25)
    z = stereo.depth(disparity, focal=focal, baseline=baseline, offset=offset)
    np.testing.assert_allclose(z, focal * baseline / (disparity + offset), rtol=1e-6)
    at = np.asarray(stereo.points(z, focal=focal, center=center), np.float64)
    rows, columns = np.mgrid[:4, :5]
    np.testing.assert_allclose(focal * at[..., 0] / at[..., 2] + center[1], columns, atol=1e-4)
    np.testing.assert_allclose(focal * at[..., 1] / at[..., 2] + center[0], rows, atol=1e-4)
    # The right camera is `baseline` to the right, its principal point `offset` farther right.
    right = focal * (at[..., 0] - baseline) / at[..., 2] + center[1] + offset
    np.testing.assert_allclose(columns - right, disparity, atol=1e-4)
    assert np.isposinf(stereo.depth(np.float32([-2, -5]), focal=1, baseline=1, offset=2)).all()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: stereo.loss(max_disparity=0), "`max_disparity` must be"),
        (lambda: stereo.bad(FOUND, TRUTH, more_than=-1), "`more_than` must be"),
        (lambda: stereo.end_point_error(FOUND, TRUTH[:1]), "`outputs` and `disparity` must have"),
        (lambda: stereo.visible(jnp.zeros((4, 4))), "`disparity` must be floats (n, height, w"),
        (lambda: stereo.filled(jnp.zeros((1, 4, 4), int)), "`disparity` must be floats"),
        (lambda: stereo.depth(FOUND, focal=0, baseline=1), "`focal` must be"),
        (lambda: stereo.depth(FOUND, focal=1, baseline=-1), "`baseline` must be"),
        (lambda: stereo.block_match(FOUND, FOUND), "`left` and `right` must be views"),
        (lambda: stereo.block_match(FOUND, FOUND, window=4), "`window` must be odd; got 4."),
        (lambda: stereo.block_match(FOUND, FOUND, disparities=0), "`disparities` must be"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(call, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        call()


def test_a_disparity_that_was_not_found_is_bad():
    truth = jnp.array([[[3.0, 3.5, jnp.inf]]])
    assert stereo.bad(jnp.full((1, 1, 3), jnp.nan), truth).tolist() == [1]
    assert stereo.bad(truth.at[0, 0, 0].set(jnp.nan), truth).tolist() == [0.5]


def test_an_unknown_disparity_has_no_depth():
    found = stereo.depth(jnp.array([jnp.nan, jnp.inf, -1.0, 4.0]), focal=8, baseline=1)
    np.testing.assert_array_equal(found, [np.nan, np.nan, np.inf, 2])
