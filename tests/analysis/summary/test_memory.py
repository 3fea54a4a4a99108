"""The memory that `summarize` estimates."""

import jax
import jax.numpy as jnp
import pytest
from flax import nnx
from jax import lax

from cnn_jax import functional as F
from cnn_jax import models
from cnn_jax.analysis import summarize


def test_memory_of_a_function_that_refers_to_its_parameters():
    model = models.lenet(rngs=nnx.Rngs(0))
    apart, captured = (summarize(f, (4, 28, 28, 1)).memory for f in (model, lambda x: model(x)))
    assert captured.parameter_bytes == apart.parameter_bytes
    assert captured.forward_bytes == apart.forward_bytes
    assert captured.training_bytes == apart.training_bytes


def test_memory():
    kernel = jax.ShapeDtypeStruct((3, 3, 3, 8), jnp.float32)

    def network(kernel, x):
        return F.max_pool(jnp.tanh(F.conv(x, kernel)), (2, 2)).sum((1, 2))

    memory = summarize(network, (1, 18, 18, 3), params=kernel).memory
    parameters, given, made, pooled = 4 * 216, 4 * 972, 4 * 16 * 16 * 8, 4 * 8 * 8 * 8
    assert memory.parameter_bytes == parameters
    assert memory.forward_bytes == parameters + given + made + pooled
    # What tanh made is kept, its derivative, which elements the pool chose by each of its four
    # taps, and the input, perhaps also as laid out for the gradient of the kernel.
    state = 4 * parameters + given
    assert state + made <= memory.training_bytes <= state + given + 2 * made + 4 * pooled


def test_training_holds_parameters_four_times():
    """Weights, gradients and two moments, to the byte: a product keeps no more than its inputs."""
    weights = jax.ShapeDtypeStruct((500, 400), jnp.float32)
    memory = summarize(lambda w, x: x @ w, (3, 500), params=weights).memory
    parameters, x, y = 4 * 500 * 400, 4 * 3 * 500, 4 * 3 * 400
    assert memory.parameter_bytes == parameters
    assert memory.forward_bytes == parameters + x + y
    assert memory.training_bytes == 4 * parameters + x


def test_parameters_that_do_not_learn_are_held_once():
    variables = {"params": {"w": jnp.ones((40, 30))}, "fixed": {"v": jnp.ones((30, 20))}}

    def f(variables, x):
        return x @ variables["params"]["w"] @ variables["fixed"]["v"]

    memory = summarize(f, (3, 40), params=variables).memory
    assert memory.training_bytes == 4 * (4 * 40 * 30 + 30 * 20 + 3 * 40)


def outer_sums(x):
    """A loop whose body holds an array (64, 64) and its row sums."""
    return lax.scan(lambda c, _: ((c[:, None] @ c[None]).sum(0), None), x, None, length=3)[0]


@pytest.mark.parametrize("loops", [1, 2, 3])
def test_what_loops_hold_is_freed_after_each(loops):
    def f(x):
        for _ in range(loops):
            x = outer_sums(x)
        return x

    memory = summarize(f, (64,)).memory
    row, inside = 4 * 64, 4 * (64 * 64 + 64)
    # The input; what the loop before has made, if there is one; what this one makes; its body's.
    assert memory.forward_bytes == row + row * (1 + (loops > 1)) + inside


def test_training_takes_no_less_than_running():
    """A network that keeps little and passes through something large."""
    kernel = jax.ShapeDtypeStruct((1, 1, 2, 64), jnp.float32)

    def network(kernel, x):
        return F.conv(x, kernel).sum((1, 2))

    memory = summarize(network, (1, 32, 32, 2), params=kernel).memory
    x, made, parameters = 4 * 32 * 32 * 2, 4 * 32 * 32 * 64, 4 * 2 * 64
    assert memory.forward_bytes == parameters + x + made + 4 * 64
    assert memory.training_bytes == memory.forward_bytes + 2 * parameters
