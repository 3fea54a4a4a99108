"""Wrong calls of what moves elements or samples between them: call, error, part of its text."""

import jax.numpy as jnp
import numpy as np

from cnn_jax import functional as F

X = np.ones((2, 8, 8, 4), np.float32)
PATCHES = np.ones((2, 7, 7, 4, 3), np.float32)  # of windows of (2, 2) on (8, 8)

WRONG = [
    # unfold and fold
    (lambda: F.unfold([1.0], (2,)), TypeError, "`x` must be a JAX or NumPy array; got list."),
    (
        lambda: F.unfold(X > 0, (2, 2)),
        TypeError,
        "`x` must hold numbers; got bool of shape (2, 8, 8, 4): convert it first.",
    ),
    (
        lambda: F.unfold(X, 2),
        TypeError,
        "`window` must be a tuple with one int per spatial axis, such as (2, 2) for images; got 2.",
    ),
    (
        lambda: F.unfold(X, (2,) * 4),
        ValueError,
        "with 4 spatial axes, as `window` (2, 2, 2, 2) says: at least 5 axes; got shape "
        "(2, 8, 8, 4).",
    ),
    (
        lambda: F.unfold(X, (2, 0)),
        ValueError,
        "`window` must be at least 1 on every axis; got (2, 0).",
    ),
    (
        lambda: F.unfold(X, (2, 2), stride=(1, 1, 1)),
        ValueError,
        "`stride` must be an int or 2 ints, one per spatial axis of `window` (2, 2); "
        "got (1, 1, 1).",
    ),
    (
        lambda: F.unfold(X, (2, 2), stride=None),
        TypeError,
        "`stride` must be an int or 2 ints, one per spatial axis of `window` (2, 2); got None.",
    ),
    (
        lambda: F.unfold(X, (9, 1)),
        ValueError,
        "a window of (9, 1) taps with `dilation` (1, 1) spans (9, 1), but an input of (8, 8)",
    ),
    (lambda: F.unfold(X, (2, 2), padding="MAX"), ValueError, "`padding` must be one of"),
    (lambda: F.unfold(X, (2, 2), algorithm="fast"), ValueError, "`algorithm` must be one of"),
    (
        lambda: F.fold(None, (8, 8), (2, 2)),
        TypeError,
        "`patches` must be a JAX or NumPy array; got NoneType.",
    ),
    (
        lambda: F.fold(PATCHES, (8, 9), (2, 2)),
        ValueError,
        "`patches` must be (*batch, *positions, taps, channels), here with positions (7, 8) and "
        "4 taps, as `spatial` (8, 9) and `window` (2, 2) say; got shape (2, 7, 7, 4, 3).",
    ),
    (
        lambda: F.fold(PATCHES, (8, 8), (2, 3), padding=((0, 0), (1, 0))),
        ValueError,
        "here with positions (7, 7) and 6 taps",
    ),
    (
        lambda: F.fold(PATCHES[0, 0, 0], (8, 8), (2, 2)),
        ValueError,
        "here with positions (7, 7) and 4 taps, as `spatial` (8, 8) and `window` (2, 2) say; "
        "got shape (4, 3).",
    ),
    (
        lambda: F.fold(PATCHES, (8,), (2, 2)),
        ValueError,
        "`spatial` must be an int or 2 ints, one per spatial axis of `window` (2, 2); got (8,).",
    ),
    (lambda: F.fold(PATCHES, (8, 8.0), (2, 2)), TypeError, "`spatial` must be an int or 2 ints"),
    (lambda: F.fold(PATCHES, (8, 8), 2), TypeError, "`window` must be a tuple"),
    # space_to_depth and depth_to_space
    (
        lambda: F.space_to_depth(X, 2),
        TypeError,
        "`block` must be a tuple with one int per spatial axis, such as (2, 2) for images; got 2.",
    ),
    (
        lambda: F.space_to_depth(X, (2, 3)),
        ValueError,
        "`block` must divide the spatial axes of `x`, (8, 8); got (2, 3) for `x` (2, 8, 8, 4).",
    ),
    (
        lambda: F.space_to_depth(X, (2, 0)),
        ValueError,
        "`block` must be at least 1 on every axis; got (2, 0).",
    ),
    (lambda: F.space_to_depth(X, (2, 2.0)), TypeError, "such as (2, 2) for images; got (2, 2.0)."),
    (
        lambda: F.space_to_depth(X, (2, 2), order="NCHW"),
        ValueError,
        "`order` must be one of 'DCR', 'CRD'; got 'NCHW'.",
    ),
    (
        lambda: F.depth_to_space(X, (3, 1)),
        ValueError,
        "`x` must have a multiple of 3 channels, one for each place of `block` (3, 1); got shape "
        "(2, 8, 8, 4).",
    ),
    (
        lambda: F.depth_to_space(X, (1,) * 4),
        ValueError,
        "with 4 spatial axes, as `block` (1, 1, 1, 1) says: at least 5 axes; got shape "
        "(2, 8, 8, 4).",
    ),
    (lambda: F.depth_to_space(X, (2, 2), order=None), ValueError, "`order` must be one of 'DCR'"),
    (
        lambda: F.space_to_depth(X, (2, 2), order=X),
        ValueError,
        "got an array of float32[2, 8",
    ),
    # upsample
    (
        lambda: F.upsample(X, 2),
        TypeError,
        "`scale` must be a tuple with one positive number per spatial axis, such as (2, 2) for "
        "images; got 2.",
    ),
    (
        lambda: F.upsample(X, (2, "2")),
        TypeError,
        "`scale` must be a tuple with one positive number",
    ),
    (lambda: F.upsample(X, (2, True)), TypeError, "for images; got (2, True)."),
    (lambda: F.upsample(X, (2, -1.5)), ValueError, "for images; got (2, -1.5)."),
    (lambda: F.upsample(X, (2, float("inf"))), ValueError, "for images; got (2, inf)."),
    (lambda: F.upsample(X, (2, float("nan"))), ValueError, "for images; got (2, nan)."),
    (
        lambda: F.upsample(X, (0.1, 2)),
        ValueError,
        "`scale` must leave an element on every axis: (0.1, 2) times (8, 8) is (0, 16); "
        "got `x` (2, 8, 8, 4).",
    ),
    (
        lambda: F.upsample(X, (2,) * 4),
        ValueError,
        "with 4 spatial axes, as `scale` (2, 2, 2, 2) says: at least 5 axes",
    ),
    (
        lambda: F.upsample(X, (2, 2), method="bilinear"),
        ValueError,
        "`method` must be one of 'nearest', 'linear', 'cubic'; got 'bilinear'.",
    ),
    (lambda: F.upsample(X, (2, 2), method=["linear"]), ValueError, "`method` must be one of"),
    (
        lambda: F.upsample(X, (2, 2), align_corners=True),
        ValueError,
        "`align_corners` must be False with `method` 'nearest'; got True.",
    ),
    (
        lambda: F.upsample(X, (2, 2), method="linear", align_corners=1),
        TypeError,
        "`align_corners` must be True or False; got 1.",
    ),
    (
        lambda: F.upsample(X.astype(np.int32), (2, 2), method="linear"),
        TypeError,
        "`x` must hold floats with `method` 'linear'; got int32: convert it first.",
    ),
    (lambda: F.upsample(X, (1e308, 1e308)), ValueError, "`scale` must leave at most 2147483647"),
    (lambda: F.upsample(X, (10**400, 2)), ValueError, "for images; got "),
    (lambda: F.upsample(X, (2, 2), method=X), ValueError, "got an array of float32[2, 8, 8, 4]."),
    # pad
    (lambda: F.pad(X, (2**31, 0)), ValueError, "`padding` must be from -2147483647 to 2147483647"),
    (lambda: F.pad(X, (2**31 - 1, 0)), ValueError, "`padding` must leave at most 2147483647"),
    (lambda: F.pad(X, ((2**31 - 1, 1 - 2**31), 0)), ValueError, "`padding` must leave at most"),
    (lambda: F.pad(X, (b"ab", 0)), TypeError, "for images; got (b'ab', 0)."),
    (lambda: F.pad(X, (1, 1), value=np.array("x")), TypeError, "`value` must be a number; got"),
    (lambda: F.pad(X, (1, 1), value=10**400), ValueError, "`value` must fit float32; got an int"),
    (
        lambda: F.pad(X, 1),
        TypeError,
        "`padding` must be a tuple with one int or (low, high) pair per spatial axis, such as "
        "(1, 1) for images; got 1.",
    ),
    (lambda: F.pad(X, "SAME"), TypeError, "`padding` must be a tuple with one int"),
    (lambda: F.pad(X, ((1, 2, 3), 0)), TypeError, "for images; got ((1, 2, 3), 0)."),
    (lambda: F.pad(X, (1, 0.5)), TypeError, "for images; got (1, 0.5)."),
    (
        lambda: F.pad(X, (1,) * 4),
        ValueError,
        "with 4 spatial axes, as `padding` (1, 1, 1, 1) says: at least 5 axes",
    ),
    (
        lambda: F.pad(X, (0, (-5, -4))),
        ValueError,
        "`padding` must not crop more than there is: an input of (8, 8) with (0, (-5, -4)) is "
        "(8, -1); got `x` (2, 8, 8, 4).",
    ),
    (
        lambda: F.pad(X, (1, 1), padding_mode="mirror"),
        ValueError,
        "`padding_mode` must be one of 'zeros', 'reflect', 'replicate', 'circular'; got 'mirror'.",
    ),
    (
        lambda: F.pad(X, (1, 1), padding_mode="reflect", value=1),
        ValueError,
        "`value` must be 0 with `padding_mode` 'reflect'; got 1.",
    ),
    (
        lambda: F.pad(X[:, :1], (1, 1), padding_mode="reflect"),
        ValueError,
        "`padding_mode` 'reflect' needs at least 2 elements on every padded axis",
    ),
    (lambda: F.pad(X, (1, 1), value="0"), TypeError, "`value` must be a number; got '0'."),
    (lambda: F.pad(X, (1, 1), value=True), TypeError, "`value` must be a number; got True."),
    (lambda: F.pad(X, (1, 1), value=np.ones(2)), TypeError, "`value` must be a number; got an"),
    (
        lambda: F.pad(X.astype(np.int8), (1, 1), value=0.5),
        TypeError,
        "`value` must fit int8, the dtype of the input; got 0.5.",
    ),
    (
        lambda: F.pad(X.astype(np.int8), (1, 1), value=300),
        ValueError,
        "`value` must be from -128 to 127, what int8 can hold; got 300.",
    ),
    # blur_pool, polyphase_pool and polyphase_unpool
    (
        lambda: F.blur_pool(X.astype(np.int32), (3, 3)),
        TypeError,
        "`x` must hold floats to be blurred; got int32: convert it first.",
    ),
    (lambda: F.blur_pool(X, 3), TypeError, "`window` must be a tuple"),
    (
        lambda: F.blur_pool(X, (3, 1)),
        ValueError,
        "`window` must be from 2 to 7 on every axis; got (3, 1).",
    ),
    (lambda: F.blur_pool(X, (8, 8)), ValueError, "from 2 to 7 on every axis; got (8, 8)."),
    (
        lambda: F.blur_pool(X, (3, 3), stride=(2,)),
        ValueError,
        "`stride` must be an int or 2 ints, one per spatial axis of `window` (3, 3); got (2,).",
    ),
    (lambda: F.blur_pool(X, (3, 3), padding_mode="same"), ValueError, "`padding_mode` must be one"),
    (lambda: F.blur_pool(X, (3, 3), algorithm="x"), ValueError, "`algorithm` must be one of"),
    (
        lambda: F.polyphase_pool(X, 2),
        TypeError,
        "`stride` must be a tuple with one int per spatial axis, such as (2, 2) for images; got 2.",
    ),
    (
        lambda: F.polyphase_pool(X, (2, 3)),
        ValueError,
        "`stride` must divide the spatial axes of `x`, (8, 8); got (2, 3) for `x` (2, 8, 8, 4).",
    ),
    (
        lambda: F.polyphase_pool(X, (2, 2), p=0.5),
        ValueError,
        "`p` must be a number of at least 1, or inf; got 0.5.",
    ),
    (
        lambda: F.polyphase_pool(X, (2, 2), p="inf"),
        TypeError,
        "`p` must be a number of at least 1, or inf; got 'inf'.",
    ),
    (
        lambda: F.polyphase_unpool(X, np.zeros(3, np.int32), (2, 2)),
        ValueError,
        "`phase` must be (*batch), here (2,) for `y` (2, 8, 8, 4) and `stride` (2, 2); "
        "got shape (3,).",
    ),
    (
        lambda: F.polyphase_unpool(X, jnp.zeros(2), (2, 2)),
        TypeError,
        "`phase` must hold integers; got float32.",
    ),
    (
        lambda: F.polyphase_unpool(X[0, 0], np.zeros((), np.int32), (2, 2)),
        ValueError,
        "`y` must be (*batch, *positions, channels) with 2 spatial axes, as `stride` (2, 2) says: "
        "at least 3 axes; got shape (8, 4).",
    ),
]
