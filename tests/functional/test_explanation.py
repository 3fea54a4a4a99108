"""`explain` says what a call runs, whatever was jitted and called before."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax

from cnn_jax import functional as F
from cnn_jax import nn

X = np.random.default_rng(0).normal(size=(2, 6, 6, 2)).astype(np.float32)
KERNEL = np.random.default_rng(1).normal(size=(3, 3, 2, 2)).astype(np.float32)
ALL = ["output", "input_grad", "kernel_grad"]
same = partial(F.conv, padding="SAME")


def scanned(x, kernel):
    return lax.scan(lambda y, _: (same(y, kernel), None), x, length=3)[0]


def branched(x, kernel):
    return lax.cond(
        x.sum() > 0, lambda x: same(x, kernel), lambda x: F.max_pool(x, (2, 2)).sum() + x, x
    )


def nested(x, kernel):
    inner = jax.jit(F.conv)
    return jax.jit(lambda y: inner(y, kernel))(jax.jit(jnp.sin)(x))


INNER = jax.jit(F.conv)  # one that lives on between calls

custom = jax.custom_vjp(lambda x, kernel: INNER(x, kernel))
custom.defvjp(
    lambda x, kernel: (INNER(x, kernel), (x, kernel)),
    lambda saved, g: jax.vjp(F.conv, *saved)[1](g),
)

FUNCTIONS = {
    "conv": (F.conv, ALL),
    "inner": (lambda x, kernel: INNER(x, kernel).sum(), ALL),
    "nested": (nested, ALL),
    "static": (partial(jax.jit, static_argnums=2)(lambda x, k, s: F.conv(x, k, stride=s)), ALL),
    "checkpoint": (jax.checkpoint(lambda x, kernel: INNER(x, kernel).sum()), ALL),
    "vmap": (jax.vmap(lambda x, kernel: INNER(x, kernel), in_axes=(0, None)), ALL),
    "scan": (scanned, ALL),
    "cond": (branched, [*ALL, "max_pool"]),
    "custom_vjp": (custom, ALL),
    "grad": (jax.grad(lambda x, kernel: INNER(x, kernel).sum(), 1), ["output", "kernel_grad"]),
    "no arrays": (lambda *_: INNER(X, KERNEL), ["output"]),
}


def sides(function, *args, **options):
    return [part.side for part in F.explain(function, *args, **options).parts]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_that_was_jitted_and_called_is_traced_anew(name):
    function, expected = FUNCTIONS[name]
    args = (X, KERNEL, 2) if name == "static" else (X, KERNEL)
    jitted = jax.jit(function, static_argnums=2 if name == "static" else ())
    for _ in range(2):
        jax.block_until_ready(jitted(*args))
        assert set(expected) <= set(sides(jitted, *args))
    fresh = F.explain(lambda *args: function(*args), *args)
    assert set(F.explain(jitted, *args).parts) == set(fresh.parts)


def test_a_training_step_and_a_module_too():
    layer = nn.Conv(2, 2, (3, 3), rngs=nnx.Rngs(0))
    graph, state = nnx.split(layer)
    step = jax.jit(jax.value_and_grad(lambda state, x: nnx.merge(graph, state)(x).sum()))
    forward = nnx.jit(lambda layer, x: layer(x))
    for function, first in ((step, state), (forward, layer)):
        function(first, X)
        assert {"output", "kernel_grad"} <= set(sides(function, first, X))


def test_arrays_may_have_names():
    shape = jax.ShapeDtypeStruct
    for x, kernel in ((X, KERNEL), (shape(X.shape, X.dtype), shape(KERNEL.shape, KERNEL.dtype))):
        assert sides(F.conv, x=x, kernel=kernel, padding="SAME") == ALL
        assert sides(F.conv, x, kernel=kernel, groups=1) == ALL


def test_what_has_no_gradient_is_explained_without():
    def looped(x, kernel):
        return lax.while_loop(lambda y: y.sum() < 0, lambda y: same(y, kernel), x)

    jitted = jax.jit(looped)
    jitted(X, KERNEL)
    explained = F.explain(jitted, X, KERNEL)
    assert [part.side for part in explained.parts] == ["output"]
    assert "Reverse-mode differentiation" in explained.no_gradient
    assert str(explained).splitlines()[-1].startswith("without gradients, as it has none: Reverse")
    assert F.explain(F.conv, X, KERNEL).no_gradient is None
    with pytest.raises(ValueError, match="`stride`"):
        F.explain(F.conv, X, KERNEL, stride=0)


def test_what_keeps_its_choices_is_not_said_to_have_none():
    _, pullback = jax.vjp(F.conv, X, KERNEL)
    text = str(F.explain(pullback, jnp.ones((2, 4, 4, 2))))
    assert "What jax.vjp or jax.linearize returned keeps what was chosen before" in text
