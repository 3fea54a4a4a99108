"""Wrong calls of `conv_local`, `deform_conv`, `sample`, the drop-ins: call, error, part of it."""

import jax
import numpy as np
from jax import lax

from cnn_jax import functional as F

X = np.ones((2, 8, 8, 4), np.float32)
KERNEL = np.ones((3, 3, 4, 6), np.float32)
LOCAL = np.ones((6, 6, 3, 3, 4, 6), np.float32)
OFFSETS = np.zeros((2, 6, 6, 1, 9, 2), np.float32)
MASK = np.ones((2, 6, 6, 1, 9), np.float32)
POINTS = np.ones((2, 5, 2), np.float32)


def local(x=X, kernel=LOCAL, bias=None, **options):
    return lambda: F.conv_local(x, kernel, bias, **options)


def deform(x=X, kernel=KERNEL, offsets=OFFSETS, mask=None, bias=None, **options):
    return lambda: F.deform_conv(x, kernel, offsets, mask, bias, **options)


def sample(x=X, points=POINTS, **options):
    return lambda: F.sample(x, points, **options)


def general(lhs=X, rhs=KERNEL, strides=(1, 1), padding="SAME", **options):
    options = {"dimension_numbers": ("NHWC", "HWIO", "NHWC")} | options
    return lambda: F.conv_general_dilated(lhs, rhs, strides, padding, **options)


def narrower():
    with jax.numpy_dtype_promotion("standard"):  # the tests' own is strict
        general(X.astype(np.float16))()


def reduced(x=X, init=0.0, computation=lax.add, window=(1, 2, 2, 1), *rest, **options):
    return lambda: F.reduce_window(x, init, computation, window, *rest, **options)


