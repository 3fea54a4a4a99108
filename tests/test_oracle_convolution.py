"""The oracle's kinds of convolution against PyTorch's values, ONNX's reference and identities."""

import math

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from tests import oracle
from tests.cases import CONVS, integers

Y = np.array([1, 2, 3])[:, None]  # one batch-less signal of one channel
KERNEL = np.array([1, 10, 100])[:, None, None]

PLAIN = [case for case in CONVS if case.padding_mode == "zeros" and case.input_dilation == 1]


def plain_options(case):
    """The options of the case without those that only convolution has."""
    left_out = ("padding_mode", "input_dilation")
    return {name: value for name, value in case.options.items() if name not in left_out}


def rng():
    return np.random.default_rng(0)


def onnx_op(name, *inputs, outputs=1, **attributes):
    """Run one operator of ONNX's reference implementation; None is an input left out."""
    given = {f"x{n}": x for n, x in enumerate(inputs) if x is not None}
    names = [f"x{n}" if x is not None else "" for n, x in enumerate(inputs)]
    results = [f"y{n}" for n in range(outputs)]
    graph = helper.make_graph(
        [helper.make_node(name, names, results, **attributes)],
        name,
        [
            helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
            for n, x in given.items()
        ],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in results],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)])
    return ReferenceEvaluator(model).run(None, given)


# ---------------------------------------------------------------- transposed


@pytest.mark.parametrize(
    ("options", "expected"),  # torch 2.13: conv_transpose1d of the same numbers
    [
        ({}, [1, 12, 123, 230, 300]),
        ({"stride": 2}, [1, 10, 102, 20, 203, 30, 300]),
        ({"stride": 2, "padding": 1}, [10, 102, 20, 203, 30]),
        ({"stride": 2, "padding": 1, "output_padding": 1}, [10, 102, 20, 203, 30, 300]),
        ({"dilation": 2}, [1, 2, 13, 20, 130, 200, 300]),
        ({"dilation": 2, "output_padding": 1}, [1, 2, 13, 20, 130, 200, 300, 0]),
        ({"dilation": 2, "output_padding": 1, "padding": 1}, [2, 13, 20, 130, 200, 300]),
        (
            {"stride": 3, "dilation": 2, "output_padding": 2},
            [1, 0, 10, 2, 100, 20, 3, 200, 30, 0, 300, 0, 0],
        ),
    ],
    ids=str,
)
def test_conv_transpose_equals_pytorch(options, expected):
    assert oracle.conv_transpose(Y, KERNEL, **options)[:, 0].tolist() == expected


@pytest.mark.parametrize(
    ("options", "expected"),  # by hand: position p adds to elements p * stride - low + t
    [
        ({"padding": "FULL"}, [123]),
        ({"padding": "CAUSAL"}, [123, 230, 300]),
        ({"padding": "SAME"}, [12, 123, 230]),
        ({"padding": "SAME", "stride": 2}, [1, 10, 102, 20, 203, 30]),
        ({"padding": "SAME_LOWER", "stride": 2}, [10, 102, 20, 203, 30, 300]),
        ({"padding": "SAME", "stride": 2, "output_shape": (5,)}, [10, 102, 20, 203, 30]),
        ({"stride": 2, "output_shape": (8,)}, [1, 10, 102, 20, 203, 30, 300, 0]),
        ({"padding": ((-1, 2),), "stride": 2}, [0, 1, 10, 102, 20, 203]),
        ({"padding": ((2, -1),)}, [123, 230, 300, 0]),
    ],
    ids=str,
)
def test_conv_transpose_by_hand(options, expected):
    assert oracle.conv_transpose(Y, KERNEL, **options)[:, 0].tolist() == expected


def test_conv_transpose_groups_equal_pytorch():
    y = np.array([[[1, 3], [2, 4]]])  # (1, 2, channels 2): torch has [[1, 2], [3, 4]]
    kernel = np.arange(1, 9).reshape(2, 2, 1, 2).transpose(2, 3, 1, 0)  # torch (in, out, 1, 2)
    x = oracle.conv_transpose(y, kernel, stride=(1, 2))[0]
    assert x.T.tolist() == [[16, 20, 22, 28], [24, 28, 34, 40]]
    x = oracle.conv_transpose(y, kernel, np.arange(4), stride=(1, 2), groups=2)[0] - np.arange(4)
    expected = [[1, 2, 2, 4], [3, 4, 6, 8], [15, 18, 20, 24], [21, 24, 28, 32]]
    assert x.T.tolist() == expected


