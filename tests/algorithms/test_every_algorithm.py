"""Every algorithm computes what the oracle says, on every case that it takes, all of its sides.

`tests.functional` holds all rules to the built-in and the definition. The others are held to the
numbers here: values, both gradients and the forward derivative by one compiled program each.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from cnn_jax import functional as F
from cnn_jax.algorithms import ALGORITHMS, im2col, winograd
from tests import oracle
from tests.cases import CONVS, POOLS, Conv, Pool, integers, normals
from tests.compilation import jit
from tests.derivatives import assert_every_mode, double_precision

OTHERS = [name for name in ALGORITHMS if name not in ("xla", "vmap")]
OF_CONVOLUTION = [name for name in OTHERS if ALGORITHMS[name].output]
OF_POOLS = [name for name in OTHERS if ALGORITHMS[name].max_pool]
# Transforms round: of the largest result, for numbers of at most 8 and kernels of at most 60 taps.
ROUNDING = {"winograd": 2e-5, "fft": 1e-6}
# What each takes of the list is known, so that no test is left out by mistake.
TAKEN = {"toeplitz": 57, "im2col": 57, "shifted": 57, "winograd": 24, "fft": 54, "phases": 54,
         "planes": 15}  # fmt: skip


def takes(algorithm, case):
    x, kernel = (jax.ShapeDtypeStruct(shape, np.float32) for shape in case.shapes)
    try:
        jax.eval_shape(partial(F.conv, algorithm=algorithm, **case.options), x, kernel)
    except ValueError:
        return False
    return True


EVERY = [(case, name) for name in OF_CONVOLUTION for case in CONVS if takes(name, case)]


def each(pairs):
    return pytest.mark.parametrize(
        ("case", "algorithm"), pairs, ids=[f"{name}-{case}" for case, name in pairs]
    )


def assert_close(algorithm, result, exact):
    if algorithm not in ROUNDING:
        np.testing.assert_array_equal(result, exact)
    else:
        largest = float(np.abs(exact).max(initial=1))
        np.testing.assert_allclose(result, exact, rtol=0, atol=ROUNDING[algorithm] * largest)


def test_every_algorithm_takes_what_it_says():
    counts = {name: sum(n == name for _, n in EVERY) for name in OF_CONVOLUTION}
    assert counts == counts | TAKEN
    assert min(counts.values()) > 0
    assert {"shifted", "separable"} <= set(OF_POOLS)


@each(EVERY)
def test_all_sides_equal_the_oracle(case, algorithm):
    x, kernel = integers(case)
    y = oracle.conv(x, kernel, **case.options)
    g = np.random.default_rng(1).integers(-8, 8, y.shape, endpoint=True).astype(np.float32)
    conv = partial(F.conv, algorithm=algorithm, **case.options)

    @jit
    def everything(x, kernel, g):
        y, pull = jax.vjp(conv, x, kernel)
        return y, *pull(g), jax.jvp(conv, (x, kernel), (x, -kernel))[1]

    y_, dx, dkernel, tangent = everything(x, kernel, g)
    assert_close(algorithm, y_, y)
    assert_close(algorithm, dx, oracle.conv_input_grad(x, kernel, g, **case.options))
    assert_close(algorithm, dkernel, oracle.conv_kernel_grad(x, kernel, g, **case.options))
    if algorithm not in ROUNDING:
        np.testing.assert_array_equal(tangent, np.zeros_like(tangent))  # y - y


@pytest.mark.parametrize("algorithm", ["auto", *ALGORITHMS])
def test_windows_of_nothing_but_padding_give_zeros(algorithm):
    """The second of three axes has one element, and no window sees it: the rows seen are empty."""
    x, kernel = np.ones((2, 1, 1, 1), np.float32), np.ones((1, 1, 1, 1, 1), np.float32)
    options = {"stride": (1, 2, 1), "padding": ((0, 0), (1, 1), (0, 0))}
    case = Conv("", x.shape, kernel.shape, **options)
    if algorithm != "auto" and not takes(algorithm, case):
        pytest.skip("it does not take strides, or convolutions")
    y, pull = jax.vjp(partial(F.conv, algorithm=algorithm, **options), x, kernel)
    for array in (y, *pull(jnp.ones_like(y))):
        np.testing.assert_array_equal(array, np.zeros_like(array))


FULLEST = {"rank 3", "depthwise, multiplier", "same, even kernel"}
SECOND = {"rank 1", "rank 2", "stride", "depthwise, multiplier", "groups", "same, even kernel"}


@each([(case, name) for case, name in EVERY if case.name in FULLEST])
def test_derivatives_of_both_orders_in_every_mode(case, algorithm):
    x, kernel = normals(case)

    def energy(x, kernel):
        return jnp.sum(F.conv(x, kernel, algorithm=algorithm, **case.options) ** 2) / 100

    with double_precision():
        assert_every_mode(energy, x.astype(np.float64), kernel.astype(np.float64))


@each([(case, name) for case, name in EVERY if case.name in SECOND])
def test_vmap_of_gradients_equals_a_loop(case, algorithm):
    x, kernel = integers(case)
    xs, kernels = np.stack([x, x[::-1], -x]), np.stack([kernel, 2 * kernel, kernel - 1])

    def gradients(x, kernel):
        conv = partial(F.conv, algorithm=algorithm, **case.options)
        return jax.grad(lambda *a: jnp.sum(conv(*a) ** 2), (0, 1))(x, kernel)

    looped = zip(*(jit(gradients)(*pair) for pair in zip(xs, kernels)))
    for mapped, one_by_one in zip(jit(jax.vmap(gradients))(xs, kernels), looped):
        assert_close(algorithm, mapped, np.stack(one_by_one))


@each([(case, name) for case, name in EVERY if case.name in {"rank 2", "depthwise", "groups"}])
def test_eight_devices_compute_what_one_does(case, algorithm):
    if algorithm == "fft" and jax.__version_info__ < (0, 8):
        pytest.skip("jax 0.7 cannot transpose a Fourier transform inside of shard_map")
    x, kernel = integers(case)
    xs = np.concatenate([x, -x, 2 * x, x + 1])  # 8 images
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))

    def both(x, kernel):
        y, pull = jax.vjp(partial(F.conv, algorithm=algorithm, **case.options), x, kernel)
        return y, *pull(jnp.round(y))

    value, dx, _ = jit(both)(xs, kernel)
    specs = (P("data"), P())
    mapped = jax.shard_map(both, mesh=mesh, in_specs=specs, out_specs=(P("data"), P("data"), P()))
    y_, dx_, _ = jit(mapped)(xs, kernel)
    assert_close(algorithm, y_, value)
    assert_close(algorithm, dx_, dx)
    sharded = jax.device_put(xs, NamedSharding(mesh, P("data")))
    for ours, one in zip(jit(both)(sharded, kernel)[:2], (value, dx)):
        assert_close(algorithm, ours, one)


@each([(case, name) for case, name in EVERY if case.name in {"rank 2", "depthwise", "stride"}])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_narrow_floats_are_rounded_once(case, algorithm, dtype):
    x, kernel = (array.astype(dtype) for array in integers(case))
    y = jit(partial(F.conv, algorithm=algorithm, **case.options))(x, kernel)
    exact = oracle.conv(*(np.float64(a) for a in (x, kernel)), **case.options)
    assert y.dtype == dtype
    spacing = 0 if algorithm not in ROUNDING else float(jnp.finfo(dtype).eps)
    np.testing.assert_allclose(
        np.float64(y), np.float64(jnp.asarray(exact).astype(dtype)), rtol=spacing, atol=1e-3
    )


@pytest.mark.parametrize(("algorithm", "stride"), [(im2col, 1), (im2col, 2), (winograd, 1)])
@pytest.mark.parametrize("limit", [3_000, 10_000])
def test_blocks_give_what_one_block_gives(monkeypatch, algorithm, stride, limit):
    """The examples are small; here they are cut, into images and into rows of images."""
    rng = np.random.default_rng(0)
    x = rng.integers(-8, 8, (4, 11, 7, 3)).astype(np.float32)
    kernel = rng.integers(-8, 8, (3, 3, 3, 5)).astype(np.float32)
    name = algorithm.__name__.rpartition(".")[2]

    def all_sides(x, kernel):
        conv = partial(F.conv, algorithm=name, padding="SAME", stride=stride)
        y, pull = jax.vjp(conv, x, kernel)
        return y, *pull(jnp.round(y))

    whole = all_sides(x, kernel)
    monkeypatch.setattr(algorithm, "BLOCK_BYTES", limit)
    monkeypatch.setattr(jax, "device_count", lambda *_: 1)  # each device has blocks of its own
    jax.clear_caches()
    assert str(jax.make_jaxpr(all_sides)(x, kernel)).count("scan[") >= 2
    for part, all_at_once in zip(all_sides(x, kernel), whole):
        largest = np.abs(all_at_once).max()
        np.testing.assert_allclose(part, all_at_once, rtol=0, atol=1e-5 * largest)
    monkeypatch.undo()
    jax.clear_caches()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_gradients_of_halves_are_rounded_once_over_several_blocks(monkeypatch, dtype):
    """Their sums are exact in float32, and not in halves: rounded after each block they differ."""
    rng = np.random.default_rng(0)
    x = rng.integers(-8, 8, (4, 11, 7, 3), endpoint=True).astype(dtype)
    kernel = rng.integers(-8, 8, (3, 3, 3, 5), endpoint=True).astype(dtype)
    g = rng.integers(-8, 8, (4, 9, 5, 5), endpoint=True).astype(dtype)
    monkeypatch.setattr(im2col, "BLOCK_BYTES", 3_000)
    jax.clear_caches()

    def gradients(x, kernel, g):
        return jax.vjp(partial(F.conv, algorithm="im2col"), x, kernel)[1](g)

    assert str(jax.make_jaxpr(gradients)(x, kernel, g)).count("scan[") >= 2
    wide = [np.float32(array) for array in (x, kernel, g)]
    exact = oracle.conv_input_grad(*wide), oracle.conv_kernel_grad(*wide)
    for gradient, right in zip(gradients(x, kernel, g), exact):
        assert gradient.dtype == dtype
        np.testing.assert_array_equal(np.float32(gradient), np.float32(right.astype(dtype)))
    monkeypatch.undo()
    jax.clear_caches()


def pool_of(case: Pool, name: str, algorithm: str):
    return partial(getattr(F, name), window=case.window, algorithm=algorithm, **case.options)


@pytest.mark.parametrize("algorithm", OF_POOLS)
@pytest.mark.parametrize("case", POOLS, ids=str)
def test_pools_equal_the_oracle_and_their_gradients_the_definition(case, algorithm):
    (x,) = integers(case)

    @partial(jit, static_argnums=1)
    def everything(x, algorithm):
        results = []
        for name in ("max_pool", "min_pool", "sum_pool"):
            y, pull = jax.vjp(pool_of(case, name, algorithm), x)
            g = jnp.arange(1, y.size + 1, dtype=jnp.float32).reshape(y.shape)
            results.append((y, pull(g)[0]))
        return results

    exact = [getattr(oracle, n)(x, case.window, **case.options)
             for n in ("max_pool", "min_pool", "sum_pool")]  # fmt: skip
    defined = everything(x, "vmap")
    for (y, dx), truth, (_, dx_defined) in zip(everything(x, algorithm), exact, defined):
        np.testing.assert_array_equal(y, truth.astype(np.float32))
        np.testing.assert_array_equal(dx, dx_defined)


@pytest.mark.parametrize("algorithm", OF_POOLS)
@pytest.mark.parametrize(
    ("window", "options"), [((2, 2), {}), ((3, 3), {"stride": 1, "padding": 1})]
)
@pytest.mark.parametrize("pool", [F.max_pool, F.min_pool])
def test_ties_nan_and_infinity_in_pools(algorithm, window, options, pool):
    x = np.array([[0, np.nan, 1, 1], [-np.inf, -np.inf, 1, 1], [np.inf, 2, 2, 2], [3, 3, 3, 3]])
    x = x.astype(np.float32)[None, ..., None]
    y, pull = jax.vjp(lambda x: pool(x, window, algorithm=algorithm, **options), x)
    truth, pull_defined = jax.vjp(lambda x: pool(x, window, algorithm="vmap", **options), x)
    np.testing.assert_array_equal(y, truth)
    g = jnp.arange(1.0, y.size + 1).reshape(y.shape)
    np.testing.assert_array_equal(pull(g)[0], pull_defined(g)[0])
