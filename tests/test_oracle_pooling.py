"""The oracle's pools against values that PyTorch gives, sums done by hand, and each other."""

import math

import numpy as np
import pytest

from tests import oracle
from tests.cases import POOLS, integers, normals

X = np.array([3, 1, 4, 1, 5, 9, 2])[:, None]
THIRD = 1 / 3


@pytest.mark.parametrize(
    ("window", "stride", "padding", "largest", "mean", "mean_inside"),
    [  # torch 2.13: max_pool1d and avg_pool1d with ceil_mode
        (2, 2, 0, [3, 4, 9, 2], [2, 2.5, 7, 2], [2, 2.5, 7, 2]),
        (3, 2, 1, [3, 4, 9, 9], [4 * THIRD, 2, 5, 11 * THIRD], [2, 2, 5, 5.5]),
        (3, 2, 0, [4, 5, 9], [8 * THIRD, 10 * THIRD, 16 * THIRD], [8 / 3, 10 / 3, 16 / 3]),
        (2, 3, 0, [3, 5, 2], [2, 3, 2], [2, 3, 2]),
        (3, 3, 1, [3, 5, 9], [4 * THIRD, 10 * THIRD, 11 * THIRD], [2, 10 / 3, 5.5]),
        (3, 4, 1, [3, 9], [4 * THIRD, 5], [2, 5]),
        (3, 5, 0, [4, 9], [8 * THIRD, 5.5], [8 / 3, 5.5]),
    ],
)
def test_ceil_mode_equals_pytorch(window, stride, padding, largest, mean, mean_inside):
    options = {"stride": stride, "padding": padding, "ceil_mode": True}
    y = oracle.max_pool(X, (window,), **options)[:, 0]
    assert y.tolist() == largest
    y = oracle.avg_pool(X, (window,), **options)[:, 0]
    np.testing.assert_allclose(y, mean)
    y = oracle.avg_pool(X, (window,), count_include_pad=False, **options)[:, 0]
    np.testing.assert_allclose(y, mean_inside)


def test_ceil_mode_takes_a_window_larger_than_the_input_as_pytorch():
    x = np.array([2, 1])[:, None]
    assert oracle.avg_pool(x, (3,), stride=2, ceil_mode=True).tolist() == [[1.5]]
    with pytest.raises(ValueError, match="a window of 3"):
        oracle.avg_pool(x, (3,), stride=1, ceil_mode=True)
    with pytest.raises(ValueError, match="a window of 3"):
        oracle.avg_pool(x, (3,), stride=2)


def test_ceil_mode_of_a_crop_is_ceil_mode_of_what_is_left():
    for low, high in [(0, 2), (1, 0), (2, 1), (1, 3)]:
        rest = X[low : len(X) - high]
        options = {"stride": 2, "ceil_mode": True}
        for pool in (oracle.max_pool, oracle.avg_pool, oracle.sum_pool, oracle.lp_pool):
            y = pool(X, (2,), padding=((-low, -high),), **options)
            np.testing.assert_array_equal(y, pool(rest, (2,), **options))


def test_ceil_mode_counts_the_taps_of_a_dilated_window():
    y = oracle.avg_pool(X, (3,), stride=4, padding=((1, 1),), dilation=2, ceil_mode=True)[:, 0]
    np.testing.assert_allclose(y, [2 / 3, 10 / 3])  # 0 1 1 | 1 9 0
    y = oracle.avg_pool(X, (3,), stride=3, padding=((1, 1),), dilation=2, ceil_mode=True)[:, 0]
    np.testing.assert_allclose(y, [2 / 3, 11 / 3, 9 / 2])  # 0 1 1 | 4 5 2 | 9 0, of which 2 count


@pytest.mark.parametrize("case", POOLS, ids=str)
def test_ceil_mode_adds_windows_that_see_what_is_left_over(case):
    (x,) = integers(case, np.float64)
    for pool in (oracle.max_pool, oracle.avg_pool, oracle.sum_pool, oracle.lp_pool):
        few = pool(x, case.window, **case.options)
        many = pool(x, case.window, ceil_mode=True, **case.options)
        same = many[tuple(slice(n) for n in few.shape)]
        np.testing.assert_array_equal(same, few)
        assert all(n <= m <= n + 1 for n, m in zip(few.shape, many.shape))


