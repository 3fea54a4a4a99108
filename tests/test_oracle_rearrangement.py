"""The oracle's patches, blocks, padding and upsampling, and what it takes from lax."""

import numpy as np
import pytest
from jax import lax

from tests import oracle
from tests.cases import POOLS, integers

# ---------------------------------------------------------------- patches


def window_options(case):
    return {**case.options, "stride": case.window if case.stride is None else case.stride}


def test_unfold_by_hand():
    x = np.arange(1, 7).reshape(2, 3, 1)
    patches = oracle.unfold(x, (2, 2))
    assert patches[..., 0].tolist() == [[[1, 2, 4, 5], [2, 3, 5, 6]]]
    assert oracle.fold(patches, (2, 3), (2, 2))[..., 0].tolist() == [[1, 4, 3], [4, 10, 6]]
    patches = oracle.unfold(x, (2, 2), stride=2, padding=(1, 0))
    assert patches[..., 0].tolist() == [[[0, 0, 1, 2]], [[4, 5, 0, 0]]]
    assert oracle.unfold(x[0, 0], ()).tolist() == [[1]]


@pytest.mark.parametrize("case", POOLS, ids=str)
def test_fold_is_adjoint_to_unfold_whose_sum_and_extremes_are_pools(case):
    (x,) = integers(case, np.int64)
    options = window_options(case)
    patches = oracle.unfold(x, case.window, **options)
    total = oracle.sum_pool(x, case.window, **options)
    np.testing.assert_array_equal(patches.sum(-2), total)
    largest = oracle.max_pool(np.abs(x), case.window, **options)
    np.testing.assert_array_equal(np.abs(patches).max(-2), np.maximum(largest, 0))
    g = np.random.default_rng(0).integers(-8, 9, patches.shape)
    spatial = x.shape[x.ndim - 1 - len(case.window) : -1]
    folded = oracle.fold(g, spatial, case.window, **options)
    assert folded.shape == x.shape
    assert np.sum(folded * x) == np.sum(patches * g)


def test_fold_refuses_patches_of_another_window():
    with pytest.raises(ValueError, match="patches of"):
        oracle.fold(np.ones((2, 3, 1)), (4,), (3,), padding=1)


# ---------------------------------------------------------------- blocks


def test_depth_to_space_by_hand_and_as_pytorchs_pixel_shuffle():
    x = np.arange(8).reshape(1, 1, 8)
    y = oracle.depth_to_space(x, (2, 2), order="CRD")  # torch 2.13: pixel_shuffle
    assert y[..., 0].tolist() == [[0, 1], [2, 3]]
    assert y[..., 1].tolist() == [[4, 5], [6, 7]]
    y = oracle.depth_to_space(x, (2, 2))
    assert y[..., 0].tolist() == [[0, 2], [4, 6]]
    y = oracle.depth_to_space(np.array([[[0, 2, 4, 6], [1, 3, 5, 7]]]), (2, 2), order="CRD")
    assert y[..., 0].tolist() == [[0, 2, 1, 3], [4, 6, 5, 7]]


@pytest.mark.parametrize("order", ["DCR", "CRD"])
@pytest.mark.parametrize("block", [(), (3,), (2, 3), (1, 2, 2)], ids=str)
def test_blocks_are_a_reshape_and_a_transpose(block, order):
    rank = len(block)
    spatial = (2, 1, 3)[:rank]
    x = np.random.default_rng(0).normal(size=(2, *spatial, int(np.prod(block)) * 2))
    y = oracle.depth_to_space(x, block, order=order)
    parts = (*block, 2) if order == "DCR" else (2, *block)
    apart = x.reshape(2, *spatial, *parts)
    if order == "CRD":
        apart = np.moveaxis(apart, 1 + rank, -1)
    axes = [0, *(axis for i in range(rank) for axis in (1 + i, 1 + rank + i)), 1 + 2 * rank]
    expected = apart.transpose(axes).reshape(2, *(n * b for n, b in zip(spatial, block)), 2)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(oracle.space_to_depth(y, block, order=order), x)


def test_blocks_that_do_not_divide_are_an_error():
    with pytest.raises(ValueError, match="blocks of"):
        oracle.depth_to_space(np.ones((2, 2, 6)), (2, 2))
    with pytest.raises(ValueError, match="blocks of"):
        oracle.space_to_depth(np.ones((2, 3, 1)), (2, 2))
    with pytest.raises(ValueError, match="order"):
        oracle.space_to_depth(np.ones((2, 2, 1)), (2, 2), order="RDC")


