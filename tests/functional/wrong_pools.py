"""Wrong calls of the pools: call, error, part of its text."""

import jax
import numpy as np

from cnn_jax import functional as F
from cnn_jax import geometry

X = np.ones((2, 8, 8, 4), np.float32)
Y = np.ones((2, 4, 4, 4), np.float32)
PLACES = np.zeros((2, 4, 4, 4), np.int32)
KEY = jax.random.key(0)


def pool(x=X, window=(2, 2), kind="max", **options):
    return lambda: getattr(F, f"{kind}_pool")(x, window, **options)


def adaptive(x=X, output_size=(3, 3), kind="avg", **options):
    return lambda: getattr(F, f"adaptive_{kind}_pool")(x, output_size, **options)


def unpool(y=Y, indices=PLACES, spatial=(8, 8)):
    return lambda: F.max_unpool(y, indices, spatial)


def fractional(key=KEY, x=X, window=(2, 2), output_size=(5, 5)):
    return lambda: F.fractional_max_pool(key, x, window, output_size=output_size)


WRONG = [
    # pools
    (
        pool(window=2),
        TypeError,
        "`window` must be a tuple with one int per spatial axis, such as (2, 2) for images; got 2.",
    ),
    (pool(window="22"), TypeError, "`window` must be a tuple"),
    (pool(window=(2, 0)), ValueError, "`window` must be at least 1 on every axis; got (2, 0)."),
    (pool(window=(2, 2.5)), TypeError, "such as (2, 2) for images; got (2, 2.5)."),
    (pool(window=3), TypeError, "such as (3, 3) for images; got 3."),
    (
        pool(window=(2,) * 4),
        ValueError,
        "with 4 spatial axes, as `window` (2, 2, 2, 2) says: at least 5 axes; got shape "
        "(2, 8, 8, 4).",
    ),
    (pool(window=(9, 1)), ValueError, "The window must fit into the padded input"),
    (
        pool(stride=(2,)),
        ValueError,
        "`stride` must be an int or 2 ints, one per spatial axis of `window` (2, 2); got (2,).",
    ),
    (pool(padding="MAX"), ValueError, "`padding` must be one of"),
    (pool(dilation=-1), ValueError, "`dilation` must be at least 1"),
    (pool(algorithm="fast"), ValueError, "`algorithm` must be one of"),
    (pool(x=X.astype(complex)), TypeError, "`x` must hold real numbers; got complex"),
    (
        pool(x=X.astype(np.int32), kind="avg"),
        TypeError,
        "`x` must hold floats to be averaged; got int32: convert it first.",
    ),
    (
        lambda: F.global_avg_pool(X, spatial_rank=4),
        ValueError,
        "with 4 spatial axes, as `spatial_rank` 4 says: at least 5 axes; got shape (2, 8, 8, 4).",
    ),
    (
        lambda: F.global_max_pool(X, spatial_rank=(1, 2)),
        TypeError,
        "`spatial_rank` must be an int, such as 2 for images; got (1, 2).",
    ),
    (lambda: F.global_max_pool(X, spatial_rank=-1), TypeError, "`spatial_rank` must be an int"),
    (
        lambda: F.global_max_pool(X[:, :0], spatial_rank=2),
        ValueError,
        "`x` must have a position on every spatial axis; got shape (2, 0, 8, 4).",
    ),
    (lambda: F.using(algorithm="none").__enter__(), ValueError, "`algorithm` must be one of"),
    (
        lambda: geometry.output_size((8, 8), (3, 3, 3)),
        ValueError,
        "`window` must be an int or 2 ints, one per spatial axis of the input; got (3, 3, 3).",
    ),
    (pool(window=(2**31, 1)), ValueError, "`window` must be at most 2147483647 on every axis"),
    (pool(window=(2**20, 2**20)), ValueError, "`window` must leave at most 2147483647 elements on"),
    (pool(padding=2**31), ValueError, "`padding` must be from -2147483647 to 2147483647"),
    (pool(algorithm=X), ValueError, "`algorithm` must be one of"),
    (
        lambda: F.using(algorithm=X).__enter__(),
        ValueError,
        "'native'; got an array of float32[2, 8, 8, 4].",
    ),
    (unpool(spatial=(2**31, 2**31)), ValueError, "`spatial` must be at most 2147483647 on every"),
    (
        unpool(spatial=(2**20, 2**20)),
        ValueError,
        "`spatial` must leave at most 2147483647 elements",
    ),
    (
        adaptive(output_size=(2**30, 2**30)),
        ValueError,
        "`output_size` must leave at most 2147483647",
    ),
    # ceil_mode, counting, norms
    (pool(ceil_mode=1), TypeError, "`ceil_mode` must be True or False; got 1."),
    (
        pool(ceil_mode=True, padding=((0, -1), (0, 0))),
        ValueError,
        "`padding` must not crop the high end with `ceil_mode`, which extends it: slice the input "
        "first; got ((0, -1), (0, 0)).",
    ),
    (
        pool(kind="avg", count_include_pad="yes"),
        TypeError,
        "`count_include_pad` must be True or False; got 'yes'.",
    ),
    (pool(kind="lp", p=0.5), ValueError, "`p` must be a number of at least 1, or inf; got 0.5."),
    (pool(kind="lp", p="2"), TypeError, "`p` must be a number of at least 1, or inf; got '2'."),
    (
        pool(kind="lp", p=float("nan")),
        ValueError,
        "of at least 1, or inf; got nan.",
    ),
    (
        pool(X.astype(np.int8), kind="lp"),
        TypeError,
        "`x` must hold floats to have a norm; got int8",
    ),
    # indices
    (lambda: F.max_pool_with_indices(X, 2), TypeError, "`window` must be a tuple with one int per"),
    (lambda: F.max_pool_with_indices(X, (9, 9)), ValueError, "The window must fit into the padded"),
    (unpool(y=1.0), TypeError, "`y` must be a JAX or NumPy array; got float."),
    (unpool(indices=Y), TypeError, "`indices` must hold integers; got float32."),
    (
        unpool(indices=np.zeros((2, 4, 4), np.int32)),
        ValueError,
        "`indices` must have the shape of `y`, (2, 4, 4, 4); got shape (2, 4, 4).",
    ),
    (
        unpool(spatial=8),
        TypeError,
        "`spatial` must be a tuple with one int per spatial axis, such as (8, 8) for images; "
        "got 8.",
    ),
    (unpool(spatial=(8, 0)), ValueError, "`spatial` must be at least 1 on every axis; got (8, 0)."),
    (unpool(spatial=(2,) * 4), ValueError, "`y` must be (*batch, *spatial, channels) with 4"),
    # adaptive
    (
        adaptive(output_size=3),
        TypeError,
        "`output_size` must be a tuple with one int or None per spatial axis, such as (3, 3) for "
        "images; got 3.",
    ),
    (adaptive(output_size=(0, 3)), ValueError, "`output_size` must be at least 1 on every axis"),
    (adaptive(output_size=(2.0, 3)), TypeError, "`output_size` must be an int or 2 ints"),
    (adaptive(x=X[:, :0]), ValueError, "`x` must have a position on every spatial axis; got"),
    (adaptive(x=X.astype(np.int32)), TypeError, "`x` must hold floats to be averaged; got int32"),
    (adaptive(x=X.astype(complex), kind="max"), TypeError, "`x` must hold real numbers; got"),
    (adaptive(output_size=(2,) * 4), ValueError, "with 4 spatial axes, as `output_size` (2, 2, 2"),
    # drawn
    (
        fractional(key=0),
        TypeError,
        "`key` must be a key of jax.random, such as jax.random.key(0); got int.",
    ),
    (fractional(key=np.float32), TypeError, "`key` must be a key of jax.random"),
    (fractional(key=jax.random.split(KEY)), TypeError, "`key` must be a key of jax.random, such"),
    (
        fractional(output_size=(8, 8)),
        ValueError,
        "`output_size` + `window` - 1 must be at most the input's size on every axis; got (8, 8) "
        "and (2, 2) for (8, 8).",
    ),
    (fractional(output_size=5), TypeError, "`output_size` must be a tuple with one int per"),
    (fractional(output_size=(5,)), ValueError, "`output_size` must be an int or 2 ints"),
    (fractional(window=2), TypeError, "`window` must be a tuple with one int per spatial axis"),
    (lambda: F.stochastic_pool(X, X, (2, 2)), TypeError, "`key` must be a key of jax.random, such"),
    (
        lambda: F.stochastic_pool(KEY, X.astype(np.int32), (2, 2)),
        TypeError,
        "`x` must hold floats to be drawn from; got int32: convert it first.",
    ),
]
