"""Units of which some see more than others, in turn."""

import re

import jax
import jax.numpy as jnp
import numpy as np

from cnn_jax import functional as F
from cnn_jax.analysis import receptive_field, summarize


def levels(x):
    """Two levels down and up again, beside the paths that stay."""
    kernel, skipped = jnp.ones((3, 2, 2)), []
    x = F.conv(x, jnp.ones((3, 1, 2)), padding=1)
    for _ in range(2):
        skipped.append(x)
        x = F.conv(F.avg_pool(x, (2,)), kernel, padding=1)
    for other in reversed(skipped):
        x = F.conv_transpose(x, jnp.ones((2, 2, 2)), stride=2)
        x = F.conv(jnp.concatenate([x, other], -1), jnp.ones((3, 4, 2)), padding=1)
    return x


def test_units_that_see_more_and_fewer_in_turn_are_said_to():
    """Counted from the gradient: where a unit sees no end, it sees 22 elements or 26."""
    x = jax.random.normal(jax.random.key(0), (64, 1))
    with F.using(algorithm="xla"):
        seen = np.asarray(jax.jit(jax.jacrev(lambda x: levels(x).sum(1)))(x))[..., 0] != 0
    counted = seen.sum(1)[16:48]
    assert set(counted.tolist()) == {22, 26}
    last = summarize(levels, (64, 1)).rows[-1].field[0]
    assert (last.smallest, last.size, last.exact) == (22, 26, True)
    assert re.search(r" 22-26 +1 +11.5$", str(summarize(levels, (64, 1))), re.M)
    for unit in range(16, 48):
        (axis, _) = receptive_field(levels, (64, 1), unit=(unit,)).inputs[0].axes
        assert axis.size == counted[unit - 16]
        assert axis.padded == (axis.low, axis.high)
    # Units of all phases meet an end: the size is about right, and that is said.
    small = summarize(levels, (8, 1)).rows[-1].field[0]
    assert (small.size, small.smallest, small.exact) == (24, None, False)


def test_upsampling_by_three_has_phases_whose_mean_is_whole():
    def f(x):
        low = F.conv(F.avg_pool(x, (3,)), jnp.ones((3, 1, 1)), padding=1)
        up = F.conv_transpose(low, jnp.ones((3, 1, 1)), stride=3)
        return F.conv(jnp.concatenate([up, x], -1), jnp.ones((5, 2, 1)), padding=2)

    field = summarize(f, (60, 1)).rows[-1].field[0]
    x = jax.random.normal(jax.random.key(0), (60, 1))
    with F.using(algorithm="xla"):
        seen = np.asarray(jax.jit(jax.jacrev(lambda x: f(x)[:, 0]))(x))[..., 0]
    gaps = [int(np.flatnonzero(row)[-1] - np.flatnonzero(row)[0]) + 1 for row in seen[20:40]]
    assert (field.smallest, field.size) == (min(gaps), max(gaps))
    assert min(gaps) < max(gaps)
