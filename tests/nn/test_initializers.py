"""The initializers give JAX's numbers; another shape may round the last bit differently."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.nn import initializers

from cnn_jax import nn

KEY = jax.random.key(0)
LOCAL = {"batch_axis": (0, 1)}
TRANSPOSED = {"in_axis": -1, "out_axis": -2}


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
@pytest.mark.parametrize("distribution", ["truncated_normal", "normal", "uniform"])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((3, 5, 4, 6), {}),
        ((40, 7), {}),
        ((3, 2, 3, 4, 5), {}),
        ((3, 5, 4, 6), TRANSPOSED),
        ((4, 3, 3, 3, 2, 5), LOCAL),
        ((2, 3, 4, 6), {"in_axis": (0, 2), "out_axis": 3}),
    ],
)
def test_numbers_are_those_of_jax(mode, distribution, shape, axes):
    theirs = initializers.variance_scaling(2.0, mode, distribution, **axes)
    ours = nn.variance_scaling(2.0, mode, distribution, **axes)
    np.testing.assert_allclose(ours(KEY, shape), theirs(KEY, shape), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("theirs", [initializers.normal(0.1), initializers.truncated_normal(0.02)])
def test_flat_numbers_are_those_of_the_initializer(theirs, dtype):
    shape = (3, 5, 4, 6)
    made = nn.flat(theirs)(KEY, shape, dtype)
    assert made.dtype == dtype
    found, expected = (np.asarray(a, np.float32) for a in (made, theirs(KEY, shape, dtype)))
    np.testing.assert_allclose(found, expected, rtol=1e-6 if dtype == jnp.float32 else 1e-2)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((0.0,), "`scale` must be a finite number above 0; got 0.0."),
        ((1.0, "fan_out "), "`mode` must be one of"),
        ((1.0, "fan_in", "gauss"), "`distribution` must be one of"),
    ],
)
def test_a_wrong_option_is_told_what_is_wrong(arguments, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        nn.variance_scaling(*arguments)


def test_flat_takes_a_function():
    with pytest.raises(TypeError, match="`initializer` must be a function of"):
        nn.flat(0.01)
