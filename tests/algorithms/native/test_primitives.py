"""The kernels under every JAX transformation, and in programs that must not hold them."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export, lax

from cnn_jax import functional as F
from cnn_jax.algorithms import native, xla
from cnn_jax.algorithms.native import kernels
from cnn_jax.geometry import Window
from tests.cases import tolerance
from tests.compilation import jit
from tests.functional.test_transformations import KERNEL, TRANSFORMATIONS, WINDOW, X, energy

WINDOWED = Window((3, 2), (2, 1), ((1, 1), (0, 2)), (1, 2), (1, 1))
SHAPES = {"x": (2, 5, 6, 4), "kernel": (3, 2, 2, 6), "g": (2, 3, 6, 6)}  # of two groups
SIDES = {"output": ("x", "kernel"), "input_grad": ("kernel", "g"), "kernel_grad": ("x", "g")}


def conv(x, kernel, algorithm="native"):
    return F.conv(x, kernel, padding=1, algorithm=algorithm)


def and_pool(algorithm):
    def function(x, kernel):
        return lax.reduce_window(conv(x, kernel, algorithm), -jnp.inf, lax.max, **WINDOW)

    return function


def small_integers(*shape, seed=0):
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(np.float32)


CONTROL_FLOW = {
    "while": lambda f: lax.while_loop(
        lambda state: state[0] < 3, lambda state: (state[0] + 1, state[1] + f(X, KERNEL)),
        (0, jnp.zeros_like(f(X, KERNEL))),
    ),
    "grad of cond": lambda f: jax.grad(
        lambda k: lax.cond(k.sum() < 1e6, energy(f), lambda x, k: jnp.sum(k), X, k)
    )(KERNEL),
    "grad of map": lambda f: jax.grad(
        lambda k: jnp.sum(lax.map(lambda x: energy(f)(x[None], k), X))
    )(KERNEL),
    "vmap of scan": lambda f: jax.vmap(
        lambda k: lax.scan(lambda a, x: (a + energy(f)(x[None], k), None), 0.0, X)[0]
    )(jnp.stack([KERNEL, -KERNEL])),
    "vmap of vmap": lambda f: jax.vmap(
        lambda x: jax.vmap(lambda k: f(x[None], k))(jnp.stack([KERNEL, -KERNEL]))
    )(X),
    "transposed by x": lambda f: jax.linear_transpose(lambda x: f(x, KERNEL), X)(f(X, KERNEL)),
    "transposed by the kernel": lambda f: jax.linear_transpose(lambda k: f(X, k), KERNEL)(
        f(X, KERNEL)
    ),
    "third derivative": lambda f: jax.grad(
        lambda k: jnp.sum(jax.grad(lambda x: jnp.sum(jax.grad(energy(f), 1)(x, k) ** 2))(X) ** 2)
    )(KERNEL),
}  # fmt: skip
EVERY = {
    **{name: (of, and_pool) for name, of in TRANSFORMATIONS.items()},
    **{name: (of, lambda algorithm: partial(conv, algorithm=algorithm))
       for name, of in CONTROL_FLOW.items()},
}  # fmt: skip


@pytest.mark.parametrize("name", EVERY)
def test_every_transformation_is_that_of_the_built_in(name):
    transformed, function = EVERY[name]
    results = (jax.tree.leaves(transformed(function(a))) for a in ("native", "xla"))
    for result, expected in zip(*results, strict=True):
        scale = float(jnp.abs(expected).max())
        np.testing.assert_allclose(
            result, expected, atol=scale * 10 * tolerance(np.float32, 27), rtol=0
        )


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("mapped", [(0, None), (None, -1), (1, 0), (-2, 2)], ids=str)
@pytest.mark.parametrize("side", SIDES)
def test_vmap_is_a_loop(side, mapped, groups):
    """Either argument or both are mapped, along any axis, and once more."""
    shapes = [_of_groups(kind, groups) for kind in SIDES[side]]
    arrays = [small_integers(2, 3, *shape, seed=i) for i, shape in enumerate(shapes)]
    placed = [
        a[0, 0]
        if axis is None
        else np.stack([np.moveaxis(members, 0, axis) for members in a], axis)
        for a, axis in zip(arrays, mapped)
    ]
    ours, theirs = (
        partial(getattr(algorithm, side), window=WINDOWED, groups=groups)
        for algorithm in (native, xla)
    )
    result = jit(jax.vmap(jax.vmap(ours, mapped), mapped))(*placed)
    for i, j in np.ndindex(2, 3):
        one = (a[0, 0] if axis is None else a[i, j] for a, axis in zip(arrays, mapped))
        np.testing.assert_array_equal(result[i, j], theirs(*one))


def _of_groups(kind, groups):
    shape = SHAPES[kind]
    return (*shape[:-2], 4 // groups, 6) if kind == "kernel" else shape


@pytest.mark.parametrize("side", SIDES)
def test_a_vmap_is_one_call(side):
    """Nothing is computed one member after the other, and no loop is made."""
    arrays = [small_integers(5, *_of_groups(kind, 2)) for kind in SIDES[side]]
    for mapped in ((0, None), (None, 0), (0, 0)):
        given = [a if axis == 0 else a[0] for a, axis in zip(arrays, mapped)]
        function = partial(getattr(native, side), window=WINDOWED, groups=2)
        jaxpr = str(jax.make_jaxpr(jax.vmap(function, mapped))(*given))
        assert jaxpr.count(f"native_{side}[") == 1
        assert "scan[" not in jaxpr


def test_calls_outside_of_jit_are_the_kernels():
    x, kernel, g = (small_integers(*SHAPES[kind]) for kind in ("x", "kernel", "g"))
    options = {"window": WINDOWED, "groups": 2}
    for side, arrays in (
        ("output", (x, kernel)), ("input_grad", (kernel, g)), ("kernel_grad", (x, g))
    ):  # fmt: skip
        ours, theirs = (getattr(of, side)(*arrays, **options) for of in (native, xla))
        np.testing.assert_array_equal(ours, theirs)


def _all_sides(x, kernel):
    y, pull = jax.vjp(conv, x, kernel)
    return y, *pull(jnp.sin(y))


def test_a_program_for_one_cpu_calls_kernels_and_nothing_else():
    """No convolution of XLA's, and no call that keeps a program out of JAX's cache on disk."""
    text = jit(_all_sides).lower(X, KERNEL).as_text()
    assert text.count("stablehlo.convolution") == 0
    assert "CustomSPMDPartitioning" not in text
    assert text.count("stablehlo.custom_call") == 3


@pytest.mark.parametrize("platform", ["cpu", "tpu", "cuda"])
def test_exported_programs_hold_no_kernels(platform):
    """They may run in a process that has none."""
    exported = export.export(jax.jit(_all_sides), platforms=[platform])(X, KERNEL)
    text = exported.mlir_module()
    assert "custom_call" not in text
    assert text.count("stablehlo.convolution") == 3
    if platform == "cpu":
        scale = float(jnp.abs(KERNEL).max()) * 100
        for ours, theirs in zip(exported.call(X, KERNEL), _all_sides(X, KERNEL), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=scale * tolerance(np.float32, 27))


def test_without_kernels_the_built_in_computes(monkeypatch):
    monkeypatch.setattr(kernels, "side", lambda name: None)
    jax.clear_caches()
    try:
        text = jit(_all_sides).lower(X, KERNEL).as_text()
        assert text.count("stablehlo.convolution") == 3
        assert "custom_call" not in text
        chex.assert_trees_all_close(_all_sides(X, KERNEL)[0], conv(X, KERNEL, "xla"))
    finally:
        jax.clear_caches()
