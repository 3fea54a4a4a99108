"""The oracle against sums done by hand and against NumPy; and the list of cases against itself."""

import dataclasses

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from tests import oracle
from tests.cases import CONVS, POOLS, integers, normals, tolerance

X = np.array([1, 2, 3, 4])[:, None]  # one batch-less signal of one channel
KERNEL = np.array([1, 10, 100])[:, None, None]


def conv_1d(**options):
    return oracle.conv(X, KERNEL, **options)[:, 0].tolist()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [321, 432]),
        ({"padding": 1}, [210, 321, 432, 43]),
        ({"padding": "same", "stride": 2}, [321, 43]),
        ({"padding": "SAME_LOWER", "stride": 2}, [210, 432]),
        ({"padding": "FULL"}, [100, 210, 321, 432, 43, 4]),
        ({"padding": "CAUSAL"}, [100, 210, 321, 432]),
        ({"padding": "CAUSAL", "dilation": 2}, [100, 200, 310, 420]),
        ({"padding": ((2, -1),)}, [100, 210, 321]),
        ({"padding": ((-1, 1),)}, [432, 43]),
        ({"padding": 2, "padding_mode": "reflect"}, [123, 212, 321, 432, 343, 234]),
        ({"padding": 2, "padding_mode": "replicate"}, [111, 211, 321, 432, 443, 444]),
        ({"padding": 2, "padding_mode": "circular"}, [143, 214, 321, 432, 143, 214]),
        ({"stride": 2, "padding": 1}, [210, 432]),
        ({"dilation": 2, "padding": 1}, [20 + 400, 1 + 30]),
        ({"input_dilation": 2}, [201, 20, 302, 30, 403]),
        ({"input_dilation": 2, "padding": ((-1, -2),)}, [20, 302]),
    ],
    ids=str,
)
def test_conv_by_hand(options, expected):
    assert conv_1d(**options) == expected


@pytest.mark.parametrize(
    ("pool", "options", "expected"),
    [
        (oracle.max_pool, {}, [3, 2]),
        (oracle.max_pool, {"stride": 1}, [3, 3, 2, 2]),
        (oracle.max_pool, {"stride": 1, "dilation": 2}, [1, 3, 2]),
        (oracle.min_pool, {"padding": "SAME"}, [1, -5, 2]),
        (oracle.sum_pool, {"padding": "SAME"}, [4, -3, 2]),
        (oracle.avg_pool, {"padding": "SAME"}, [2, -1.5, 1]),
        (oracle.avg_pool, {"padding": "SAME", "count_include_pad": False}, [2, -1.5, 2]),
        (oracle.avg_pool, {"padding": ((-1, 3),)}, [-1, 2, 0]),
        (oracle.avg_pool, {"padding": ((-1, 3),), "count_include_pad": False}, [-1, 2, 0]),
        (oracle.sum_pool, {"padding": ((-1, 3),)}, [-2, 4, 0]),
        (oracle.max_pool, {"padding": ((-1, 3),)}, [3, 2, np.iinfo(np.int64).min]),
        (oracle.min_pool, {"padding": ((-1, 3),)}, [-5, 2, np.iinfo(np.int64).max]),
    ],
)
def test_pool_by_hand(pool, options, expected):
    x = np.array([1, 3, -5, 2, 2])[:, None]
    assert pool(x, (2,), **options)[:, 0].tolist() == expected


def test_the_extreme_of_nothing_is_the_dtypes_own():
    for dtype, least, largest in [(np.float32, -np.inf, np.inf), (np.int8, -128, 127)]:
        x = np.ones((1, 1), dtype)
        assert oracle.max_pool(x, (1,), padding=1)[:, 0].tolist() == [least, 1, least]
        assert oracle.min_pool(x, (1,), padding=1)[:, 0].tolist() == [largest, 1, largest]


def test_global_pools_reduce_the_positions_and_nothing_else():
    x = integers(POOLS[4])[0]
    np.testing.assert_array_equal(oracle.global_max_pool(x, spatial_rank=2), x.max((1, 2)))
    mean = x.astype(np.float64).mean((1, 2))
    np.testing.assert_allclose(oracle.global_avg_pool(x, spatial_rank=2), mean)
    np.testing.assert_array_equal(oracle.global_max_pool(x, spatial_rank=0), x)


