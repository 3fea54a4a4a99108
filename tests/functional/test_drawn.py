"""What is drawn at random: how often, from what, and that a key decides it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax import functional as F
from tests import oracle

KEY = jax.random.key(0)
X = np.random.default_rng(0).standard_normal((3, 7, 6, 4)).astype(np.float32)
OPTIONS = {"stride": 2, "padding": ((1, 0), (0, 2)), "ceil_mode": False}


@pytest.mark.parametrize("dtype", [np.float32, jnp.bfloat16])
def test_each_element_is_drawn_in_proportion_to_its_size(dtype):
    x = X[:1, :5].astype(dtype)
    keys = jax.random.split(KEY, 4000)
    draws = np.asarray(
        jax.jit(jax.vmap(lambda key: F.stochastic_pool(key, x, (3, 2), **OPTIONS)))(keys)
    ).astype(np.float32)
    wide = np.asarray(x, np.float32)
    values, chances = (
        np.moveaxis(a, -2, -1) for a in oracle.stochastic_pool_chances(wide, (3, 2), **OPTIONS)
    )
    assert draws.shape[1:] == values.shape[:-1]
    for place in np.ndindex(values.shape[:-1]):
        if not chances[place].any():  # no positive element
            assert not draws[(slice(None), *place)].any()
        for value in values[place][chances[place] > 0]:
            chance = chances[place][values[place] == value].sum()
            seen = (draws[(slice(None), *place)] == np.float32(value)).mean()
            assert abs(seen - chance) < 5 * np.sqrt(chance * (1 - chance) / 4000) + 1e-6


def test_the_gradient_goes_to_what_was_drawn():
    pool = lambda x: F.stochastic_pool(KEY, x, (2, 2))  # noqa: E731
    gradient = jax.grad(lambda x: pool(x).sum())(X)
    y = pool(X)
    assert set(np.unique(gradient)) == {0, 1}
    np.testing.assert_allclose((gradient * X).sum(), y.sum(), rtol=1e-5)
    np.testing.assert_array_equal(gradient.sum(), (y > 0).sum())


def test_without_a_positive_element_nothing_is_drawn():
    assert not F.stochastic_pool(KEY, -np.abs(X), (2, 2)).any()
    assert not F.stochastic_pool(None, -np.abs(X), (2, 2)).any()


@pytest.mark.parametrize(
    "pool",
    [
        lambda key: F.stochastic_pool(key, X, (2, 2)),
        lambda key: F.fractional_max_pool(key, X, (2, 2), output_size=(4, 4)),
    ],
)
def test_a_key_decides(pool):
    np.testing.assert_array_equal(pool(KEY), pool(KEY))
    assert (pool(KEY) != pool(jax.random.key(1))).any()
    assert pool(jax.random.PRNGKey(0)).shape == pool(KEY).shape  # a key of the old style


def test_fractional_windows_cover_both_ends_and_differ_between_maps():
    x = np.tile(np.arange(10.0, dtype=np.float32)[:, None], (50, 1, 4))
    y = np.asarray(F.fractional_max_pool(KEY, x, (3,), output_size=(6,)))
    assert (y[:, 0] == 2).all()  # the first window starts where the axis does
    assert (y[:, -1] == 9).all()
    steps = np.diff(y, axis=1)
    assert set(np.unique(steps)) == {1, 2}
    assert len({tuple(row) for row in y.transpose(0, 2, 1).reshape(-1, 6).tolist()}) > 2