@pytest.mark.parametrize("case", PLAIN, ids=str)
def test_conv_transpose_is_adjoint_to_conv(case):
    x, kernel = integers(case, np.int64)
    options = plain_options(case)
    y = oracle.conv(x, kernel, **options)
    g = rng().integers(-8, 9, y.shape)
    back = oracle.conv_transpose(
        g, kernel, output_shape=x.shape[x.ndim + 1 - kernel.ndim : -1], **options
    )
    assert back.shape == x.shape
    assert np.sum(x * back) == np.sum(y * g)


@pytest.mark.parametrize(
    "options",
    [
        {"output_padding": 1},
        {"stride": 2, "output_padding": 2},
        {"stride": 2, "output_padding": -1},
        {"stride": 2, "output_padding": 1, "padding": "SAME"},
        {"stride": 2, "output_shape": 6},
        {"stride": 2, "output_shape": 9},
        {"padding": 3},
        {"padding": ((2, 3),)},
        {"groups": 2},
    ],
    ids=str,
)
def test_conv_transpose_refuses_what_no_convolution_gives(options):
    with pytest.raises(ValueError, match=r"."):
        oracle.conv_transpose(Y, KERNEL, **options)


# ---------------------------------------------------------------- depthwise, separable, unshared


def test_depthwise_conv_by_hand():
    x = np.array([[1, 5], [2, 6], [3, 7]])
    kernel = np.array([[1, 0, 2, 1], [10, 1, 0, 1]])[:, None]  # channels 0, 0, 1, 1
    y = oracle.depthwise_conv(x, kernel, np.array([0, 0, 0, 1000]))
    assert y.tolist() == [[21, 2, 10, 1011], [32, 3, 12, 1013]]


@pytest.mark.parametrize("case", [c for c in CONVS if "depthwise" in c.name], ids=str)
def test_depthwise_conv_is_a_grouped_one(case):
    x, kernel = integers(case, np.int64)
    options = {name: value for name, value in case.options.items() if name != "groups"}
    y = oracle.depthwise_conv(x, kernel, **options)
    np.testing.assert_array_equal(y, oracle.conv(x, kernel, **case.options))
    reflected = {"padding": 2, "padding_mode": "reflect"}
    y = oracle.depthwise_conv(x, kernel, **reflected)
    np.testing.assert_array_equal(y, oracle.conv(x, kernel, groups=case.groups, **reflected))
    with pytest.raises(ValueError, match="depthwise"):
        oracle.depthwise_conv(x, kernel[..., :-1])


def test_depthwise_conv_of_no_channels():
    assert oracle.depthwise_conv(np.ones((5, 0)), np.ones((2, 1, 0))).shape == (4, 0)


def test_separable_conv_is_a_conv_by_the_product_of_its_kernels():
    x = rng().integers(-8, 9, (2, 6, 5, 3))
    depthwise = rng().integers(-8, 9, (3, 2, 1, 6))
    pointwise = rng().integers(-8, 9, (1, 1, 6, 4))
    parts = depthwise.reshape(3, 2, 3, 2), pointwise.reshape(3, 2, 4)
    kernel = np.einsum("hwcm,cmo->hwco", *parts)
    bias = np.arange(4)
    options = {"stride": (2, 1), "padding": "SAME", "dilation": (1, 2)}
    y = oracle.separable_conv(x, depthwise, pointwise, bias, **options)
    np.testing.assert_array_equal(y, oracle.conv(x, kernel, bias, **options))
    with pytest.raises(ValueError, match="pointwise"):
        oracle.separable_conv(x, depthwise, pointwise[..., :-1, :])


def test_conv_local_by_hand():
    x = np.array([1, 2, 3, 4])[:, None]
    kernel = np.array([[1, 10], [1, 100], [2, 0]])[..., None, None]
    assert oracle.conv_local(x, kernel)[:, 0].tolist() == [21, 302, 6]
    bias = np.array([1, 2, 3])[:, None]
    assert oracle.conv_local(x, kernel, bias)[:, 0].tolist() == [22, 304, 9]
    assert oracle.conv_local(x, kernel, bias[0])[:, 0].tolist() == [22, 303, 7]
    with pytest.raises(ValueError, match="kernels for"):
        oracle.conv_local(x, kernel, padding=1)


