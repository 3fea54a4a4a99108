"""First and second derivatives in every mode, against central differences, in one program."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from tests.compilation import QUICKLY


def double_precision():
    """A context in which arrays of 64 bits stay what they are."""
    return jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64()


def assert_every_mode(scalar, *start, step=1e-6):
    """Check `scalar` of some float64 arrays along one direction of them all.

    Its slope in forward and reverse mode, and its curvature forward and reverse over both. One
    compiled program, called at three points: `jax.test_util.check_grads` compiles one for each
    mode, which takes 4 times as long.
    """
    rng = np.random.default_rng(3)
    ahead = tuple(rng.standard_normal(a.shape) for a in start)
    every = tuple(range(len(start)))

    @partial(jax.jit, compiler_options=QUICKLY)
    def everything(a, ahead):  # an argument: jaxlib 0.7.2 folds gathers of constants wrongly
        def along(f):
            def slope(*a):
                return sum(jnp.vdot(g, v) for g, v in zip(jax.grad(f, every)(*a), ahead))

            return slope

        def forward(*a):
            return jax.jvp(scalar, a, ahead)[1]

        reverse = along(scalar)
        over_forward = jax.jvp(forward, a, ahead)[1], along(forward)(*a)
        over_reverse = jax.jvp(reverse, a, ahead)[1], along(reverse)(*a)
        return (scalar(*a), forward(*a), reverse(*a)), over_forward + over_reverse

    (value, *first), second = everything(start, ahead)
    (above, slope_above, _), _ = everything(
        tuple(a + step * v for a, v in zip(start, ahead)), ahead
    )
    (below, slope_below, _), _ = everything(
        tuple(a - step * v for a, v in zip(start, ahead)), ahead
    )
    slope = (above - below) / (2 * step)
    curvature = (slope_above - slope_below) / (2 * step)
    scale = abs(value) + abs(slope) + abs(curvature)
    np.testing.assert_allclose(first, [slope] * 2, rtol=1e-6, atol=1e-8 * scale)
    np.testing.assert_allclose(second, [curvature] * 4, rtol=1e-6, atol=1e-8 * scale)
    assert abs(slope) > 1e-3