def test_the_first_maximum_takes_the_gradient():
    x = np.array([[1, 7, 7], [7, 0, 7]])[..., None]
    g = np.array([[1, 10]])[..., None]
    grad = oracle.max_pool_grad(x, g, (2, 2), stride=1)[..., 0]
    assert grad.tolist() == [[0, 11, 0], [0, 0, 0]]


def test_padding_takes_no_gradient():
    x = np.full((2, 1), -np.inf)
    g = np.array([1, 10, 100, 1000])[:, None]
    assert oracle.max_pool_grad(x, g, (2,), stride=1, padding=((1, 2),))[:, 0].tolist() == [11, 100]


def test_a_window_larger_than_its_padded_input_is_an_error():
    with pytest.raises(ValueError, match="a window of 5"):
        oracle.conv(X, KERNEL, dilation=2)
    with pytest.raises(ValueError, match="a window of 3"):
        oracle.max_pool(X, (3,), padding=((-1, -1),))


# ---------------------------------------------------------------- against NumPy


@pytest.mark.parametrize(("padding", "mode"), [("VALID", "valid"), ("FULL", "full")])
def test_conv_1d_is_numpys_correlation_and_flipped_its_convolution(padding, mode):
    rng = np.random.default_rng(0)
    x, kernel = rng.integers(-8, 9, 11), rng.integers(-8, 9, 4)
    y = oracle.conv(x[:, None], kernel[:, None, None], padding=padding)[:, 0]
    np.testing.assert_array_equal(y, np.correlate(x, kernel, mode))
    y = oracle.conv(x[:, None], kernel[::-1, None, None], padding=padding)[:, 0]
    np.testing.assert_array_equal(y, np.convolve(x, kernel, mode))


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_a_plain_conv_contracts_each_sliding_window_with_the_kernel(rank):
    rng = np.random.default_rng(rank)
    x = rng.integers(-8, 9, (2, *(5, 4, 6)[:rank], 3))
    kernel = rng.integers(-8, 9, (*(2, 3, 4)[:rank], 3, 5))
    axes = tuple(range(1, 1 + rank))
    windows = sliding_window_view(x, kernel.shape[:rank], axes) if rank else x
    expected = np.tensordot(windows, np.moveaxis(kernel, -2, 0), rank + 1)
    np.testing.assert_array_equal(oracle.conv(x, kernel), expected)


# Every option is then a change of the input, the kernel or the output of a plainer convolution.
NAMES = ("SAME", "SAME_LOWER", "FULL", "CAUSAL")
EXPLICIT = [case for case in CONVS if str(case.padding).upper() not in NAMES]


def per_axis(option, rank):
    return (option,) * rank if isinstance(option, int) else option


def spread(array, axis, by):
    """The array with `by - 1` zeros between its elements along an axis."""
    zeros = np.arange(1, array.shape[axis]).repeat(by - 1)
    return np.insert(array, zeros, 0, axis)


@pytest.mark.parametrize("case", EXPLICIT, ids=str)
def test_stride_is_a_slice_of_the_output(case):
    x, kernel = integers(case, np.int64)
    steps = tuple(slice(None, None, s) for s in per_axis(case.stride, kernel.ndim - 2))
    every = oracle.conv(x, kernel, **{**case.options, "stride": 1})
    y = oracle.conv(x, kernel, **case.options)
    np.testing.assert_array_equal(y, every[(..., *steps, slice(None))])


@pytest.mark.parametrize("case", CONVS, ids=str)
def test_dilation_spreads_the_kernel(case):
    x, kernel = integers(case, np.int64)
    wide = kernel
    for axis, by in enumerate(per_axis(case.dilation, kernel.ndim - 2)):
        wide = spread(wide, axis, by)
    y = oracle.conv(x, kernel, **case.options)
    np.testing.assert_array_equal(y, oracle.conv(x, wide, **{**case.options, "dilation": 1}))


@pytest.mark.parametrize("case", CONVS, ids=str)
def test_groups_are_convolutions_side_by_side(case):
    x, kernel = integers(case, np.int64)
    xs, kernels = (np.split(array, case.groups, axis=-1) for array in (x, kernel))
    options = {**case.options, "groups": 1}
    parts = [oracle.conv(part, one, **options) for part, one in zip(xs, kernels)]
    y = oracle.conv(x, kernel, **case.options)
    np.testing.assert_array_equal(y, np.concatenate(parts, axis=-1))


