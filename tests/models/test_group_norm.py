"""Our group norm says what Flax's says, with values and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cnn_jax.models.blocks import ConvNorm

SHAPES = [
    ((3, 8, 6, 12), 4),
    ((2, 5, 8), 8),
    ((2, 3, 4, 2, 6), 1),
    ((4, 1, 1, 32), 32),
    ((2, 6), 2),
]


def pair(channels, groups, dtype=None):
    """Ours and Flax's, with the same random weights."""
    conv = ConvNorm(channels, channels, (1, 1), norm="group", rngs=nnx.Rngs(0))
    ours = type(conv.norm)
    options = {"num_groups": groups, "epsilon": 1e-5, "dtype": dtype, "rngs": nnx.Rngs(0)}
    made = [kind(channels, **options) for kind in (ours, nnx.GroupNorm)]
    assert ours is not nnx.GroupNorm
    for norm in made:
        rng = np.random.default_rng(0)
        for parameter in (norm.scale, norm.bias):
            parameter[...] = jnp.asarray(rng.normal(size=channels), jnp.float32)
    return made


@pytest.mark.parametrize(("shape", "groups"), SHAPES)
def test_it_says_what_flax_says(shape, groups):
    ours, theirs = pair(shape[-1], groups)
    rng = np.random.default_rng(1)
    x, dy = (jnp.asarray(rng.normal(0.5, 2, shape), jnp.float32) for _ in range(2))
    found, expected = (jax.vjp(norm, x) for norm in (ours, theirs))
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found[1](dy)[0], expected[1](dy)[0], rtol=1e-4, atol=1e-4)


def test_gradients_of_its_weights_are_those_of_flax():
    x = jnp.asarray(np.random.default_rng(1).normal(0.5, 2, (3, 8, 6, 12)), jnp.float32)
    found, expected = (
        nnx.to_pure_dict(nnx.grad(lambda norm: jnp.sin(norm(x)).sum())(norm))
        for norm in pair(12, 4)
    )
    for name in ("scale", "bias"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, atol=1e-4)


def test_bfloat16_is_summed_in_float32():
    ours, theirs = pair(16, 4, jnp.bfloat16)
    x = jnp.asarray(np.random.default_rng(1).normal(3, 1, (2, 64, 64, 16)), jnp.bfloat16)
    with jax.numpy_dtype_promotion("standard"):  # Flax's mixes dtypes
        found, expected = ours(x), theirs(x)
    assert found.dtype == jnp.bfloat16
    np.testing.assert_allclose(
        found.astype(jnp.float32), expected.astype(jnp.float32), rtol=0.02, atol=0.02
    )
