"""Every case gives what it gave, is replaced, and stays as it was on other platforms."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from cnn_jax import accelerate
from tests.acceleration.cases import CASES
from tests.compilation import jit

every_case = pytest.mark.parametrize("case", CASES, ids=repr)


def gradient_of(f, count):
    """The gradient of a nonlinear function of f, whose terms are all integers."""
    return jax.grad(lambda *a: (f(*a) ** 2).sum(), tuple(range(count)))


def tangent_of(f):
    return lambda *a: jax.jvp(f, a, tuple(jnp.flip(x) for x in a))


def assert_same(got, want):
    """Equal to the last bit, and of the same types."""
    assert jax.tree.structure(got) == jax.tree.structure(want)
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want)):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_array_equal(a, b)


def kinds(places):
    return {place.what for place in places}


@every_case
def test_values(case):
    x = case.arrays()
    want = jit(case.function)(*x)
    assert want.any()
    assert_same(accelerate(case.function)(*x), want)
    assert_same(jit(accelerate(case.function))(*x), want)


@every_case
def test_gradients_taken_before_and_after(case):
    x = case.arrays(1)
    gradient = gradient_of(case.function, len(x))
    want = jit(gradient)(*x)
    assert all(dx.any() for dx in want)
    assert_same(jit(accelerate(gradient))(*x), want)
    assert_same(jit(gradient_of(accelerate(case.function), len(x)))(*x), want)


@every_case
def test_tangents_taken_before_and_after(case):
    x = case.without_ties(2)
    want = jit(tangent_of(case.function))(*x)
    assert_same(jit(accelerate(tangent_of(case.function)))(*x), want)
    assert_same(jit(tangent_of(accelerate(case.function)))(*x), want)


@every_case
def test_vmap_before_and_after(case):
    x = [jnp.stack(pair) for pair in zip(case.arrays(3), case.arrays(4))]
    want = jit(jax.vmap(case.function))(*x)
    assert_same(jit(accelerate(jax.vmap(case.function)))(*x), want)
    assert_same(jit(jax.vmap(accelerate(case.function)))(*x), want)


@every_case
def test_everything_is_replaced(case):
    x = case.arrays()
    forward = accelerate.explain(case.function, *x)
    assert kinds(forward.replaced) == {case.what}
    assert not forward.left
    backward = accelerate.explain(gradient_of(case.function, len(x)), *x)
    assert kinds(backward.replaced) == {case.what, *case.gradient}
    assert not backward.left


@every_case
def test_second_order(case):
    x = case.without_ties(5)

    def second(f):
        of_gradient = lambda *a: sum((g**2).sum() for g in gradient_of(f, len(a))(*a))  # noqa: E731
        return jax.grad(of_gradient)

    want = jit(second(case.function))(*x)
    for got in (second(accelerate(case.function)), accelerate(second(case.function))):
        np.testing.assert_allclose(jit(got)(*x), want, rtol=1e-5, atol=1e-5 * abs(want).max())


def operations(f, x, platform):
    """The convolutions and window reductions of the program for a platform, without their names."""
    text = export.export(jax.jit(f), platforms=[platform])(*x).mlir_module()
    found = re.findall(
        r"(stablehlo\.(?:convolution|dot_general|reduce_window|select_and_scatter).*)", text
    )
    return sorted(re.sub(r"%[\w#]+|loc\(.*\)", "", line) for line in found)


@every_case
@pytest.mark.parametrize("platform", ["tpu", "cuda"])
def test_other_platforms_keep_their_operations(case, platform):
    x = case.arrays()
    for before, after in (
        (case.function, accelerate(case.function)),
        (gradient_of(case.function, len(x)), accelerate(gradient_of(case.function, len(x)))),
        (gradient_of(case.function, len(x)), gradient_of(accelerate(case.function), len(x))),
    ):
        want = operations(before, x, platform)
        assert want
        assert operations(after, x, platform) == want
