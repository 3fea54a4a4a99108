"""What research code does to these functions: every JAX transformation, as of XLA's built-ins.

`F.conv` is compared with `lax.conv_general_dilated` and `F.max_pool` with `lax.reduce_window`,
whose derivatives JAX wrote: forward, reverse, all four second orders, jacobians, hessian, batching,
control flow, rematerialization, linearization, transposition, sharding over devices, and export to
other platforms.
"""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export, lax
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from cnn_jax import functional as F
from tests.cases import ALGORITHMS, Conv, normals, tolerance

X, KERNEL = map(jnp.asarray, normals(Conv("transformed", (8, 6, 6, 3), (3, 3, 3, 4))))
LAYOUT = ("NHWC", "HWIO", "NHWC")
WINDOW = {"window_dimensions": (1, 2, 2, 1), "window_strides": (1, 2, 2, 1), "padding": "VALID"}


def built_in(x, kernel):
    y = lax.conv_general_dilated(x, kernel, (1, 1), [(1, 1), (1, 1)], dimension_numbers=LAYOUT)
    return lax.reduce_window(y, -jnp.inf, lax.max, **WINDOW)


def ours(algorithm):
    def conv_and_pool(x, kernel):
        y = F.conv(x, kernel, padding=1, algorithm=algorithm)
        return F.max_pool(y, (2, 2), algorithm=algorithm)

    return conv_and_pool


def energy(f):
    return lambda x, kernel: jnp.sum(f(x, kernel) ** 2)


def mesh():
    return jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))


def shard_mapped(f, ins, outs):
    return jax.jit(jax.shard_map(f, mesh=mesh(), in_specs=ins, out_specs=outs))


SPLIT = P("data")
SAME = P()

TRANSFORMATIONS = {
    "jit": lambda f: jax.jit(f)(X, KERNEL),
    "grad": lambda f: jax.grad(energy(f), (0, 1))(X, KERNEL),
    "jit of grad": lambda f: jax.jit(jax.grad(energy(f), (0, 1)))(X, KERNEL),
    "grad by the kernel alone": lambda f: jax.grad(energy(f), 1)(X, KERNEL),
    "jvp": lambda f: jax.jvp(f, (X, KERNEL), (X, KERNEL)),
    "forward over reverse": lambda f: jax.jvp(
        jax.grad(energy(f), (0, 1)), (X, KERNEL), (X, KERNEL)
    ),
    "reverse over reverse": lambda f: jax.grad(
        lambda x: jnp.sum(jax.grad(energy(f), 1)(x, KERNEL) ** 2)
    )(X),
    "reverse over forward": lambda f: jax.grad(
        lambda k: jax.jvp(energy(f), (X, k), (X, KERNEL))[1]
    )(KERNEL),
    "forward over forward": lambda f: jax.jvp(
        lambda x: jax.jvp(f, (x, KERNEL), (X, KERNEL))[1], (X,), (X,)
    ),
    "vmap over x": lambda f: jax.vmap(f, (0, None))(X[:, None], KERNEL),
    "vmap over the kernel": lambda f: jax.vmap(f, (None, 0))(X, jnp.stack([KERNEL, -KERNEL])),
    "vmap over both": lambda f: jax.vmap(f)(X[:, None], jnp.stack([KERNEL] * 8)),
    "vmap of grad": lambda f: jax.vmap(jax.grad(energy(f), 1), (0, None))(X[:, None], KERNEL),
    "jacfwd": lambda f: jax.jacfwd(lambda k: f(X, k).sum((0, 1, 2)))(KERNEL),
    "jacrev": lambda f: jax.jacrev(lambda k: f(X, k).sum((0, 1, 2)))(KERNEL),
    "hessian": lambda f: jax.hessian(lambda k: energy(f)(X[:1], k))(KERNEL),
    "scan": lambda f: jax.grad(
        lambda k: lax.scan(lambda a, x: (a + energy(f)(x[None], k), None), 0.0, X)[0]
    )(KERNEL),
    "remat": lambda f: jax.grad(lambda k: jax.checkpoint(energy(f))(X, k))(KERNEL),
    "linearize": lambda f: jax.linearize(f, X, KERNEL)[1](X, KERNEL),
    "sharded jit": lambda f: jax.jit(f)(jax.device_put(X, NamedSharding(mesh(), SPLIT)), KERNEL),
    "sharded grad": lambda f: jax.jit(jax.grad(energy(f), (0, 1)))(
        jax.device_put(X, NamedSharding(mesh(), SPLIT)), KERNEL
    ),
    "shard_map": lambda f: shard_mapped(f, (SPLIT, SAME), SPLIT)(X, KERNEL),
    "shard_map of grad": lambda f: shard_mapped(
        jax.grad(energy(f), (0, 1)), (SPLIT, SAME), (SPLIT, SAME)
    )(X, KERNEL),
    "shard_map of jvp": lambda f: shard_mapped(
        lambda x, k: jax.jvp(f, (x, k), (x, k))[1], (SPLIT, SAME), SPLIT
    )(X, KERNEL),
    "grad of shard_map": lambda f: jax.grad(energy(shard_mapped(f, (SPLIT, SAME), SPLIT)), (0, 1))(
        X, KERNEL
    ),
}


