"""Properties of the pools, over all of `tests.cases.POOLS` and all algorithms."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax import functional as F
from tests import oracle
from tests.cases import ALGORITHMS, POOLS, Pool, integers, normals, tolerance
from tests.compilation import jit
from tests.derivatives import assert_every_mode, double_precision

KINDS = ("max", "min", "sum", "avg")

each_case = pytest.mark.parametrize("case", POOLS, ids=str)
each_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)
each_kind = pytest.mark.parametrize("kind", KINDS)


def bound(kind, case, algorithm, **options):
    pool = getattr(F, f"{kind}_pool")
    return lambda x: pool(x, case.window, algorithm=algorithm, **case.options, **options)


def expected(kind, x, case, **options):
    return getattr(oracle, f"{kind}_pool")(x, case.window, **case.options, **options)


def cotangent(y):
    return np.random.default_rng(1).integers(-8, 8, y.shape, endpoint=True).astype(y.dtype)


def assert_equal(kind, y, exact):
    assert y.dtype == np.float32
    if kind == "avg":  # one rounding, of the division
        np.testing.assert_allclose(y, exact, rtol=np.finfo(np.float32).eps)
    else:
        chex.assert_trees_all_equal(y, exact.astype(np.float32))


@each_algorithm
@each_case
def test_equals_the_oracle(case, algorithm):
    (x,) = integers(case)
    inside = {"count_include_pad": False}
    every = [(kind, {}) for kind in KINDS] + [("avg", inside)]
    pools = [bound(kind, case, algorithm, **options) for kind, options in every]
    results = jit(lambda x: [pool(x) for pool in pools])(x)
    for (kind, options), y in zip(every, results, strict=True):
        assert_equal(kind, y, expected(kind, x, case, **options))


@each_algorithm
@each_kind
@pytest.mark.parametrize("case", POOLS[::4], ids=str)
def test_without_jit_it_is_the_same(case, kind, algorithm):
    (x,) = integers(case)
    assert_equal(kind, bound(kind, case, algorithm)(x), expected(kind, x, case))


@each_algorithm
@each_case
def test_the_gradient_of_a_maximum_goes_to_the_first(case, algorithm):
    (x,) = integers(case)
    x = np.round(x / 4)  # many ties
    g = cotangent(expected("max", x, case).astype(np.float32))

    @jit
    def both(x, g):
        largest, smallest = (bound(kind, case, algorithm) for kind in ("max", "min"))
        return jax.vjp(largest, x)[1](g)[0], jax.vjp(smallest, -x)[1](g)[0]

    exact = oracle.max_pool_grad(x, g, case.window, **case.options).astype(np.float32)
    chex.assert_trees_all_equal(both(x, g), (exact, exact))


@each_algorithm
def test_the_gradient_prefers_an_element_to_the_padding(algorithm):
    x = np.full((2, 1), -np.inf, np.float32)
    grad = jax.grad(lambda x: F.max_pool(x, (2,), padding=1, algorithm=algorithm).sum())(x)
    assert grad.ravel().tolist() == [1, 1]


@each_algorithm
@pytest.mark.parametrize("kind", ["max", "avg"])
@pytest.mark.parametrize("case", POOLS[6::5], ids=str)
def test_derivatives_of_both_orders_in_every_mode(case, kind, algorithm):
    (x,) = normals(case)

    def energy(x):  # squared: the second derivative of a linear pool is not zero
        y = bound(kind, case, algorithm)(x)
        return jnp.sum(jnp.where(jnp.isfinite(y), y, 0) ** 2) / 10

    with double_precision():
        assert_every_mode(energy, x.astype(np.float64))


@each_algorithm
@each_kind
def test_vmap_equals_a_loop(kind, algorithm):
    case = next(case for case in POOLS if case.name == "pairs")
    (x,) = integers(case)
    xs = np.stack([x, x[::-1], -x])
    pool = bound(kind, case, algorithm)
    gradient = jax.grad(lambda x: jnp.sum(pool(x) ** 2))
    for f in (pool, gradient):
        chex.assert_trees_all_equal(jit(jax.vmap(f))(xs), np.stack([*map(jit(f), xs)]))


@each_algorithm
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_halves_are_summed_in_float32(dtype, algorithm):
    ones = jnp.ones((32, 32, 1), dtype)
    assert F.avg_pool(ones, (32, 32), algorithm=algorithm).item() == 1
    assert F.global_avg_pool(ones, spatial_rank=2, algorithm=algorithm).item() == 1
    total = F.sum_pool(jnp.ones((64, 64, 1), dtype), (64, 64), algorithm=algorithm)
    assert (total.item(), total.dtype) == (4096, dtype)


@each_algorithm
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32"])
def test_integers(dtype, algorithm):
    (x,) = integers(POOLS[4], np.int32)
    x = (x + 8).astype(dtype)
    for kind, result in (("max", dtype), ("min", dtype), ("sum", "int32")):
        y = bound(kind, POOLS[4], algorithm)(x)
        assert y.dtype == result
        np.testing.assert_array_equal(y, expected(kind, x, POOLS[4]))
    top = np.full((16, 16, 1), np.iinfo(np.int8).max, dtype)
    assert F.sum_pool(top, (16, 16), algorithm=algorithm).item() == 256 * 127
    nothing = F.max_pool(x[:1], (2, 2), padding=2, algorithm=algorithm)[0, 0, 0, 0]
    assert nothing == np.iinfo(dtype).min


@each_algorithm
@each_kind
@pytest.mark.parametrize("jitted", [False, True])
@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_inf_and_nan_stay_in_their_windows_and_are_not_lost(poison, jitted, kind, algorithm):
    """XLA's own maximum loses a NaN on CPU in jaxlib 0.10.2."""
    case = Pool("poison", (64, 16, 16, 8), (3, 3), stride=2, padding=1)
    (x,) = integers(case)
    pool = bound(kind, case, algorithm)
    pool = jax.jit(pool) if jitted else pool
    clean = np.asarray(pool(x))
    x[3, 5, 5, 2] = poison
    y = np.asarray(pool(x))
    window = np.zeros(y.shape, bool)
    window[3, 2:4, 2:4, 2] = True
    np.testing.assert_array_equal(y[~window], clean[~window])
    with np.errstate(invalid="ignore"):
        reduce = {"max": np.max, "min": np.min}.get(kind, np.sum)
        seen = np.float32(reduce([poison, 1.0]))
    if np.isfinite(seen):  # the maximum with -inf, the minimum with inf
        assert np.isfinite(y).all()
    else:
        np.testing.assert_array_equal(y[window], np.full(4, seen))