def test_ceil_mode_really_adds_windows():
    larger = {
        case.name
        for case in POOLS
        if oracle.max_pool(*integers(case), case.window, **case.options).shape
        != oracle.max_pool(*integers(case), case.window, ceil_mode=True, **case.options).shape
    }
    assert larger >= {"overlapping", "remainder"}
    assert "every place" not in larger


# ---------------------------------------------------------------- lp


def test_lp_pool_by_hand():
    x = np.array([[3.0, -4, 0, 0], [0, 0, 0, 0]])[..., None]
    assert oracle.lp_pool(x, (2, 2))[..., 0].tolist() == [[5, 0]]
    assert oracle.lp_pool(x, (2, 2), p=1)[..., 0].tolist() == [[7, 0]]
    assert oracle.lp_pool(x, (2, 2), p=np.inf)[..., 0].tolist() == [[4, 0]]
    assert oracle.lp_pool(x, (2, 3), stride=3, ceil_mode=True)[..., 0].tolist() == [[5, 0]]
    y = oracle.lp_pool(np.array([1.0, -2, 3, 4, -5])[:, None], (2,), p=4, stride=1)[:, 0]
    torchs = [2.030543088912964, 3.138288974761963, 4.284572124481201, 5.448086261749268]
    np.testing.assert_allclose(y, torchs, rtol=1e-6)


@pytest.mark.parametrize("case", POOLS, ids=str)
def test_lp_pool_is_a_root_of_a_sum_of_powers(case):
    (x,) = normals(case, np.float64)
    for p in (1, 1.5, 3):
        sums = oracle.sum_pool(np.abs(x) ** p, case.window, **case.options)
        y = oracle.lp_pool(x, case.window, p=p, **case.options)
        np.testing.assert_allclose(y, sums ** (1 / p), rtol=1e-12)
    top = np.maximum(oracle.max_pool(np.abs(x), case.window, **case.options), 0)
    np.testing.assert_array_equal(oracle.lp_pool(x, case.window, p=np.inf, **case.options), top)


def test_lp_pool_neither_overflows_nor_loses_inf_and_nan():
    x = np.array([3e300, 4e300, np.inf, 1, np.nan, 1, 3e-300, 4e-300])[:, None]
    y = oracle.lp_pool(x, (2,))[:, 0]
    np.testing.assert_allclose(y, [5e300, np.inf, np.nan, 5e-300])


# ---------------------------------------------------------------- indices


def test_indices_equal_pytorch():
    x = np.array([[2, 7, 7, 1], [7, 0, 3, 9], [9, 9, 5, 4]])[..., None]
    y, indices = oracle.max_pool_with_indices(x, (2, 2), stride=1, padding=1)
    assert y[..., 0].tolist() == [
        [2, 7, 7, 7, 1],
        [7, 7, 7, 9, 9],
        [9, 9, 9, 9, 9],
        [9, 9, 9, 5, 4],
    ]
    expected = [[0, 1, 1, 2, 3], [4, 1, 1, 7, 7], [8, 8, 9, 7, 7], [8, 8, 9, 10, 11]]
    assert indices[..., 0].tolist() == expected
    y, indices = oracle.max_pool_with_indices(x, (2, 2))
    assert indices[..., 0].tolist() == [[1, 7]]
    x = oracle.max_unpool(y, indices, (3, 4))[..., 0]
    assert x.tolist() == [[0, 7, 0, 0], [0, 0, 0, 9], [0, 0, 0, 0]]


def test_indices_of_nothing_infinity_and_nan():
    x = np.array([-np.inf, -np.inf, np.nan, 1, np.nan])[:, None]
    y, indices = oracle.max_pool_with_indices(x, (2,), stride=1, padding=((2, 0),))
    np.testing.assert_array_equal(y[:, 0], [-np.inf] * 3 + [np.nan] * 3)
    assert indices[:, 0].tolist() == [-1, 0, 0, 2, 2, 4]
    x = np.array([-128, -128], np.int8)[:, None]
    assert oracle.max_pool_with_indices(x, (2,))[1].tolist() == [[0]]


