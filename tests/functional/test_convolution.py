"""Properties of `F.conv`, over all of `tests.cases.CONVS` and all algorithms."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax import functional as F
from tests import oracle
from tests.cases import ALGORITHMS, CONVS, Conv, integers, normals, tolerance
from tests.compilation import jit
from tests.derivatives import assert_every_mode, double_precision

each_case = pytest.mark.parametrize("case", CONVS, ids=str)
each_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)

# Second derivatives and batching are tested on a case of each kind.
DIFFERENTIATED = [
    case
    for case in CONVS
    if case.name
    in {
        "rank 0, groups",
        "rank 1",
        "rank 2, two batch axes",
        "rank 3, no batch, all",
        "same lower",
        "more padding than kernel",
        "crop and pad",
        "reflect, dilated",
        "circular, strided",
        "stride over kernel, padded",
        "remainder",
        "input dilation, crop",
        "both dilations",
        "depthwise, multiplier",
        "groups, all options",
        "1x1, strided",
    }
]
each_differentiated = pytest.mark.parametrize("case", DIFFERENTIATED, ids=str)


def bound(case, algorithm):
    return lambda x, kernel: F.conv(x, kernel, algorithm=algorithm, **case.options)


def cotangent(case, y):
    return np.random.default_rng(1).integers(-8, 8, y.shape, endpoint=True).astype(y.dtype)


@each_algorithm
@each_case
def test_equals_the_oracle_bit_for_bit(case, algorithm):
    x, kernel = integers(case)
    expected = oracle.conv(x, kernel, **case.options).astype(np.float32)
    conv = bound(case, algorithm)
    chex.assert_trees_all_equal(conv(x, kernel), expected)
    chex.assert_trees_all_equal(jit(conv)(x, kernel), expected)


@each_algorithm
@each_case
def test_gradients_equal_the_oracle_bit_for_bit(case, algorithm):
    x, kernel = integers(case)
    g = cotangent(case, np.float32(oracle.conv(x, kernel, **case.options)))
    chex.assert_trees_all_equal(
        jit(lambda g, *arrays: jax.vjp(bound(case, algorithm), *arrays)[1](g))(g, x, kernel),
        tuple(
            grad(x, kernel, g, **case.options).astype(np.float32)
            for grad in (oracle.conv_input_grad, oracle.conv_kernel_grad)
        ),
    )


@each_algorithm
@pytest.mark.parametrize("case", DIFFERENTIATED[::2], ids=str)
def test_derivatives_of_both_orders_in_every_mode(case, algorithm):
    x, kernel = normals(case)

    # A convolution is bilinear: squared, its second derivatives in x and kernel are not constant.
    def energy(x, kernel):
        return jnp.sum(bound(case, algorithm)(x, kernel) ** 2) / 100

    with double_precision():
        arguments = x.astype(np.float64), kernel.astype(np.float64)
        assert_every_mode(energy, *arguments)


@each_algorithm
@each_differentiated
def test_adjoint_identity(case, algorithm):
    """<conv(x, k), g> == <x, input_grad(k, g)> == <k, kernel_grad(x, g)>, in exact integers."""
    x, kernel = integers(case)
    y, pull = jax.vjp(bound(case, algorithm), x, kernel)
    g = cotangent(case, y)
    dx, dkernel = pull(g)
    form = np.vdot(np.float64(y), g)
    assert form == np.vdot(x, np.float64(dx)) == np.vdot(kernel, np.float64(dkernel))
    assert form != 0


@each_algorithm
@each_differentiated
def test_vmap_equals_a_loop(case, algorithm):
    x, kernel = integers(case)
    xs = np.stack([x, x[::-1], -x])
    kernels = np.stack([kernel, 2 * kernel, kernel - 1])
    conv = bound(case, algorithm)

    def both(x, kernel):
        gradients = jax.grad(lambda *args: jnp.sum(conv(*args) ** 2), argnums=(0, 1))
        return conv(x, kernel), gradients(x, kernel)

    alone = jit(both)

    def loop(xs, kernels):
        return jax.tree.map(lambda *ys: np.stack(ys), *map(alone, xs, kernels))

    over_x, over_kernel = jax.vmap(both, (0, None)), jax.vmap(both, (None, 0))
    chex.assert_trees_all_equal(jit(jax.vmap(both))(xs, kernels), loop(xs, kernels))
    chex.assert_trees_all_equal(jit(over_x)(xs, kernel), loop(xs, [kernel] * 3))
    chex.assert_trees_all_equal(jit(over_kernel)(x, kernels), loop([x] * 3, kernels))


@each_algorithm
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64", "complex64"])
def test_dtypes(dtype, algorithm):
    case = next(case for case in CONVS if case.name == "groups, all options")
    with double_precision():
        x, kernel = (jnp.asarray(a).astype(dtype) for a in integers(case))
        y, pull = jax.vjp(bound(case, algorithm), x, kernel)
        g = jnp.asarray(cotangent(case, np.asarray(y.real, np.float32))).astype(dtype)
        results = (y, *pull(g))
        wide = [np.asarray(a.real, np.float64) for a in (x, kernel, g)]
        expected = (
            oracle.conv(*wide[:2], **case.options),
            oracle.conv_input_grad(*wide, **case.options),
            oracle.conv_kernel_grad(*wide, **case.options),
        )
        for result, exact in zip(results, expected):
            assert result.dtype == dtype
            # One rounding of an exact sum: equal bits in every dtype.
            chex.assert_trees_all_equal(result, jnp.asarray(exact).astype(dtype))


@each_algorithm
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_halves_are_summed_in_float32(dtype, algorithm):
    x, kernel = jnp.ones((8, 8, 64), dtype), jnp.ones((8, 8, 64, 2), dtype)
    assert F.conv(x, kernel, algorithm=algorithm).ravel().tolist() == [4096, 4096]
    x, kernel = jnp.ones((64, 8, 8, 1), dtype), jnp.ones((1, 1, 1, 2), dtype)
    grad = jax.grad(lambda k: F.conv(x, k, algorithm=algorithm).astype(np.float32).sum())(kernel)
    assert grad.ravel().tolist() == [4096, 4096]
    wide = F.conv(
        jnp.full((2, 1), 1.0, dtype),
        jnp.array([1.0, 2.0**-12], dtype).reshape(2, 1, 1),
        algorithm=algorithm,
        preferred_element_type=jnp.float32,
    )
    assert wide.dtype == jnp.float32
    assert wide.item() == 1 + 2.0**-12


@each_algorithm
@pytest.mark.parametrize("dtype", ["int4", "int8", "uint8", "int16", "int32"])
def test_integers_never_wrap(dtype, algorithm):
    top = min(jnp.iinfo(dtype).max, 2**8)
    x, kernel = jnp.full((8, 8, 16), top, dtype), jnp.full((8, 8, 16, 2), top, dtype)
    y = F.conv(x, kernel, algorithm=algorithm)
    assert y.dtype == jnp.int32
    assert y.ravel().tolist() == [1024 * top**2] * 2


def test_mixed_dtypes_promote():
    with jax.numpy_dtype_promotion("standard"):
        y = F.conv(jnp.ones((4, 1), jnp.bfloat16), jnp.ones((2, 1, 1), jnp.float32))
        assert y.dtype == jnp.float32
        y = F.conv(jnp.ones((4, 1), jnp.int8), jnp.ones((2, 1, 1), jnp.float32))
        assert y.dtype == jnp.float32


@each_algorithm
def test_bias_is_added_to_every_position(algorithm):
    x, kernel = integers(Conv("bias", (2, 5, 5, 3), (3, 3, 3, 4)))
    bias = np.arange(4, dtype=np.float32)
    expected = oracle.conv(x, kernel, bias).astype(np.float32)
    chex.assert_trees_all_equal(F.conv(x, kernel, bias, algorithm=algorithm), expected)
    gradient = jax.grad(lambda b: F.conv(x, kernel, b, algorithm=algorithm).sum())(bias)
    chex.assert_trees_all_equal(gradient, np.full(4, 2 * 3 * 3, np.float32))


@each_algorithm
@pytest.mark.parametrize("poison", [np.inf, -np.inf, np.nan])
def test_inf_and_nan_stay_in_their_windows(poison, algorithm):
    case = Conv("poison", (2, 8, 8, 4), (3, 3, 4, 4), padding="SAME", stride=2)
    x, kernel = integers(case)
    clean = oracle.conv(x, kernel, **case.options)
    x[1, 4, 3, 2] = poison
    with np.errstate(invalid="ignore"):
        spoiled = ~np.isfinite(oracle.conv(x, kernel, **case.options))
    y = np.asarray(bound(case, algorithm)(x, kernel))
    assert 0 < spoiled.sum() < spoiled.size / 4
    np.testing.assert_array_equal(np.isfinite(y), ~spoiled)
    np.testing.assert_array_equal(y[~spoiled], clean[~spoiled])


@each_algorithm
@pytest.mark.parametrize(
    "options",
    [
        {"padding": 1},
        {"padding": ((-1, 2), (-2, -1))},
        {"stride": 3, "padding": ((0, -1), (3, 4))},
        {"input_dilation": 2, "padding": ((-1, -2), (1, 0)), "stride": 2},
        {"groups": 2, "padding": "SAME", "stride": 2},
    ],
    ids=str,
)
def test_large_batches(options, algorithm):
    """Above 33,000 leading elements jaxlib 0.10.2 itself is wrong in several of these."""
    n = 33_100
    case = Conv("large", (4, 5, 6, 2), (3, 2, 2 // options.get("groups", 1), 2), **options)
    small, kernel = integers(case)
    x = np.tile(small, (n // 4, 1, 1, 1))
    expected = oracle.conv(small, kernel, **options).astype(np.float32)
    g = cotangent(case, expected)

    @jax.jit
    def everything(x, kernel, g):
        y, pull = jax.vjp(bound(case, algorithm), x, kernel)
        return y, *pull(g)

    y, dx, dkernel = everything(x, kernel, np.tile(g, (n // 4, 1, 1, 1)))
    tiled = lambda a: np.tile(a.astype(np.float32), (n // 4, 1, 1, 1))  # noqa: E731
    chex.assert_trees_all_equal(y, tiled(expected))
    chex.assert_trees_all_equal(dx, tiled(oracle.conv_input_grad(small, kernel, g, **options)))
    exact = oracle.conv_kernel_grad(small, kernel, g, **options) * (n // 4)
    np.testing.assert_allclose(dkernel, exact, rtol=tolerance(np.float32, 30 * n), atol=100)
    assert np.abs(exact).max() > 1e6


def test_numpy_and_jax_arrays_give_the_same():
    x, kernel = integers(CONVS[6])
    assert (F.conv(x, kernel) == F.conv(jnp.asarray(x), jnp.asarray(kernel))).all()


def test_a_second_call_of_a_jitted_convolution_traces_nothing():
    x, kernel = integers(CONVS[6])
    conv = jax.jit(chex.assert_max_traces(lambda x, k: F.conv(x, k, padding="SAME"), n=1))
    conv(x, kernel)
    conv(x + 1, kernel)


def test_the_cases_that_ran_are_distinct():
    assert len({(case.x, case.kernel, str(case.options)) for case in CONVS}) == len(CONVS) >= 45
    assert len(DIFFERENTIATED) == 16
    vanishing = {
        case.name for case in CONVS if not oracle.conv(*integers(case), **case.options).any()
    }
    assert vanishing == {"empty batch", "no input channels"}