# ---------------------------------------------------------------- padding


@pytest.mark.parametrize(
    ("mode", "name"),
    [("zeros", "constant"), ("replicate", "edge"), ("circular", "wrap"), ("reflect", "reflect")],
)
def test_pad_is_numpys_and_negative_padding_a_slice(mode, name):
    x = np.random.default_rng(0).integers(-8, 9, (2, 4, 5, 3))
    y = oracle.pad(x, (2, (3, 1)), padding_mode=mode)
    width = ((0, 0), (2, 2), (3, 1), (0, 0))
    np.testing.assert_array_equal(y, np.pad(x, width, name))
    y = oracle.pad(x, ((-1, 2), (4, -3)), padding_mode=mode)
    padded = np.pad(x, ((0, 0), (0, 2), (4, 0), (0, 0)), name)[:, 1:, :-3]
    np.testing.assert_array_equal(y, padded)


def test_pad_by_a_value():
    x = np.array([1, 2])[:, None]
    assert oracle.pad(x, ((1, 2),), value=7)[:, 0].tolist() == [7, 1, 2, 7, 7]
    assert oracle.pad(x, ((-1, 1),), value=7)[:, 0].tolist() == [2, 7]
    assert oracle.pad(x, (-1,)).shape == (0, 1)
    for wrong in ({"padding": ((-1, -2),)}, {"padding": (1,), "padding_mode": "reflect"}):
        with pytest.raises(ValueError, match=r"around|in mode"):
            oracle.pad(x, value=7, **wrong)


# ---------------------------------------------------------------- upsampling


@pytest.mark.parametrize(
    ("scale", "method", "align_corners", "expected"),
    [  # torch 2.13: interpolate(scale_factor=scale)
        (2, "nearest", False, [1, 1, 2, 2, 4, 4, 8, 8]),
        (1.5, "nearest", False, [1, 1, 2, 4, 4, 8]),
        (0.7, "nearest", False, [1, 2]),
        (2, "linear", False, [1, 1.25, 1.75, 2.5, 3.5, 5, 7, 8]),
        (1.5, "linear", False, [1, 1.5, 7 / 3, 11 / 3, 6, 8]),
        (0.5, "linear", False, [1.5, 6]),
        (0.7, "linear", False, [1.2142857142857144, 3.2857142857142856]),
        (1.2, "linear", False, [1, 2, 4, 8]),  # of a scale that changes no size: a copy
        (1.5, "linear", True, [1, 1.6, 2.4, 3.6, 5.6, 8]),
        (0.7, "linear", True, [1, 8]),
        (
            2,
            "cubic",
            False,
            [0.89453125, 1.15625, 1.5625, 2.41796875, 3.16015625, 5.1171875, 7.1640625, 8.421875],
        ),
        (1.2, "cubic", False, [0.9474826388888891, 1.5625, 2.8375289351851807, 5.838831018518516]),
        (0.5, "cubic", False, [1.3125, 6.1875]),
        (
            2,
            "cubic",
            True,
            [
                *(1, 1.2623906705539378, 1.721574344023324, 2.462099125364437),
                *(3.07871720116618, 4.641399416909625, 6.478134110787171, 8),
            ],
        ),
    ],
)
def test_upsample_equals_pytorch(scale, method, align_corners, expected):
    x = np.array([1, 2, 4, 8])[:, None]
    y = oracle.upsample(x, (scale,), method=method, align_corners=align_corners)
    np.testing.assert_allclose(y[:, 0], expected, rtol=1e-12)


@pytest.mark.parametrize("method", ["nearest", "linear", "cubic"])
def test_upsample_takes_one_axis_after_the_other_and_keeps_constants(method):
    x = np.random.default_rng(0).normal(size=(2, 4, 5, 3))
    y = oracle.upsample(x, (1.5, 3), method=method)
    assert y.shape == (2, 6, 15, 3)
    rows = np.stack([oracle.upsample(row, (3,), method=method) for row in x[0]])
    np.testing.assert_array_equal(oracle.upsample(x[0], (3,), method=method), rows)
    there = oracle.upsample(x, (1.5, 1), method=method)
    np.testing.assert_array_equal(oracle.upsample(there, (1, 3), method=method), y)
    np.testing.assert_allclose(oracle.upsample(x * 0 + 7, (1.5, 3), method=method), 7)
    np.testing.assert_array_equal(oracle.upsample(x, (1, 1), method=method), x)
    np.testing.assert_array_equal(oracle.upsample(x[0, 0, 0], (), method=method), x[0, 0, 0])