@pytest.mark.parametrize("case", POOLS, ids=str)
def test_the_element_at_the_index_is_the_maximum_and_takes_the_gradient(case):
    (x,) = integers(case, np.float64)
    y, indices = oracle.max_pool_with_indices(x, case.window, **case.options)
    rank = len(case.window)
    batch = x.shape[: x.ndim - 1 - rank]
    flat = x.reshape(*batch, math.prod(x.shape[len(batch) : -1]), x.shape[-1])
    places = indices.reshape(*batch, math.prod(y.shape[len(batch) : -1]), x.shape[-1])
    some = places >= 0
    there = np.take_along_axis(flat, np.where(some, places, 0), -2)
    np.testing.assert_array_equal(np.where(some, there, -np.inf).reshape(y.shape), y)
    if case.stride is None and case.dilation == 1 and case.padding != "SAME":  # no overlaps
        unpooled = oracle.max_unpool(y, indices, x.shape[len(batch) : -1])
        filled = np.where(y == -np.inf, 0, y)
        grad = oracle.max_pool_grad(x, filled, case.window, **case.options)
        np.testing.assert_array_equal(unpooled, grad)


def test_max_unpool_ignores_what_is_outside_and_takes_the_last():
    y = np.array([1, 2, 3, 4, 5])[:, None]
    indices = np.array([2, -1, 0, 2, 4])[:, None]
    assert oracle.max_unpool(y, indices, (4,))[:, 0].tolist() == [3, 0, 4, 0]
    assert oracle.max_unpool(y[None], indices[None], (2, 2))[..., 0].tolist() == [[3, 0], [4, 0]]
    assert oracle.max_unpool(y[0], indices[2], ()).tolist() == [1]


# ---------------------------------------------------------------- adaptive, fractional


def test_adaptive_pools_equal_pytorch():
    x = np.arange(1, 6)[:, None]
    means = {1: [3], 2: [2, 4], 3: [1.5, 3, 4.5], 7: [1, 1.5, 2.5, 3, 3.5, 4.5, 5]}
    for out, mean in means.items():
        assert oracle.adaptive_avg_pool(x, (out,))[:, 0].tolist() == mean
    tops = {2: [3, 5], 3: [2, 4, 5], 7: [1, 2, 3, 3, 4, 5, 5], None: [1, 2, 3, 4, 5]}
    for out, top in tops.items():
        assert oracle.adaptive_max_pool(x, (out,))[:, 0].tolist() == top


def test_adaptive_pools_of_divisors_are_plain_pools():
    x = np.random.default_rng(0).integers(-8, 9, (2, 3, 6, 8, 4))
    np.testing.assert_array_equal(oracle.adaptive_max_pool(x, (3, 2)), oracle.max_pool(x, (2, 4)))
    np.testing.assert_array_equal(
        oracle.adaptive_avg_pool(x, (None, 4)), oracle.avg_pool(x, (1, 2))
    )
    np.testing.assert_allclose(
        oracle.adaptive_avg_pool(x, (1, 1, 1))[:, 0, 0, 0], x.mean((1, 2, 3)), atol=1e-12
    )
    with pytest.raises(ValueError, match="positions"):
        oracle.adaptive_max_pool(x, (0, 1))


def test_fractional_max_pool_equals_pytorch():
    """With `_random_samples`, of which torch's rank 2 (but not its 3) takes the last axis first."""
    x = np.arange(25).reshape(5, 5, 1)
    for u, expected in [
        ([0.6, 0.1], [[6, 9], [16, 19], [21, 24]]),
        ([0.25, 0.9], [[6, 9], [11, 14], [21, 24]]),
    ]:
        y = oracle.fractional_max_pool(np.float32([u]), x, (2, 2), output_size=(3, 2))
        assert y[..., 0].tolist() == expected
    x = np.arange(4 * 5 * 6).reshape(1, 4, 5, 6, 1)
    u = np.float32([[[0.2, 0.7, 0.45]]])
    y = oracle.fractional_max_pool(u, x, (1, 2, 2), output_size=(3, 2, 4))[0, ..., 0]
    assert y.tolist() == [
        [[7, 8, 10, 11], [25, 26, 28, 29]],
        [[37, 38, 40, 41], [55, 56, 58, 59]],
        [[97, 98, 100, 101], [115, 116, 118, 119]],
    ]
    with pytest.raises(ValueError, match="6 windows of 1 on 5"):
        oracle.fractional_max_pool(u, x, (1, 1, 1), output_size=(3, 6, 4))


def test_fractional_max_pool_draws_for_each_image_and_channel():
    rng = np.random.default_rng(0)
    x, u = rng.normal(size=(2, 3, 9, 2)), rng.random((2, 3, 2, 1), np.float32)
    y = oracle.fractional_max_pool(u, x, (3,), output_size=(4,))
    for n in np.ndindex(2, 3):
        for c in range(2):
            one = oracle.fractional_max_pool(
                u[n][c : c + 1], x[n][:, c : c + 1], (3,), output_size=(4,)
            )
            np.testing.assert_array_equal(y[n][:, c : c + 1], one)
    np.testing.assert_array_equal(
        oracle.fractional_max_pool(u, x, (3,), output_size=(7,)), oracle.max_pool(x, (3,), stride=1)
    )