@each_algorithm
@each_kind
def test_large_batches(kind, algorithm):
    n = 33_100
    case = Pool("large", (4, 5, 6, 2), (3, 2), stride=2, padding=((1, 2), (-1, 3)))
    (small,) = integers(case)
    x = np.tile(small, (n // 4, 1, 1, 1))
    pool = bound(kind, case, algorithm)

    def both(x, g):
        y, pull = jax.vjp(pool, x)
        return y, pull(g)[0]

    g = cotangent(np.asarray(pool(small)))
    few = both(small, g)
    many = jax.jit(both)(x, np.tile(g, (n // 4, 1, 1, 1)))
    chex.assert_trees_all_equal(few[0], expected(kind, small, case).astype(np.float32))
    for large, a in zip(many, few):
        exact = np.tile(a, (n // 4, 1, 1, 1))
        if kind == "avg":  # jit multiplies by the inverse
            np.testing.assert_allclose(large, exact, rtol=tolerance(np.float32), atol=1e-6)
        else:
            chex.assert_trees_all_equal(large, exact)


@each_algorithm
@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_global_pools(rank, algorithm):
    (x,) = normals(Pool("global", (2, 3, 4, 5, 6), (1,)))
    for kind in ("avg", "max"):
        name = f"global_{kind}_pool"
        y = getattr(F, name)(x, spatial_rank=rank, algorithm=algorithm)
        exact = getattr(oracle, name)(x, spatial_rank=rank)
        assert y.shape == x.shape[: 4 - rank] + (6,)
        np.testing.assert_allclose(y, exact, rtol=1e-5, atol=tolerance(np.float32))


@each_algorithm
def test_the_gradient_of_a_global_maximum_goes_to_the_first(algorithm):
    x = np.round(normals(Pool("global", (3, 40, 30, 2), (1,)))[0])
    g = np.arange(1, 7, dtype=np.float32).reshape(3, 2)
    _, pull = jax.vjp(
        lambda x: F.global_max_pool(x, spatial_rank=2, algorithm=algorithm), jnp.asarray(x)
    )
    exact = oracle.max_pool_grad(x, g[:, None, None], (40, 30)).astype(np.float32)
    chex.assert_trees_all_equal(pull(g)[0], exact)


@each_algorithm
@pytest.mark.parametrize("p", [1, 1.5, 2, 3, np.inf])
def test_the_norm_has_no_gradient_at_zero(p, algorithm):
    x = jnp.array([0, 0, 0, -3, 0, 2.0])[:, None]  # windows: zeros, two with one element, padding
    windows = {"stride": 2, "padding": ((0, 2),), "algorithm": algorithm}

    def norms(x):
        return F.lp_pool(x, (2,), p=p, **windows)

    y, pull = jax.vjp(norms, x)
    np.testing.assert_allclose(y.ravel(), [0, 3, 2, 0], rtol=1e-6)
    np.testing.assert_allclose(pull(jnp.ones_like(y))[0].ravel(), [0, 0, 0, -1, 0, 1], rtol=1e-6)
    _, ahead = jax.jvp(norms, (x,), (jnp.ones_like(x),))
    np.testing.assert_allclose(ahead.ravel(), [0, -1, 1, 0], rtol=1e-6)


@each_algorithm
@each_kind
@pytest.mark.parametrize("shape", [(0, 3, 3, 2), (1, 3, 3, 0)])
@pytest.mark.parametrize("window", [(2, 2), (3, 3)])
def test_nothing_pools_to_nothing(window, shape, kind, algorithm):
    pool = getattr(F, f"{kind}_pool")

    @jit
    def both(x):
        y, pull = jax.vjp(lambda x: pool(x, window, algorithm=algorithm), x)
        return y, pull(y)[0]

    y, gradient = both(jnp.ones(shape))
    assert y.shape == (shape[0], 1, 1, shape[-1])
    assert gradient.shape == shape


@each_algorithm
@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2"])
def test_floats_without_infinity(dtype, algorithm):
    x = jnp.array([-3, -1, 2, 4], dtype)[:, None]
    assert F.max_pool(x, (2,), algorithm=algorithm).ravel().tolist() == [-1, 4]
    assert F.min_pool(x, (2,), algorithm=algorithm).ravel().tolist() == [-3, 2]


def test_the_cases_that_ran_are_distinct():
    assert len({(case.x, case.window, str(case.options)) for case in POOLS}) == len(POOLS) >= 25


def test_indices_of_few_bits_reach_places_beyond_them():
    y = F.max_unpool(jnp.ones((1, 1)), jnp.array([[5]], jnp.int8), (300,))
    assert y[:, 0].nonzero()[0].tolist() == [5]
