"""The table of primitives: one entry for each, which tells fields and dependences alike."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from cnn_jax.analysis import connectivity
from cnn_jax.analysis.program import trace
from cnn_jax.analysis.rules import RULES, walk

# Told of one of the two only; of the other it is said that nothing is known.
ONE_SIDED = {"scatter", "select_and_gather_add"}
ONE_SIDED |= {f"scatter-{name}" for name in ("add", "sub", "mul", "min", "max")}


def test_an_entry_tells_of_fields_and_of_dependences():
    sided = {
        name: (rule.fields is not None, rule.depends is not None or rule.kind != "mixes")
        for name, rule in RULES.items()
    }
    assert {name for name, both in sided.items() if not all(both)} == ONE_SIDED
    assert len(RULES) > 100


INDEX = np.array([[2], [0]])


# Of each the units see what they depend on, element by element.
def top_k_of_columns(x):
    """Along the first axis, if this JAX has a parameter for it."""
    if "axis" in inspect.signature(lax.top_k).parameters:
        return lax.top_k(x, 2, axis=0)[0]
    return lax.top_k(x.T, 2)[0].T


BOTH = {
    "device_put": (lambda x: jax.device_put(x) * 2.0, (4,)),
    "device_put of several": (lambda x: sum(jax.device_put((x, 2.0 * x))), (4,)),
    "barrier": (lambda x: lax.optimization_barrier((x, x[::-1]))[1], (4,)),
    "copy": (lambda x: jnp.array(x, copy=True), (4,)),
    "stop_gradient": (lambda x: lax.stop_gradient(x), (4,)),
    "logarithm": (lambda x: jnp.log2(x + 9.0), (4,)),
    "derivatives of activations": (
        lambda x: jax.grad(lambda x: (jnp.tanh(x) + jax.nn.sigmoid(x) + jax.nn.gelu(x)).sum())(x),
        (4,),
    ),
    "argmax": (lambda x: jnp.argmax(x, 1), (2, 3)),
    "any": (lambda x: (x > 0.0).any(0), (2, 3)),
    "all": (lambda x: (x > 0.0).all(0), (2, 3)),
    "cummax": (lambda x: lax.cummax(x, 1, reverse=True), (2, 3)),
    "sort": (lambda x: jnp.sort(x, 0), (2, 3)),
    "top_k": (lambda x: lax.top_k(x, 2)[1], (2, 3)),
    "top_k of columns": (lambda x: top_k_of_columns(x), (3, 2)),
    "fft": (lambda x: jnp.abs(jnp.fft.fft(x)), (2, 3)),
    "min pool": (
        lambda x: lax.reduce_window(x, jnp.inf, lax.min, (2,), (1,), "VALID"),
        (5,),
    ),
    "a gather inside a loop, whose indices come from outside": (
        lambda x: lax.scan(lambda c, row: (c, row[jnp.asarray(INDEX[:, 0])]), 0.0, x)[1],
        (2, 3),
    ),
    "a branch": (lambda x: lax.cond(x[0] > 0.0, lambda: x[1:3], lambda: x[2:4]), (4,)),
    "a loop backwards": (
        lambda x: lax.scan(lambda c, row: (c + row, c + row), 0.0, x, reverse=True)[1],
        (4,),
    ),
}


@pytest.mark.parametrize(("f", "shape"), BOTH.values(), ids=BOTH)
def test_fields_are_the_hulls_of_dependences(f, shape):
    found = connectivity(f, shape)
    assert not found.remarks
    program = trace(f, shape)
    (output,) = program.outputs.values()
    sight = walk(program).of(output)
    depends = found.matrix.reshape(*output.shape, *shape)
    for axis, n in enumerate(shape):
        others = tuple(len(output.shape) + a for a in range(len(shape)) if a != axis)
        along = depends.any(others)
        low, high = along.argmax(-1), n - 1 - along[..., ::-1].argmax(-1)
        np.testing.assert_array_equal(np.broadcast_to(sight[0, axis].low, low.shape), low)
        np.testing.assert_array_equal(np.broadcast_to(sight[0, axis].high, high.shape), high)


@pytest.mark.parametrize("name", ["set", "add", "subtract", "multiply", "min", "max"])
def test_what_is_written_depends_on_what_is_there_unless_it_is_replaced(name):
    found = connectivity(lambda x: getattr(x.at[np.array([3, 3])], name)(x[:2]), (4,))
    expected = np.eye(4, dtype=bool)
    expected[3] = [0, 1, 0, 0] if name == "set" else [1, 1, 0, 1]  # the last one stays
    assert not found.remarks
    np.testing.assert_array_equal(found.matrix, expected)


def test_what_only_passes_connects_each_element_with_itself():
    found = connectivity(lambda x: jax.device_put(x) * 2.0, (4,))
    np.testing.assert_array_equal(found.matrix, np.eye(4, dtype=bool))


def test_zeros_pass_into_loops_and_out_of_barriers():
    """A weight that is a constant zero connects nothing, wherever it has been."""

    def f(w, x):
        w = lax.optimization_barrier(w * np.tri(3, dtype=np.float32))
        return lax.scan(lambda c, row: (c, row @ w), 0.0, x)[1]

    found = connectivity(f, (2, 3), params=jnp.ones((3, 3)))
    np.testing.assert_array_equal(found.matrix, np.kron(np.eye(2), np.tri(3).T) > 0)


def test_a_loop_too_long_to_follow_is_taken_to_see_all_and_that_is_said():
    program = trace(lambda x: lax.scan(lambda c, r: (c + r, c), 0.0, x)[1], (65,))
    (output,) = program.outputs.values()
    walked = walk(program)
    assert any("`scan`" in text and "more than 64 times" in text for text in walked.doubts)
    field = walked.of(output)[0, 0]
    assert (field.low == 0).all()
    assert (field.high == 64).all()
    assert not field.exact
