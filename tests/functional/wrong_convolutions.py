"""Wrong calls of `conv`, `conv_transpose` and the depthwise ones: call, error, part of its text."""

import jax.numpy as jnp
import numpy as np

from cnn_jax import functional as F
from cnn_jax.algorithms import ALGORITHMS

X = np.ones((2, 8, 8, 4), np.float32)
KERNEL = np.ones((3, 3, 4, 6), np.float32)
BIAS = np.ones(6, np.float32)
Y = np.ones((2, 6, 6, 6), np.float32)
DEPTHWISE = np.ones((3, 3, 1, 8), np.float32)
POINTWISE = np.ones((1, 1, 8, 5), np.float32)


def conv(x=X, kernel=KERNEL, bias=None, **options):
    return lambda: F.conv(x, kernel, bias, **options)


def transposed(y=Y, kernel=KERNEL, bias=None, **options):
    return lambda: F.conv_transpose(y, kernel, bias, **options)


def depthwise(x=X, kernel=DEPTHWISE, bias=None, **options):
    return lambda: F.depthwise_conv(x, kernel, bias, **options)


def separable(x=X, first=DEPTHWISE, second=POINTWISE, bias=None, **options):
    return lambda: F.separable_conv(x, first, second, bias, **options)


WRONG = [
    # arrays
    (conv(x=[[1.0]]), TypeError, "`x` must be a JAX or NumPy array; got list."),
    (conv(x=3.0), TypeError, "`x` must be a JAX or NumPy array; got float."),
    (conv(kernel=None), TypeError, "`kernel` must be a JAX or NumPy array; got NoneType."),
    (
        conv(x=X > 0),
        TypeError,
        "`x` must hold numbers; got bool of shape (2, 8, 8, 4): convert it first.",
    ),
    (conv(x=np.array(["a"])), TypeError, "`x` must hold numbers; got <U1 of shape (1,)"),
    (
        conv(kernel=BIAS),
        ValueError,
        "`kernel` must be (*window, in_channels // groups, out_channels): at least 2 axes; "
        "got shape (6,).",
    ),
    (
        conv(x=X[0, 0]),
        ValueError,
        "`x` must be (*batch, *spatial, channels) with 2 spatial axes, as `kernel` of shape "
        "(3, 3, 4, 6) says: at least 3 axes; got shape (8, 4).",
    ),
    (
        conv(x=X[..., :3]),
        ValueError,
        "with `groups` 1 it takes 4 input channels, and `x` has 3; got `x` (2, 8, 8, 3) and "
        "`kernel` (3, 3, 4, 6).",
    ),
    (conv(x=np.moveaxis(X, -1, 1)), ValueError, "takes 4 input channels, and `x` has 8"),
    (
        conv(bias=np.ones(4, np.float32)),
        ValueError,
        "`bias` must be (out_channels,), here (6,) for `kernel` (3, 3, 4, 6); got shape (4,).",
    ),
    (conv(bias=0.0), TypeError, "`bias` must be a JAX or NumPy array; got float."),
    (
        conv(x=X.astype(np.int8), kernel=KERNEL.astype(np.int8), bias=BIAS),
        TypeError,
        "`bias` must fit the result's dtype, int32; got float32.",
    ),
    # groups
    (conv(groups=0), ValueError, "`groups` must be a positive int; got 0."),
    (conv(groups=2.0), TypeError, "`groups` must be a positive int; got 2.0."),
    (conv(groups=True), TypeError, "`groups` must be a positive int; got True."),
    (
        conv(groups=2),
        ValueError,
        "with `groups` 2 it takes 8 input channels, and `x` has 4",
    ),
    (
        conv(kernel=KERNEL[:, :, :1], groups=4),
        ValueError,
        "`groups` must divide the number of output channels, 6; got 4 for `x` (2, 8, 8, 4) and "
        "`kernel` (3, 3, 1, 6).",
    ),
    # stride and dilation
    (
        conv(stride=(2, 2, 2)),
        ValueError,
        "`stride` must be an int or 2 ints, one per spatial axis of `kernel` (3, 3, 4, 6); "
        "got (2, 2, 2).",
    ),
    (conv(stride=0), ValueError, "`stride` must be at least 1 on every axis; got 0."),
    (conv(stride=(1, -1)), ValueError, "`stride` must be at least 1 on every axis; got (1, -1)."),
    (conv(stride=1.5), TypeError, "`stride` must be an int or 2 ints"),
    (conv(stride="2"), TypeError, "`stride` must be an int or 2 ints"),
    (conv(stride=None), TypeError, "`stride` must be an int or 2 ints"),
    (conv(stride=True), TypeError, "`stride` must be an int or 2 ints"),
    (conv(dilation=0), ValueError, "`dilation` must be at least 1 on every axis; got 0."),
    (conv(dilation=(1,)), ValueError, "`dilation` must be an int or 2 ints"),
    (conv(input_dilation=0), ValueError, "`input_dilation` must be at least 1 on every axis"),
    (conv(input_dilation=[1, "a"]), TypeError, "`input_dilation` must be an int or 2 ints"),
    # padding
    (
        conv(padding="SMAE"),
        ValueError,
        "`padding` must be one of 'VALID', 'SAME', 'SAME_LOWER', 'FULL', 'CAUSAL', an int, ints "
        "or (low, high) pairs; got 'SMAE'.",
    ),
    (conv(padding="reflect"), ValueError, "or (low, high) pairs; got 'reflect'."),
    (
        conv(padding=(1, 1, 1)),
        ValueError,
        "an int, 2 ints or 2 (low, high) pairs, one per spatial axis of `kernel` (3, 3, 4, 6); "
        "got (1, 1, 1).",
    ),
    (conv(padding=((1, 2, 3), 0)), TypeError, "`padding` must be one of"),
    (conv(padding=0.5), TypeError, "one per spatial axis of `kernel` (3, 3, 4, 6); got 0.5."),
    (conv(padding=None), TypeError, "one per spatial axis of `kernel` (3, 3, 4, 6); got None."),
    (
        conv(padding=-3),
        ValueError,
        "The window must fit into the padded input: a window of (3, 3) taps with `dilation` (1, 1) "
        "spans (3, 3), but an input of (8, 8) with `padding` ((-3, -3), (-3, -3)) is (2, 2).",
    ),
    (conv(dilation=4), ValueError, "spans (9, 9), but an input of (8, 8)"),
    (
        conv(padding_mode="mirror"),
        ValueError,
        "`padding_mode` must be one of 'zeros', 'reflect', 'replicate', 'circular'; got 'mirror'.",
    ),
    (conv(padding_mode=None), ValueError, "`padding_mode` must be one of"),
    (
        conv(padding_mode="reflect", input_dilation=2),
        ValueError,
        "`input_dilation` must be 1 with `padding_mode` 'reflect'; got 2.",
    ),
    (
        conv(x=X[:, :1], padding="SAME", padding_mode="reflect"),
        ValueError,
        "`padding_mode` 'reflect' needs at least 2 elements on every padded axis",
    ),
    # the rest
    (
        conv(algorithm="cudnn"),
        ValueError,
        f"`algorithm` must be one of 'auto', {', '.join(map(repr, ALGORITHMS))}; got 'cudnn'.",
    ),
    (conv(algorithm=None), ValueError, "`algorithm` must be one of"),
    (conv(algorithm=["xla"]), ValueError, "`algorithm` must be one of"),
    (
        conv(precision="exact"),
        ValueError,
        "`precision` must be None, a `jax.lax.Precision` or one of 'default', 'high', 'highest'; "
        "got 'exact'.",
    ),
    (
        conv(preferred_element_type=jnp.bfloat16),
        ValueError,
        "`preferred_element_type` must be float32 or hold every float32",
    ),
    (
        conv(preferred_element_type="float33"),
        TypeError,
        "`preferred_element_type` must be a dtype, such as jnp.bfloat16 or 'float32'; got "
        "'float33'.",
    ),
    (
        conv(x=X.astype(np.int8), kernel=KERNEL.astype(np.int8), preferred_element_type="bfloat16"),
        ValueError,
        "`preferred_element_type` must be int32 or hold every int32",
    ),
    (
        conv(kernel=KERNEL[:0]),
        ValueError,
        "`kernel` must have a tap on every axis; got shape (0, 3, 4, 6).",
    ),
    (conv(padding=b"ab"), TypeError, "one per spatial axis of `kernel` (3, 3, 4, 6); got b'ab'."),
    (conv(padding=(b"ab", b"cd")), TypeError, "got (b'ab', b'cd')."),
    (conv(padding=2**31), ValueError, "`padding` must be from -2147483647 to 2147483647"),
    (conv(padding=2**31 - 1), ValueError, "`padding` must leave at most 2147483647 elements on"),
    (conv(padding=2**20), ValueError, "and 68719476736 in a feature map; with ((1048576, 1048576)"),
    (conv(padding=(0, 2**70)), ValueError, "`padding` must be from -2147483647 to 2147483647"),
    (conv(stride=10**400), ValueError, "on every axis; got an int of 1329 bits."),
    (conv(stride=X), TypeError, "; got an array of float32[2, 8, 8, 4]."),
    (conv(dilation=2**31 - 1), ValueError, "`dilation` must leave at most 2147483647 elements"),
    (conv(input_dilation=2**31 - 1), ValueError, "`input_dilation` must leave at most 2147483647"),
    (conv(groups=2**40), ValueError, "`groups` must be at most 2147483647; got 1099511627776."),
    (conv(algorithm=X), ValueError, "'native'; got an array of float32[2, 8, 8, 4]."),
    (conv(algorithm="winogrand"), ValueError, "Did you mean 'winograd'?"),
    (conv(padding_mode=X), ValueError, "'circular'; got an array of float32[2, 8, 8, 4]."),
    (conv(precision=X), ValueError, "'highest'; got an array of float32[2, 8, 8, 4]."),
    (conv(preferred_element_type=X), TypeError, "got an array of float32[2, 8, 8, 4]."),
    (conv(preferred_element_type=object), TypeError, "must be a dtype of numbers; got object."),
    (conv(preferred_element_type=(None, None)), TypeError, "'float32'; got (None, None)."),
    (conv(x=np.ma.ones((2, 8, 8, 4))), TypeError, "must be a JAX or NumPy array; got MaskedArray."),
    (
        conv(x=X.astype(jnp.float8_e4m3fn)),
        TypeError,
        "`x` and `kernel` must have dtypes that JAX promotes to a common one; got float8_e4m3fn, "
        "float32: convert one of them.",
    ),
    # conv_transpose
    (transposed(stride=2**31 - 1), ValueError, "`stride` must leave at most 2147483647 elements"),
    (transposed(dilation=2**31 - 1), ValueError, "`dilation` must leave at most 2147483647"),
    (transposed(padding=1 - 2**31), ValueError, "`padding` must leave at most 2147483647"),
    (transposed(y=None), TypeError, "`y` must be a JAX or NumPy array; got NoneType."),
    (
        transposed(y=Y[0, 0]),
        ValueError,
        "`y` must be (*batch, *spatial, channels) with 2 spatial axes, as `kernel` of shape",
    ),
    (
        transposed(y=X),
        ValueError,
        "`kernel` must be (*window, in_channels // groups, out_channels), as `conv` takes it: its "
        "last axis meets the 4 channels of `y`; got `y` (2, 8, 8, 4) and `kernel` (3, 3, 4, 6).",
    ),
    (transposed(groups=4), ValueError, "`groups` must divide the number of output channels, 6;"),
    (transposed(groups="2"), TypeError, "`groups` must be a positive int; got '2'."),
    (transposed(y=Y[:, :0]), ValueError, "`y` must have a position on every spatial axis; got"),
    (
        transposed(output_padding=1),
        ValueError,
        "`output_padding` must be less than `stride` (1, 1) or `dilation` (1, 1); got 1.",
    ),
    (transposed(output_padding=-1), ValueError, "`output_padding` must be at least 0 on every"),
    (transposed(output_padding=(1,)), ValueError, "`output_padding` must be an int or 2 ints"),
    (
        transposed(stride=2, padding="SAME", output_padding=1),
        ValueError,
        "`output_padding` must be 0 with `padding` 'SAME', whose result is the input times the "
        "stride; use `output_shape`; got 1.",
    ),
    (
        transposed(stride=2, output_shape=(12, 12)),
        ValueError,
        "`output_shape` must be one from which a convolution makes (6, 6): from (13, 13) to "
        "(14, 14); got (12, 12).",
    ),
    (
        transposed(stride=2, output_shape=(13, 13), output_padding=1),
        ValueError,
        "`output_padding` and `output_shape` say the same thing: give one of them; got 1 and",
    ),
    (transposed(output_shape="big"), TypeError, "`output_shape` must be an int or 2 ints"),
    (transposed(padding=5), ValueError, "`padding` ((5, 5), (5, 5)) leaves nothing of the result"),
    (
        transposed(bias=BIAS),
        ValueError,
        "`bias` must be (in_channels,), here (4,) for `kernel` (3, 3, 4, 6); got shape (6,).",
    ),
    # depthwise_conv and separable_conv
    (
        depthwise(kernel=KERNEL),
        ValueError,
        "`kernel` must be (*window, 1, channels * multiplier), for `x` with 4 channels; got shape "
        "(3, 3, 4, 6) for `x` (2, 8, 8, 4).",
    ),
    (depthwise(kernel=DEPTHWISE[..., :6]), ValueError, "`kernel` must be (*window, 1, channels"),
    (depthwise(x=3), TypeError, "`x` must be a JAX or NumPy array; got int."),
    (depthwise(bias=BIAS), ValueError, "`bias` must be (out_channels,), here (8,)"),
    (depthwise(stride="a"), TypeError, "`stride` must be an int or 2 ints"),
    (separable(first=BIAS), ValueError, "`depthwise_kernel` must be (*window, in_channels //"),
    (
        separable(second=POINTWISE[0]),
        ValueError,
        "`pointwise_kernel` must be (1, 1, 8, out_channels), one tap on each axis of "
        "`depthwise_kernel` (3, 3, 1, 8) and as many channels as it makes; got shape (1, 8, 5).",
    ),
    (separable(second=KERNEL), ValueError, "`pointwise_kernel` must be (1, 1, 8, out_channels)"),
    (separable(dilation=4), ValueError, "The window must fit into the padded input"),
]