WRONG = [
    # sample
    (sample(x=[[1.0]]), TypeError, "`x` must be a JAX or NumPy array; got list."),
    (sample(points=POINTS.astype(int)), TypeError, "`points` must hold floats; got int"),
    (sample(points=POINTS * 1j), TypeError, "`points` must hold real numbers"),
    (sample(points=np.float32(1)), ValueError, "`points` must be (*batch, *positions, rank)"),
    (sample(points=POINTS[:1]), ValueError, "got `x` (2, 8, 8, 4), `points` (1, 5, 2)."),
    (sample(points=POINTS[0, 0]), ValueError, "with the batch axes of `x`"),
    (sample(points=np.ones((2, 5, 4), np.float32)), ValueError, "with 4 spatial axes"),
    (sample(x=X[:, :0]), ValueError, "each feature map of `x` must have an element; got `x` (2, 0"),
    (sample(x=X.astype(np.int32)), TypeError, "`x` must hold floats with `method` 'linear'"),
    (sample(method="bilinear"), ValueError, "`method` must be one of 'nearest', 'linear', 'cubic'"),
    (sample(padding_mode="border"), ValueError, "`padding_mode` must be one of 'zeros'"),
    (sample(normalized=1), TypeError, "`normalized` must be"),
    (sample(align_corners="yes"), TypeError, "`align_corners` must be"),
    # conv_local: arrays
    (local(x=[[1.0]]), TypeError, "`x` must be a JAX or NumPy array; got list."),
    (local(kernel=None), TypeError, "`kernel` must be a JAX or NumPy array; got NoneType."),
    (
        local(kernel=LOCAL[0]),
        ValueError,
        "`kernel` must be (*positions, *window, in_channels // groups, out_channels), an even "
        "number of axes, at least 2; got shape (6, 3, 3, 4, 6).",
    ),
    (local(kernel=np.ones((), np.float32)), ValueError, "at least 2; got shape ()."),
    (
        local(kernel=LOCAL[:, :, :0]),
        ValueError,
        "`kernel` must have a tap on every axis; got shape (6, 6, 0, 3, 4, 6).",
    ),
    (
        local(x=X[0, 0]),
        ValueError,
        "`x` must be (*batch, *spatial, channels) with 2 spatial axes, as `kernel` of shape "
        "(6, 6, 3, 3, 4, 6) says: at least 3 axes; got shape (8, 4).",
    ),
    (
        local(padding="SAME"),
        ValueError,
        "`kernel` must be (*positions, *window, in_channels // groups, out_channels), with one "
        "kernel for each of the positions (8, 8) that its window (3, 3) has in `x` (2, 8, 8, 4); "
        "got shape (6, 6, 3, 3, 4, 6).",
    ),
    (local(stride=2), ValueError, "each of the positions (3, 3) that its window (3, 3) has"),
    (local(x=X[..., :3]), ValueError, "takes 4 input channels, and `x` has 3"),
    (
        local(bias=np.ones((8, 8, 6), np.float32)),
        ValueError,
        "`bias` must be (*positions, out_channels), here (6, 6, 6), or (out_channels,), here (6,); "
        "got shape (8, 8, 6).",
    ),
    (local(bias=np.ones(4, np.float32)), ValueError, "here (6,); got shape (4,)."),
    (local(bias=0.0), TypeError, "`bias` must be a JAX or NumPy array; got float."),
    (
        local(x=X.astype(np.int8), kernel=LOCAL.astype(np.int8), bias=np.ones(6, np.float32)),
        TypeError,
        "`bias` must fit the result's dtype, int32; got float32.",
    ),
    # conv_local: options
    (local(groups=0), ValueError, "`groups` must be a positive int; got 0."),
    (local(groups=2), ValueError, "with `groups` 2 it takes 8 input channels, and `x` has 4"),
    (
        local(kernel=LOCAL[..., :1, :], groups=4),
        ValueError,
        "`groups` must divide the number of output channels, 6; got 4",
    ),
    (
        local(stride=(1, 1, 1)),
        ValueError,
        "`stride` must be an int or 2 ints, one per spatial axis of `kernel` (6, 6, 3, 3, 4, 6); "
        "got (1, 1, 1).",
    ),
    (local(dilation=1.5), TypeError, "`dilation` must be an int or 2 ints"),
    (local(padding="SMAE"), ValueError, "`padding` must be one of 'VALID', 'SAME'"),
    (local(dilation=4), ValueError, "The window must fit into the padded input"),
    (local(algorithm="cudnn"), ValueError, "`algorithm` must be one of 'auto', 'xla', 'vmap'"),
    (local(precision="exact"), ValueError, "`precision` must be None, a `jax.lax.Precision`"),
    # deform_conv: arrays
    (deform(x=None), TypeError, "`x` must be a JAX or NumPy array; got NoneType."),
    (
        deform(x=X.astype(np.int32)),
        TypeError,
        "`x` must hold floats, between which one can interpolate; got int32 of shape "
        "(2, 8, 8, 4): convert it first.",
    ),
    (deform(x=X.astype(np.complex64)), TypeError, "`x` must hold floats"),
    (deform(kernel=KERNEL.astype(np.int8)), TypeError, "`kernel` must hold floats"),
    (deform(offsets=OFFSETS.astype(np.int32)), TypeError, "`offsets` must hold floats"),
    (deform(offsets=0.0), TypeError, "`offsets` must be a JAX or NumPy array; got float."),
    (deform(mask=MASK > 0), TypeError, "`mask` must hold numbers; got bool"),
    (deform(mask=MASK.astype(np.int8)), TypeError, "`mask` must hold floats"),
    (deform(kernel=KERNEL[0, 0, 0]), ValueError, "at least 2 axes; got shape (6,)."),
    (deform(kernel=KERNEL[0, 0]), ValueError, "with at least 1 spatial axis to move along; got"),
    (deform(kernel=KERNEL[:0]), ValueError, "`kernel` must have a tap on every axis"),
    (deform(x=X[0, 0]), ValueError, "with 2 spatial axes, as `kernel` of shape (3, 3, 4, 6) says"),
    (deform(x=X[..., :3]), ValueError, "takes 4 input channels, and `x` has 3"),
    (
        deform(offsets=OFFSETS[:, 1:]),
        ValueError,
        "`offsets` must be (*batch, *positions, offset_groups, taps, rank), here "
        "(2, 6, 6, 1, 9, 2) for `x` (2, 8, 8, 4); got shape (2, 5, 6, 1, 9, 2).",
    ),
    (
        deform(offsets=OFFSETS.reshape(2, 6, 6, 18)),
        ValueError,
        "(2, 6, 6, 1, 9, 2) for `x` (2, 8, 8, 4); got shape (2, 6, 6, 18).",
    ),
    (deform(offset_groups=2), ValueError, "here (2, 6, 6, 2, 9, 2)"),
    (deform(padding="SAME"), ValueError, "here (2, 8, 8, 1, 9, 2)"),
    (
        deform(mask=MASK[..., None]),
        ValueError,
        "`mask` must be (*batch, *positions, offset_groups, taps), here (2, 6, 6, 1, 9) for `x` "
        "(2, 8, 8, 4); got shape (2, 6, 6, 1, 9, 1).",
    ),
    (
        deform(bias=np.ones(4, np.float32)),
        ValueError,
        "`bias` must be (out_channels,), here (6,) for `kernel` (3, 3, 4, 6); got shape (4,).",
    ),
    (
        deform(bias=np.ones(6, np.complex64)),
        TypeError,
        "`bias` must fit the result's dtype, float32; got complex64.",
    ),
    # deform_conv: options
    (
        deform(offset_groups=3),
        ValueError,
        "`offset_groups` must divide the number of input channels, 4; got 3 for `x` (2, 8, 8, 4).",
    ),
    (deform(offset_groups=0), ValueError, "`offset_groups` must be a positive int; got 0."),
    (deform(offset_groups=1.0), TypeError, "`offset_groups` must be a positive int; got 1.0."),
    (deform(groups=2), ValueError, "with `groups` 2 it takes 8 input channels, and `x` has 4"),
    (deform(stride=0), ValueError, "`stride` must be at least 1 on every axis; got 0."),
    (deform(padding=(1, 1, 1)), ValueError, "one per spatial axis of `kernel` (3, 3, 4, 6)"),
    (deform(dilation=4), ValueError, "The window must fit into the padded input"),
    (deform(precision=3.5), ValueError, "`precision` must be None, a `jax.lax.Precision`"),
    # conv_general_dilated
    (general(lhs=[1.0]), TypeError, "`lhs` must be a JAX or NumPy array; got list."),
    (general(strides=(1,)), ValueError, "`window_strides` must be an int or 2 ints, one per"),
    (general(rhs_dilation=(0, 1)), ValueError, "`rhs_dilation` must be at least 1 on every axis"),
    (general(lhs_dilation=2.0), TypeError, "`lhs_dilation` must be an int or 2 ints"),
    (general(padding="BOTH"), ValueError, "`padding` must be one of"),
    (general(feature_group_count=0), ValueError, "`feature_group_count` must be a positive int"),
    (
        general(batch_group_count=2, feature_group_count=2),
        ValueError,
        "Only one of `feature_group_count` and `batch_group_count` may be more than 1; got 2 and",
    ),
    (
        general(batch_group_count=4),
        ValueError,
        "`batch_group_count` must divide the batch and the output channels; got 4 for 2 and 6.",
    ),
    (general(out_sharding="data"), ValueError, "`out_sharding` must be None: constrain the result"),
    (general(algorithm="fast"), ValueError, "`algorithm` must be one of"),
    # reduce_window
    (reduced(x="text"), TypeError, "`operand` must be a JAX or NumPy array; got str."),
    (
        reduced(window=(2, 2)),
        ValueError,
        "`window_dimensions` must be an int or 4 ints, one per spatial axis of `operand` "
        "(2, 8, 8, 4); got (2, 2).",
    ),
    (
        reduced(init=(0.0, 0.0)),
        ValueError,
        "and `init_value` a tree like it, with",
    ),
    (reduced(init=X), TypeError, "`init_value` must be a number; got an array of float32"),
    (reduced(x=(X, X[0]), init=(0.0, 0.0)), ValueError, "`operand` must hold arrays of one shape;"),
    (reduced(init=None), ValueError, "`operand` must be an array or a tree of them"),
    (reduced(init="0"), TypeError, "`init_value` must be a number; got '0'."),
    (reduced(X.astype(int), -np.inf), TypeError, "`init_value` must fit int32, the dtype of"),
    (reduced(computation=0), TypeError, "`computation` must be a function of two values"),
    (
        reduced(computation=lambda a, b: (a, b)),
        ValueError,
        "`computation` must return a tree of scalars like each of its arguments, PyTreeDef(*); got",
    ),
    (reduced(window_dilation=2**31 - 1), ValueError, "`window_dilation` must leave at most"),
    (
        general(dimension_numbers="NHWC"),
        ValueError,
        "`dimension_numbers` must be None, three strings such as ('NHWC', 'HWIO', 'NHWC') or a "
        "`jax.lax.ConvDimensionNumbers`, for `lhs` (2, 8, 8, 4) and `rhs` (3, 3, 4, 6); got",
    ),
    (general(rhs=X[0]), ValueError, "`lhs` and `rhs` must have a number of axes in common"),
    (
        general(X.astype(np.float16)),
        TypeError,
        "`lhs` and `rhs` must have dtypes that JAX",
    ),
    (narrower, TypeError, "`rhs` must not be wider than `lhs`, float16, unless `preferred_element"),
    (
        general(preferred_element_type=0),
        TypeError,
        "`preferred_element_type` must be a dtype, such",
    ),
    (reduced(window_dilation=(1, 1, 1)), ValueError, "`window_dilation` must be an int or 4 ints"),
]
