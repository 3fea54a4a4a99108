"""Native pools as JAX's transformations see them."""

from functools import partial

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from cnn_jax import functional as F
from cnn_jax import geometry
from cnn_jax.algorithms import Problem, xla
from cnn_jax.algorithms.native import ALGORITHM
from cnn_jax.algorithms.native.llvm.machine import host
from cnn_jax.algorithms.native.nests import pool_gradients, pools
from cnn_jax.algorithms.native.primitives import plain_pools
from cnn_jax.algorithms.native.primitives import pools as pooling
from tests.compilation import jit
from tests.derivatives import assert_every_mode, double_precision

from .frames import calls

OPTIONS = {
    "apart": {"window": (2, 2)},
    "overlapping": {"window": (3, 3), "stride": 2, "padding": 1},
    "axis by axis": {"window": (5, 5), "stride": 1, "padding": 2},
    "dilated": {"window": (2, 3), "stride": (1, 2), "dilation": 2},
    "whole": {"window": (6, 7)},
    "cropped": {"window": (3, 2), "stride": (2, 3), "padding": ((-1, 1), (0, -2))},
}
KINDS = {"max": F.max_pool, "min": F.min_pool, "sum": F.sum_pool, "average": F.avg_pool}
each_kind = pytest.mark.parametrize("kind", KINDS)
each_window = pytest.mark.parametrize("name", OPTIONS)


def native(kind, name, algorithm="native"):
    return partial(KINDS[kind], algorithm=algorithm, **OPTIONS[name])


def numbers(*shape, seed=0):
    """Whole numbers of a few values: many tie, and every sum of them is exact."""
    return np.random.default_rng(seed).integers(-3, 4, shape).astype(np.float32)


def everything(pool, x):
    """The pool, its tangent, its gradient, and a linear function of it taken back and forth."""
    y, pull = jax.vjp(pool, x)
    _, linear = jax.linearize(pool, x)
    back = jax.linear_transpose(linear, x)(y)[0]
    return y, jax.jvp(pool, (x,), (x + 1,))[1], pull(y)[0], linear(x - 1), back


@each_kind
@each_window
def test_first_and_second_derivatives_in_every_mode(kind, name):
    pool = native(kind, name)
    x = np.random.default_rng(0).standard_normal((2, 6, 7, 3))
    with double_precision():
        assert_every_mode(lambda x: jnp.sum(pool(x) ** 2) / 10, x)


@each_kind
@each_window
def test_every_transformation_equals_the_definition(kind, name):
    x = numbers(3, 2, 6, 7, 5)

    def transformed(pool, x):
        def energy(x):
            return jnp.sum(pool(x) ** 2)

        def step(total, x):
            return total + jax.grad(energy)(x), jax.checkpoint(pool)(x)

        return {
            "at once": everything(pool, x[0]),
            "mapped": jax.vmap(partial(everything, pool), 1, 1)(x),
            "mapped over cotangents": jax.jacrev(pool)(x[0, :1, :, :, :1]),
            "mapped over tangents": jax.jacfwd(pool)(x[0, :1, :, :, :1]),
            "scanned": jax.lax.scan(step, x[0], x),
            "recomputed": jax.grad(jax.checkpoint(energy))(x[0]),
            "hessian": jax.hessian(energy)(x[0, :1, :, :, :1]),
        }

    ours = jit(partial(transformed, native(kind, name)))(x)
    defined = jit(partial(transformed, native(kind, name, "vmap")))(x)
    assert list(ours) == list(defined)
    for what, expected in defined.items():
        for result, exact in zip(jax.tree.leaves(ours[what]), jax.tree.leaves(expected)):
            assert_same(kind, result, exact, what)
    assert_same(kind, native(kind, name)(x[0]), ours["at once"][0], "without jit")


def assert_same(kind, result, exact, what):
    """To the last bit, but averages: a product with 1 / taps is not quite a quotient."""
    tolerance = 1e-6 if kind == "average" else 0
    np.testing.assert_allclose(result, exact, rtol=tolerance, atol=tolerance, err_msg=what)


@each_kind
@pytest.mark.parametrize("name", ["overlapping", "axis by axis"])
def test_eight_devices_compute_what_one_does_and_exchange_nothing(kind, name):
    x, both = numbers(16, 6, 7, 5), partial(everything, native(kind, name))
    one = jit(both)(x)
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    split = jax.device_put(x, NamedSharding(mesh, P("data")))
    compiled = jit(both).lower(split).compile()
    text = compiled.as_text()
    assert not [word for word in ("all-gather", "all-reduce", "all-to-all") if word in text]
    for result, exact in zip(compiled(split), one):
        assert result.sharding.spec[0] == "data"
        np.testing.assert_array_equal(result, exact)
    mapped = jax.shard_map(both, mesh=mesh, in_specs=P("data"), out_specs=P("data"))
    for result, exact in zip(jit(mapped)(x), one):
        np.testing.assert_array_equal(result, exact)
    inside = jax.shard_map(native(kind, name), mesh=mesh, in_specs=P("data"), out_specs=P("data"))
    gradient = jit(jax.grad(lambda x: jnp.sum(inside(x) ** 2)))(x)
    defined = native(kind, name, "vmap")
    exact = jax.grad(lambda x: jnp.sum(defined(x) ** 2))(x)
    assert_same(kind, gradient, exact, "gradient outside of `shard_map`")