def test_a_pixel_of_no_weight_spreads_no_nan():
    x = np.array([1, np.nan, 3, 4, 5, np.inf])[:, None]
    y = oracle.upsample(x, (3,), method="linear")[:, 0]
    rises = [1, 1, *[np.nan] * 5, 3, 10 / 3, 11 / 3, 4, 13 / 3, 14 / 3, 5, *[np.inf] * 4]
    np.testing.assert_allclose(y, rises)
    y = oracle.upsample(x, (11 / 6,), method="linear", align_corners=True)[:, 0]
    np.testing.assert_allclose(y, [1, np.nan, np.nan, np.nan, 3, 3.5, 4, 4.5, 5, np.inf, np.inf])
    y = oracle.upsample(x, (3,), method="cubic")[:, 0]
    np.testing.assert_array_equal(y[1::3], x[:, 0])


def test_upsample_refuses_corners_of_the_nearest_and_nothing():
    with pytest.raises(ValueError, match="corners"):
        oracle.upsample(np.ones((2, 1)), (2,), align_corners=True)
    with pytest.raises(ValueError, match="0 elements"):
        oracle.upsample(np.ones((2, 1)), (0.4,))


# ---------------------------------------------------------------- lax's own


def test_groups_of_the_batch_by_hand():
    """The gradient of a depthwise kernel is one: each image has output channels of its own."""
    lhs = np.array([[1, 2, 3], [4, 5, 6]])[..., None]
    rhs = np.array([[1, 0], [10, 1]])[:, None]
    y = oracle.conv_general_dilated(lhs, rhs, (1,), "VALID", batch_group_count=2)
    assert y.tolist() == [[[21, 5], [32, 6]]]


LAYOUTS = [("NHWC", "HWIO", "NHWC"), ("CNHW", "OIHW", "HWNC"), ("NCHW", "OIHW", "NCHW")]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize(("features", "images"), [(1, 1), (1, 3), (2, 1)])
def test_conv_general_dilated_is_laxs(features, images, layout):
    rng = np.random.default_rng(0)
    shapes = {"N": 2 * images, "H": 5, "W": 6, "C": 4}, {"H": 2, "W": 3, "I": 4 // features, "O": 6}
    arrays = [
        rng.integers(-8, 9, [shape[axis] for axis in spec]).astype(np.float32)
        for shape, spec in zip(shapes, layout)
    ]
    options = {
        "window_strides": (2, 1), "padding": ((1, 0), (-1, 2)), "lhs_dilation": (1, 2),
        "rhs_dilation": (2, 1), "dimension_numbers": layout, "feature_group_count": features,
        "batch_group_count": images,
    }  # fmt: skip
    expected = lax.conv_general_dilated(*arrays, **options)
    np.testing.assert_array_equal(oracle.conv_general_dilated(*arrays, **options), expected)


FOLDS = {"add": np.add, "max": np.maximum, "min": np.minimum, "mul": np.multiply}


@pytest.mark.parametrize("padding", ["SAME", "SAME_LOWER", "VALID", ((0, 0), (2, 1), (-1, 2))])
@pytest.mark.parametrize("name", FOLDS)
def test_reduce_window_is_laxs(name, padding):
    x = np.random.default_rng(0).integers(-8, 9, (2, 5, 6)).astype(np.float32)
    geometry = (1, 2, 3), (1, 2, 1), padding, (1, 2, 1), (1, 1, 2)
    for init in (1.0, -3.0):
        expected = lax.reduce_window(x, np.float32(init), getattr(lax, name), *geometry)
        y = oracle.reduce_window(x, init, FOLDS[name], *geometry)
        np.testing.assert_array_equal(y.astype(np.float32), expected)


def test_reduce_window_by_hand():
    x = np.array([1, 2, 3, 4])
    y = oracle.reduce_window(x, 100, np.add, (2,), (2,), ((1, 0),), (1,), (2,))
    assert y.tolist() == [102, 106]
    assert oracle.reduce_window(x, 0, np.add, (2,), None, "VALID", (2,)).tolist() == [
        1,
        2,
        2,
        3,
        3,
        4,
    ]
