"""The memory that `summarize` estimates."""

import jax
import jax.numpy as jnp
from flax import nnx

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
    # What tanh made is kept, its derivative, and which elements the pool chose.
    state = 4 * parameters
    assert state + made <= memory.training_bytes <= state + 3 * made