@pytest.fixture(scope="module")
def expected():
    """What each transformation of the built-in gives, computed once."""
    results = {}

    def of(name):
        if name not in results:
            results[name] = TRANSFORMATIONS[name](built_in)
        return results[name]

    return of


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_transformation(name, algorithm, expected):
    result = TRANSFORMATIONS[name](ours(algorithm))
    for a, b in zip(jax.tree.leaves(result), jax.tree.leaves(expected(name)), strict=True):
        scale = float(jnp.abs(b).max())
        np.testing.assert_allclose(a, b, atol=scale * 10 * tolerance(np.float32, 27), rtol=0)
        assert scale > 0


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_convolution_can_be_transposed(algorithm):
    def conv(x):
        return F.conv(x, KERNEL, padding=1, algorithm=algorithm)

    (transposed,) = jax.linear_transpose(conv, X)(conv(X))
    (gradient,) = jax.vjp(conv, X)[1](conv(X))
    chex.assert_trees_all_close(transposed, gradient, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_argument_that_is_not_differentiated_costs_nothing(algorithm):
    def products(*argnums):
        gradient = jax.jit(jax.grad(energy(ours(algorithm)), argnums))
        text = gradient.lower(X, KERNEL).as_text()
        return text.count("stablehlo.convolution") + text.count("stablehlo.dot_general")

    assert (products(0), products(1), products(0, 1)) == (2, 2, 3)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
def test_gradients_export_to_every_platform(platform, algorithm):
    gradient = jax.jit(jax.grad(energy(ours(algorithm)), (0, 1)))
    exported = export.export(gradient, platforms=(platform,))(X, KERNEL)
    assert exported.platforms == (platform,)
    operation = {"xla": "stablehlo.convolution", "vmap": "stablehlo.dot_general"}[algorithm]
    assert exported.mlir_module().count(operation) == 3


def test_using_decides_what_says_auto():
    def dots(**options):
        return str(jax.make_jaxpr(lambda x: F.conv(x, KERNEL, **options))(X)).count("dot_general")

    assert dots() == 0
    with F.using(algorithm="vmap"):
        assert dots() == 1
        assert dots(algorithm="xla") == 0
        with F.using(algorithm="auto"):
            assert dots() == 0
        assert dots() == 1
    assert dots() == 0


def test_precision_reaches_every_side():
    def loss(x, kernel):
        return energy(lambda x, k: F.conv(x, k, algorithm="vmap", precision="highest"))(x, kernel)

    text = str(jax.make_jaxpr(jax.grad(loss, (0, 1)))(X, KERNEL))
    assert text.count("dot_general") == 3
    assert text.count("HIGHEST") >= 3
    assert "HIGHEST" in str(jax.make_jaxpr(lambda x: F.conv(x, KERNEL, precision="highest"))(X))
