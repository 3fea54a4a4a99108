"""`using` and `explain` reach what was jitted and called before; outside nothing is changed."""

from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from cnn_jax import functional as F

X = np.random.default_rng(0).normal(size=(2, 6, 6, 2)).astype(np.float32)
KERNEL = np.random.default_rng(1).normal(size=(3, 3, 2, 2)).astype(np.float32)


def by_xla(function, *arrays):
    """Whether the program holds a convolution of XLA's; that of "auto" does for other platforms."""
    return "conv_general_dilated" in str(jax.make_jaxpr(function)(*arrays))


class Traced:
    """A convolution inside of two `jax.jit`, and how often it was traced."""

    def __init__(self):
        self.jitted = jax.jit(self.function)
        self.traces = 0

    def function(self, x):
        self.traces += 1
        return jax.jit(F.conv)(x, KERNEL)


def test_what_was_jitted_and_called_is_traced_anew_inside():
    f = Traced()
    before = f.jitted(X)
    for _ in range(2):  # the second time all three are known
        assert by_xla(f.jitted, X)
        with F.using(algorithm="vmap"):
            np.testing.assert_allclose(f.jitted(X), before, atol=1e-5)
            assert not by_xla(f.jitted, X)
            with F.using(algorithm="xla"):
                assert by_xla(f.jitted, X)
            assert not by_xla(f.jitted, X)
        np.testing.assert_array_equal(f.jitted(X), before)
        assert f.traces == 3


@pytest.mark.parametrize("transform", [jax.grad, jax.hessian])
def test_its_derivatives_too(transform):
    jitted = jax.jit(lambda x: (F.conv(x, KERNEL) ** 2).sum())
    derivative, x = jax.jit(transform(jitted)), X[:1, :4, :4]
    before = derivative(x)
    assert by_xla(derivative, x)
    with F.using(algorithm="vmap"):
        assert not by_xla(derivative, x)
        np.testing.assert_allclose(derivative(x), before, atol=1e-4)


def test_the_body_of_a_loop_too():
    def loop(x):
        return lax.scan(lambda y, _: (F.conv(y, KERNEL, padding="SAME"), None), x, length=2)[0]

    jitted = jax.jit(loop)
    before = jitted(X)
    with F.using(algorithm="vmap"):
        assert not by_xla(jitted, X)
        np.testing.assert_allclose(jitted(X), before, atol=1e-4)


def test_a_workspace_too():
    layer = jnp.ones((8, 28, 28, 64)), jnp.ones((3, 3, 64, 64))
    jitted = jax.jit(F.conv)
    assert "platform_index" in str(jax.make_jaxpr(jitted)(*layer))
    with F.using(max_workspace=0):
        assert "platform_index" not in str(jax.make_jaxpr(jitted)(*layer))


def test_other_threads_do_not_see_it_and_an_error_ends_it():
    jitted = jax.jit(lambda x: F.conv(x, KERNEL))

    def fails():
        with F.using(algorithm="vmap"):
            assert not by_xla(jitted, X)
            with ThreadPoolExecutor(1) as other:
                assert other.submit(by_xla, jitted, X).result()
            F.conv(X, KERNEL, stride=0)

    with pytest.raises(ValueError, match="`stride`"):
        fails()
    assert by_xla(jitted, X)


def test_explain_says_what_a_function_does_that_was_jitted_and_called():
    f = Traced()
    jax.grad(lambda x: f.jitted(x).sum())(X)
    traces = f.traces
    for _ in range(2):  # and again
        sides = [part.side for part in F.explain(f.jitted, X).parts]
        assert sides == ["output", "input_grad"]
    assert f.traces > traces
    traces = f.traces
    f.jitted(X)
    assert f.traces == traces  # explaining has not thrown away what was there