@pytest.mark.parametrize("case", EXPLICIT, ids=str)
def test_padding_is_numpys_pad_of_the_spread_input_and_negative_padding_a_slice(case):
    x, kernel = integers(case, np.int64)
    rank, batch = kernel.ndim - 2, x.ndim - kernel.ndim + 1
    modes = {"zeros": "constant", "replicate": "edge", "circular": "wrap", "reflect": "reflect"}
    wide = x
    for axis, by in enumerate(per_axis(case.input_dilation, rank), batch):
        wide = spread(wide, axis, by)
    padding = 0 if case.padding == "VALID" else case.padding
    for axis, entry in enumerate(per_axis(padding, rank), batch):
        low, high = per_axis(entry, 2)
        width = [(0, 0)] * x.ndim
        width[axis] = (max(low, 0), max(high, 0))
        wide = np.pad(wide, width, modes[case.padding_mode.lower()])
        crop = slice(max(-low, 0), wide.shape[axis] - max(-high, 0))
        wide = wide[(slice(None),) * axis + (crop,)]
    plain = {**case.options, "padding": "VALID", "padding_mode": "zeros", "input_dilation": 1}
    y = oracle.conv(x, kernel, **case.options)
    np.testing.assert_array_equal(y, oracle.conv(wide, kernel, **plain))


@pytest.mark.parametrize("case", CONVS, ids=str)
def test_the_gradients_are_adjoint_to_conv(case):
    x, kernel = integers(case, np.int64)
    y = oracle.conv(x, kernel, **case.options)
    g = np.random.default_rng(1).integers(-8, 9, y.shape)
    form = np.sum(y * g)
    assert np.sum(x * oracle.conv_input_grad(x, kernel, g, **case.options)) == form
    assert np.sum(kernel * oracle.conv_kernel_grad(x, kernel, g, **case.options)) == form


@pytest.mark.parametrize("case", POOLS, ids=str)
def test_pools_of_one_sign_agree_with_each_other(case):
    """min(x) = -max(-x); avg = sum / taps; a depthwise convolution of ones is the sum."""
    (x,) = integers(case, np.float64)
    lowest = oracle.min_pool(x, case.window, **case.options)
    np.testing.assert_array_equal(lowest, -oracle.max_pool(-x, case.window, **case.options))
    total = oracle.sum_pool(x, case.window, **case.options)
    mean = oracle.avg_pool(x, case.window, **case.options)
    np.testing.assert_allclose(mean * case.terms, total, atol=1e-12)
    channels = x.shape[-1]
    options = {**case.options, "stride": case.window if case.stride is None else case.stride}
    ones = np.ones((*case.window, 1, channels))
    np.testing.assert_array_equal(oracle.conv(x, ones, groups=channels, **options), total)


@pytest.mark.parametrize("case", POOLS, ids=str)
def test_the_max_pools_gradient_is_a_choice_of_one_element_of_each_window(case):
    (x,) = integers(case, np.float64)
    y = oracle.max_pool(x, case.window, **case.options)
    filled = np.isfinite(y)
    grad = oracle.max_pool_grad(x, filled, case.window, **case.options)
    assert grad.sum() == filled.sum()
    assert (grad * x).sum() == y[filled].sum()


# ---------------------------------------------------------------- the list of cases


@pytest.mark.parametrize(("cases", "at_least"), [(CONVS, 45), (POOLS, 25)], ids=["conv", "pool"])
def test_no_case_is_there_twice(cases, at_least):
    assert len(cases) >= at_least
    assert len({case.name for case in cases}) == len(cases)
    assert len({dataclasses.replace(case, name="") for case in cases}) == len(cases)


@pytest.mark.parametrize("case", [*CONVS, *POOLS], ids=str)
def test_the_numbers_of_a_case_are_seeded_small_and_not_constant(case):
    for array, again, normal in zip(integers(case), integers(case), normals(case)):
        np.testing.assert_array_equal(array, again)
        assert np.all(np.abs(array) <= 8)
        assert array.dtype == normal.dtype == np.float32
        assert array.size < 2 or (np.ptp(array) > 0 and np.ptp(normal) > 0)


def test_tolerance_grows_with_the_root_of_the_terms_and_with_eps():
    assert tolerance(np.float32, 9) == 3 * tolerance(np.float32, 1)
    assert tolerance(np.float64, 1) < 1e-14 < tolerance(np.float32, 1) < 1e-6
