"""Which algorithm computes a call, and what `auto` computes at the sizes that its table is for."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from cnn_jax import functional as F
from cnn_jax.algorithms.choice import cpu_rules
from cnn_jax.algorithms.native import kernels

X, KERNEL = jnp.ones((2, 8, 8, 4)), jnp.ones((3, 3, 4, 4))


def shapes(*arrays):
    return [jax.ShapeDtypeStruct(shape, np.float32) for shape in arrays]


# A layer of real width for every rule: x, kernel, options.
LAYERS = {
    "depthwise": ((2, 14, 14, 384), (3, 3, 1, 384), {"padding": 1, "groups": 384}),
    "depthwise, stride 2": ((2, 28, 28, 96), (3, 3, 1, 96),
                            {"padding": 1, "stride": 2, "groups": 96}),
    "groups of 4": ((2, 14, 14, 128), (3, 3, 4, 128), {"padding": 1, "groups": 32}),
    "groups of 16": ((2, 14, 14, 256), (3, 3, 16, 256), {"padding": 1, "groups": 16}),
    "two groups": ((2, 27, 27, 96), (5, 5, 48, 64), {"padding": 2, "groups": 2}),
    "3x3": ((8, 28, 28, 64), (3, 3, 64, 64), {"padding": 1}),
    "5x5": ((4, 27, 27, 64), (5, 5, 64, 96), {"padding": 2}),
    "1x1": ((4, 28, 28, 128), (1, 1, 128, 64), {}),
    "1x1, stride 2": ((4, 28, 28, 128), (1, 1, 128, 64), {"stride": 2}),
    "first layer": ((2, 64, 64, 3), (3, 3, 3, 32), {"padding": 1}),
    "one channel": ((16, 28, 28, 1), (5, 5, 1, 6), {"padding": 2}),
    "3-D": ((1, 4, 14, 14, 64), (3, 3, 3, 64, 64), {"padding": 1}),
    "3-D, first layer": ((1, 8, 32, 32, 3), (3, 3, 3, 3, 32), {"padding": 1}),
}  # fmt: skip
POOLS = {
    "max 2x2": ("max_pool", (4, 28, 28, 32), (2, 2), {}),
    "max 3x3": ("max_pool", (4, 28, 28, 32), (3, 3), {"stride": 2, "padding": 1}),
    "min 9x9": ("min_pool", (2, 28, 28, 32), (9, 9), {"stride": 1, "padding": 4}),
    "max 9x9": ("max_pool", (2, 28, 28, 32), (9, 9), {"stride": 1, "padding": 4}),
    "min 2x2": ("min_pool", (4, 28, 28, 32), (2, 2), {}),
    "sum 3x3": ("sum_pool", (4, 28, 28, 32), (3, 3), {"stride": 2}),
    "sum 5x5": ("sum_pool", (4, 28, 28, 32), (5, 5), {"stride": 1}),
}


def of_layer(name):
    x, kernel, options = LAYERS[name]
    return partial(F.conv, **options), x, kernel


def chosen_for(name):
    if name in POOLS:
        pool, x, window, options = POOLS[name]
        return F.explain(getattr(F, pool), *shapes(x), window, **options).parts
    conv, x, kernel = of_layer(name)
    return F.explain(conv, *shapes(x, kernel)).parts


@pytest.fixture(params=["with kernels", "without kernels"])
def machine(request, monkeypatch):
    """A machine with the kernels that LLVM generates, and one without."""
    if request.param == "without kernels":
        monkeypatch.setattr(kernels, "missing", lambda: "there is no LLVM")
    jax.clear_caches()
    yield request.param
    jax.clear_caches()


def test_every_rule_is_met_here(machine):
    met = {(part.side, part.algorithm) for name in (*LAYERS, *POOLS) for part in chosen_for(name)}
    rules = {
        (side, rule.algorithm)
        for rule in cpu_rules.RULES
        if (rule.algorithm == "native") == (machine == "with kernels")
        for side in rule.sides
    }
    assert rules <= met


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_auto_computes_what_the_built_in_does(name, dtype, machine):
    conv, x, kernel = of_layer(name)
    rng = np.random.default_rng(0)
    x, kernel = (jnp.asarray(rng.standard_normal(shape), dtype) for shape in (x, kernel))
    g = jnp.asarray(rng.standard_normal(jax.eval_shape(conv, x, kernel).shape), dtype)

    @partial(jax.jit, static_argnums=0)
    def everything(algorithm, x, kernel, g):
        y, pull = jax.vjp(partial(conv, algorithm=algorithm), x, kernel)
        return y, *pull(g)

    tolerance = 1e-4 if dtype == "float32" else 2e-2
    for ours, theirs in zip(everything("auto", x, kernel, g), everything("xla", x, kernel, g)):
        assert ours.dtype == dtype
        ours, theirs = np.float32(ours), np.float32(theirs)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * np.abs(theirs).max())


@pytest.mark.parametrize("name", POOLS)
def test_auto_pools_as_the_built_in_does(name, machine):
    pool, shape, window, options = POOLS[name]
    x = jnp.asarray(np.random.default_rng(0).integers(-9, 9, shape), jnp.float32)

    @partial(jax.jit, static_argnums=0)
    def everything(algorithm, x):
        pooled = partial(getattr(F, pool), window=window, algorithm=algorithm, **options)
        y, pull = jax.vjp(pooled, x)
        return y, *pull(jnp.round(y))

    for ours, theirs in zip(everything("auto", x), everything("xla", x)):
        np.testing.assert_array_equal(ours, theirs)


def test_a_named_algorithm_is_obeyed_or_refused_with_a_reason():
    with pytest.raises(ValueError, match=r"`algorithm` 'winograd' does not compute this "
                       r"convolution: it takes strides and dilations of 1\. Those that do: "
                       r"'auto', 'xla', 'vmap', "):  # fmt: skip
        F.conv(X, KERNEL, stride=2, algorithm="winograd")
    with pytest.raises(ValueError, match="this max pool: it has no such function"):
        F.max_pool(X, (2, 2), algorithm="winograd")
    with pytest.raises(ValueError, match="this transposed convolution: it takes strides"):
        F.conv_transpose(X, KERNEL, stride=2, algorithm="winograd")
    with pytest.raises(ValueError, match="this unshared convolution: it has no such function"):
        F.conv_local(X, jnp.ones((6, 6, 3, 3, 4, 4)), algorithm="im2col")
    with pytest.raises(ValueError, match="this unfolding: it has no such function"):
        F.unfold(X, (2, 2), algorithm="im2col")
    with pytest.raises(ValueError, match="its matrix would take more than 1 GiB"):
        jax.eval_shape(partial(F.conv, algorithm="toeplitz"), *shapes((1, 64, 64, 8), (3, 3, 8, 8)))
    with pytest.raises(ValueError, match="transforms need floating-point numbers"):
        F.conv(X.astype(jnp.int32), KERNEL.astype(jnp.int32), algorithm="winograd")


@pytest.mark.parametrize("given", [np.ones(3), jnp.ones((2, 2)), ["xla"], None, 0, b"xla"])
def test_a_name_is_a_string(given):
    rule = r"`algorithm` must be one of 'auto', 'xla', .*; got "
    for call in (
        lambda: F.conv(X, KERNEL, algorithm=given),
        lambda: F.max_pool(X, (2, 2), algorithm=given),
        lambda: F.using(algorithm=given).__enter__(),
    ):
        with pytest.raises(ValueError, match=rule):
            call()
    with pytest.raises(ValueError, match=r"got 'winogard'\. Did you mean 'winograd'\?"):
        F.conv(X, KERNEL, algorithm="winogard")


def test_using_is_for_what_the_algorithm_computes():
    with F.using(algorithm="winograd"):
        text = str(jax.make_jaxpr(lambda x, k: F.max_pool(F.conv(x, k), (2, 2)))(X, KERNEL))
        assert "conv_general_dilated" not in text
        assert F.conv(X, KERNEL, stride=2).shape == (2, 3, 3, 4)


def test_max_workspace():
    layer = shapes((8, 28, 28, 64), (3, 3, 64, 64))
    assert F.explain(F.conv, *layer).parts[0].algorithm == "native"
    with F.using(max_workspace=1000):
        assert {part.algorithm for part in F.explain(F.conv, *layer).parts} == {"xla"}
    with pytest.raises(TypeError, match="`max_workspace` must be an int, in bytes; got '1 MB'"):
        F.using(max_workspace="1 MB").__enter__()
    with pytest.raises(ValueError, match="`max_workspace` must be at least 0 bytes; got -1"):
        F.using(max_workspace=-1).__enter__()


def test_explain():
    layer = shapes((8, 28, 28, 64), (3, 3, 64, 64))
    parts = F.explain(F.conv, *layer, padding="SAME").parts
    assert [part.side for part in parts] == ["output", "input_grad", "kernel_grad"]
    assert all(part.workspace > 0 and part.why for part in parts)
    text = str(F.explain(F.conv, *layer))
    assert all(part in text for part in ("native", "MiB", "algorithm on CPU"))
    assert "nothing here is chosen" in str(F.explain(jnp.sin, X))
    assert F.explain(F.max_pool, X, (2, 2)).parts[0].side == "max_pool"
    integers = jax.ShapeDtypeStruct((8, 28, 28, 64), np.int8)
    kernel = jax.ShapeDtypeStruct((3, 3, 64, 64), np.int8)
    assert [p.algorithm for p in F.explain(F.conv, integers, kernel).parts] == ["xla"]
    with pytest.raises(TypeError, match=r"`function` must be callable, such as F.conv; got 3\."):
        F.explain(3)
    with pytest.raises(ValueError, match="`stride` must be"):
        F.explain(F.conv, X, KERNEL, stride=0)


def test_programs_for_other_platforms_hold_their_own_convolutions():
    def step(x, kernel):
        return jax.grad(lambda k: jnp.sum(F.conv(x, k, padding="SAME") ** 2))(kernel)

    arrays = shapes((8, 28, 28, 64), (3, 3, 64, 64))

    def count(platform):
        text = export.export(jax.jit(step), platforms=[platform])(*arrays).mlir_module()
        return text.count("stablehlo.convolution"), text.count("stablehlo.dot_general") > 0

    # Another process has not loaded the kernels of this one: XLA's own stand in for them.
    assert count("cpu") == count("tpu") == count("cuda") == (2, False)


@pytest.mark.parametrize("algorithm", ["auto", "xla", "shifted", "im2col", "vmap", "native"])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_transposed_convolution_has_its_gradient_by_any_algorithm(algorithm, stride):
    """Which is a transpose of `output`: nothing in it may be chosen by the values of its input."""
    y = jnp.asarray(np.random.default_rng(0).integers(-4, 5, (2, 5, 5, 4)), jnp.float32)
    kernel = jnp.asarray(np.random.default_rng(1).integers(-4, 5, (2, 2, 3, 4)), jnp.float32)
    options = {"stride": stride, "algorithm": algorithm}
    x = F.conv_transpose(y, kernel, **options)

    def product(y, kernel):
        return jnp.vdot(F.conv_transpose(y, kernel, **options), x)

    dy, dkernel = jax.grad(product, (0, 1))(y, kernel)
    assert (dy == F.conv(x, kernel, stride=stride)).all()
    assert jnp.vdot(dkernel, kernel) == jnp.vdot(x, x)
    back = jax.linear_transpose(lambda x: F.conv(x, kernel, **options), x)
    assert (back(y)[0] == x).all()