@pytest.mark.parametrize("case", PLAIN, ids=str)
def test_conv_local_with_one_kernel_everywhere_is_conv_and_otherwise_conv_at_each_place(case):
    x, kernel = integers(case, np.int64)
    options = plain_options(case)
    y = oracle.conv(x, kernel, **options)
    rank = kernel.ndim - 2
    positions = y.shape[y.ndim - 1 - rank : -1]
    kernels = np.broadcast_to(kernel, (*positions, *kernel.shape))
    np.testing.assert_array_equal(oracle.conv_local(x, kernels, **options), y)
    kernels = kernels + rng().integers(-8, 9, kernels.shape)
    local = oracle.conv_local(x, kernels, **options)
    for p in list(np.ndindex(positions))[:: max(math.prod(positions) // 5, 1)]:
        there = oracle.conv(x, kernels[p], **options)[(..., *p, slice(None))]
        np.testing.assert_array_equal(local[(..., *p, slice(None))], there)


# ---------------------------------------------------------------- deformable


def test_deform_conv_by_hand():
    x = np.array([1.0, 2, 4, 8])[:, None]
    moves = np.array([0.5, -0.25, 0, 1.5, 9, -3.5])  # places 0.5, 0.75 | 1, 3.5 | 11, -0.5
    offsets = moves.reshape(3, 1, 2, 1)
    kernel = np.array([1.0, 10])[:, None, None]
    y = oracle.deform_conv(x, kernel, offsets)[:, 0]
    assert y.tolist() == [1.5 + 17.5, 2 + 10 * 4, 0 + 10 * 0.5]
    mask = np.array([1, 0, 0.5, 1, 1, 2]).reshape(3, 1, 2)
    y = oracle.deform_conv(x, kernel, offsets, mask, np.array([100]))[:, 0]
    assert y.tolist() == [101.5, 141, 110]


@pytest.mark.parametrize("case", [case for case in PLAIN if len(case.kernel) > 2], ids=str)
def test_deform_conv_without_offsets_is_conv_and_with_whole_ones_a_shift(case):
    x, kernel = integers(case)
    options = plain_options(case)
    y = oracle.conv(x, kernel, **options)
    *window, _, _ = kernel.shape
    offsets = np.zeros((*y.shape[:-1], 1, math.prod(window), len(window)))
    np.testing.assert_array_equal(oracle.deform_conv(x, kernel, offsets, **options), y)
    doubled = oracle.deform_conv(x, kernel, offsets, np.full(offsets.shape[:-1], 2), **options)
    np.testing.assert_array_equal(doubled, 2 * y)
    offsets[..., -1] = 1  # all taps one element further on the last axis
    if case.padding == "VALID":
        shifted = np.concatenate([x[..., 1:, :], np.zeros_like(x[..., :1, :])], -2)
        shifted = oracle.conv(shifted, kernel, **options)
        np.testing.assert_array_equal(oracle.deform_conv(x, kernel, offsets, **options), shifted)


@pytest.mark.parametrize("offset_groups", [1, 2])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("masked", [False, True])
def test_deform_conv_equals_onnx(groups, offset_groups, masked):
    x = rng().normal(size=(2, 5, 6, 4)).astype(np.float32)
    kernel = rng().normal(size=(2, 3, 4 // groups, 2 * groups)).astype(np.float32)
    bias = np.arange(2 * groups, dtype=np.float32)
    options = {"stride": (1, 2), "padding": ((1, 0), (1, 2)), "dilation": (2, 1)}
    places = (*oracle.conv(x, kernel, groups=groups, **options).shape[:-1], offset_groups, 6)
    offsets = (rng().normal(size=(*places, 2)) * 1.5).astype(np.float32)
    mask = rng().random(places).astype(np.float32) if masked else None
    flat = [
        None if a is None else np.moveaxis(a.reshape(*places[:3], -1), -1, 1).copy()
        for a in (offsets, mask)
    ]
    (expected,) = onnx_op(
        "DeformConv", np.moveaxis(x, -1, 1).copy(), kernel.transpose(3, 2, 0, 1).copy(), flat[0],
        bias, flat[1], kernel_shape=(2, 3), strides=(1, 2), pads=(1, 1, 0, 2), dilations=(2, 1),
        group=groups, offset_group=offset_groups,
    )  # fmt: skip
    y = oracle.deform_conv(
        x, kernel, offsets, mask, bias, groups=groups, offset_groups=offset_groups, **options
    )
    np.testing.assert_allclose(np.moveaxis(y, -1, 1), expected, rtol=1e-4, atol=1e-4)


def test_a_corner_of_no_weight_spreads_no_nan():
    x = np.array([1, np.nan, 3, np.inf])[:, None]
    offsets = np.array([0.0, 0, 0, 0.25]).reshape(4, 1, 1, 1)
    y = oracle.deform_conv(x, np.ones((1, 1, 1)), offsets)[:, 0]
    np.testing.assert_array_equal(y, [1, np.nan, 3, np.inf])