@each_kind
@each_window
def test_exported_programs_hold_plain_jax(kind, name):
    x, both = numbers(2, 6, 7, 5), partial(everything, native(kind, name))
    exported = jax.export.export(jit(both), platforms=["tpu", "cuda", "cpu"])(x)
    assert "custom_call" not in exported.mlir_module()
    for result, exact in zip(exported.call(x), jit(both)(x)):
        assert_same(kind, result, exact, "exported")


@each_window
def test_the_plain_form_notes_the_same_numbers(name):
    x = numbers(2, 6, 7, 5)
    x[0, :3, 2:] = np.nan
    options = {"stride": OPTIONS[name]["window"], **OPTIONS[name]}
    window = geometry.resolve((6, 7), options.pop("window"), **options)
    drops, exact = geometry.fit(window, (6, 7))
    x = x[:, drops[0][0] : 6 - drops[0][1], drops[1][0] : 7 - drops[1][1]]
    for kind in ("max", "min"):
        params = {"window": exact, "kind": kind, "notes": True}
        for ours, plain in zip(pooling.pool.bind(x, **params), plain_pools.pool(x, **params)):
            np.testing.assert_array_equal(ours, plain)


@pytest.mark.parametrize("name", ["overlapping", "axis by axis"])
def test_one_thread_computes_the_bits_that_several_do(name):
    """Large enough that XLA's threads share the work."""
    random = np.random.default_rng(0)
    shape = (8, 40, 41, 37)
    options = {"stride": OPTIONS[name]["window"], **OPTIONS[name]}
    window = geometry.resolve(shape[1:3], options.pop("window"), **options)
    shape = (8, *window.input_size(window.output_size(shape[1:3])), 37)
    x = random.standard_normal(shape).astype(np.float32)
    y, places = jit(partial(pooling.pool.bind, window=window, kind="max", notes=True))(x)
    g = random.standard_normal(y.shape).astype(np.float32)
    dx = jit(partial(pooling.put.bind, window=window))(places, g)
    total = jit(partial(pooling.sums.bind, window=window, divisor=1))(x)

    planned = pools.plan(host(), shape, window, "float32", "max", notes=True)
    assert planned[1].threads > 1
    alone = calls(*planned, [x], [(y.shape, np.float32), (y.shape, np.uint8)])
    planned = pool_gradients.plan(host(), shape, window, "float32", chosen=True)
    alone += calls(*planned, [np.asarray(places), g], [(shape, np.float32)])
    alone += calls(*pools.plan(host(), shape, window, "float32", "sum"), [x], [(y.shape, "f4")])
    for several, one in zip((y, places, dx, total), alone):
        np.testing.assert_array_equal(several, one)


def test_places_of_maxima():
    x = numbers(2, 6, 7, 5)
    for options in OPTIONS.values():
        ours, defined = (
            F.max_pool_with_indices(x, algorithm=name, **options) for name in ("native", "vmap")
        )
        for result, exact in zip(ours, defined):
            np.testing.assert_array_equal(result, exact)


@pytest.mark.parametrize(
    ("side", "window", "dtype", "reason"),
    [
        ("max_pool", (2, 2), "int32", "it computes floats, not int32"),
        ("max_pool", (256,), "float32", "its maxima have at most 255 taps on an axis"),
        ("max_pool", (255,), "float32", None),
        ("sum_pool", (256,), "float32", None),
        ("min_pool", (1, 2, 1, 2), "float32", "its pools have at most 3 spatial axes"),
    ],
)
def test_what_it_does_not_compute(side, window, dtype, reason):
    spatial = window
    window = geometry.resolve(spatial, window)
    assert ALGORITHM.unsupported(Problem(side, (1, *spatial, 2), (), window, 1, dtype)) == reason


@pytest.mark.parametrize("size", [(16, 15), (255,), (20, 20), (3, 300)])
def test_windows_of_many_taps(size):
    """Up to 255 are noted in a byte; with more, axis by axis. A sum has no limit."""
    x = numbers(2, *size, 3)
    total = F.sum_pool(x, size, algorithm="native")
    np.testing.assert_array_equal(total, x.sum(tuple(range(1, x.ndim - 1)), keepdims=True))
    if max(size) > 255:
        return
    y, pull = jax.vjp(lambda x: F.max_pool(x, size, algorithm="native"), x)
    window = geometry.resolve(size, size)
    exact, exact_pull = jax.vjp(lambda x: xla.max_pool(x, window), x)
    np.testing.assert_array_equal(y, exact)
    np.testing.assert_array_equal(pull(y + 1)[0], exact_pull(exact + 1)[0])