# ---------------------------------------------------------------- stochastic, blur, phases


def test_the_expectation_of_a_stochastic_pool_by_hand():
    x = np.array([1, 3, -5, 2, -1, -2, 0, 4])[:, None]
    assert oracle.stochastic_pool(None, x, (2,))[:, 0].tolist() == [2.5, 2, 0, 4]
    values, chances = oracle.stochastic_pool_chances(x, (2,), stride=3, padding=((0, 1),))
    assert values[..., 0].tolist() == [[1, 3], [2, -1], [0, 4]]
    assert chances[..., 0].tolist() == [[0.25, 0.75], [1, 0], [0, 1]]


@pytest.mark.parametrize("case", POOLS, ids=str)
def test_the_expectation_is_what_the_chances_say(case):
    (x,) = normals(case)
    values, chances = oracle.stochastic_pool_chances(x, case.window, **case.options)
    y = oracle.stochastic_pool(None, x, case.window, **case.options)
    np.testing.assert_allclose((values * chances).sum(-2), y, atol=1e-12)
    total = chances.sum(-2)
    np.testing.assert_allclose(total, (values > 0).any(-2), atol=1e-12)


def test_blur_pool_by_hand():
    x = np.array([1, 2, 4, 8, 16])[:, None]
    assert oracle.blur_pool(x, (3,))[:, 0].tolist() == [1.5, 4.5, 12]  # 2|1 2..., ...8 16|8
    assert oracle.blur_pool(x, (2,), stride=1)[:, 0].tolist() == [1.5, 3, 6, 12, 12]
    y = oracle.blur_pool(x, (4,), stride=4, padding_mode="zeros")[:, 0]
    assert y.tolist() == [(3 + 6 + 4) / 8, (8 + 48) / 8]


def test_blur_pool_keeps_constants_and_is_separable():
    rng = np.random.default_rng(0)
    for k in range(2, 8):
        np.testing.assert_allclose(oracle.blur_pool(np.full((9, 9, 2), 7), (k, k)), 7)
    x = rng.normal(size=(2, 9, 8, 3))
    rows = oracle.blur_pool(x.swapaxes(1, 2), (5,), padding_mode="circular").swapaxes(1, 2)
    both = oracle.blur_pool(rows, (4,), stride=3, padding_mode="circular")
    y = oracle.blur_pool(x, (5, 4), stride=(2, 3), padding_mode="circular")
    np.testing.assert_allclose(y, both, atol=1e-12)
    with pytest.raises(ValueError, match="2 to 7 taps"):
        oracle.blur_pool(x, (1, 2))


def test_polyphase_pool_by_hand():
    x = np.array([[[1, 9], [2, 3]], [[4, 5], [6, 7]]])[..., None]
    y, phase = oracle.polyphase_pool(np.stack([x[0], -x[1], x[0] * 0]), (1, 2))
    assert phase.tolist() == [1, 1, 0]
    assert y[..., 0].tolist() == [[[9], [3]], [[-5], [-7]], [[0], [0]]]
    x = np.array([5, 4, 0, 4])[:, None]
    assert [int(oracle.polyphase_pool(x, (2,), p=p)[1]) for p in (1, 2, np.inf)] == [1, 1, 0]
    with pytest.raises(ValueError, match="phases"):
        oracle.polyphase_pool(x, (3,))


def test_polyphase_pool_is_shift_equivariant_and_its_inverse_keeps_the_phase():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 6, 4, 2))
    y, phase = oracle.polyphase_pool(x, (3, 2))
    assert len(set(phase.ravel())) > 2
    back = oracle.polyphase_unpool(y, phase, (3, 2))
    np.testing.assert_array_equal(np.where(back == 0, x, back), x)
    assert np.count_nonzero(back) == y.size
    for shift in np.ndindex(3, 2):
        moved, number = oracle.polyphase_pool(np.roll(x, shift, (2, 3)), (3, 2))
        expected = (phase // 2 + shift[0]) % 3 * 2 + (phase + shift[1]) % 2
        np.testing.assert_array_equal(number, expected)
        np.testing.assert_array_equal(np.sort(moved, None), np.sort(y, None))
