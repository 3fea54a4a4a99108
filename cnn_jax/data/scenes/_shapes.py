"""Ellipses and rectangles, plain, in bars or as a lattice: they look like objects, and are none."""

import jax
import jax.numpy as jnp
import numpy as np

NUMBERS = 17


def shape(drawn: jax.Array, photograph: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Make a shape of random numbers.

    It shows a part of a photograph or a color of its own, darker towards its edge as a ball is, and
    may have a rim. Every second one stands upright.

    Args:
        drawn: (NUMBERS,) float32, uniform in [0, 1).
        photograph: (size, size, 3) in [0, 1]: what it may show.

    Returns:
        Which pixels it covers, (size, size) bool, and what they show, (size, size, 3), which may
        lie a little outside of [0, 1].
    """
    place, sides, form, pattern, color, look = jnp.split(drawn, np.cumsum([2, 2, 2, 3, 4]))
    size = len(photograph)
    row, column = jnp.indices((size, size)).astype(jnp.float32) - size * place[:, None, None]
    angle = jnp.pi * jnp.maximum(0, 2 * form[0] - 1)
    down = jnp.cos(angle) * row + jnp.sin(angle) * column
    right = jnp.cos(angle) * column - jnp.sin(angle) * row
    high, wide = size * 0.03 * 15**sides  # half of its sides: from 0.03 to 0.45 of the picture
    y, x = jnp.abs(down) / high, jnp.abs(right) / wide
    outward = jnp.where(form[1] < 0.5, jnp.hypot(y, x), jnp.maximum(y, x))  # 1 at its edge

    period = size * (0.04 + 0.12 * pattern[0])
    thick = 0.2 + 0.4 * pattern[1]
    bars, others = ((axis / period) % 1 < thick for axis in (down, right))
    full = pattern[2] < 0.5
    covers = (outward < 1) & (full | bars | ((pattern[2] < 0.75) & others))

    own = color[0] + 0.2 * (color[1:] - 0.5)
    ball = own[None, None] * (1 - 0.5 * look[0] * outward[..., None] ** 2)
    shown = jnp.where(look[1] < 0.5, photograph, ball)
    at_rim = outward > 1 - 0.3 * look[2]
    return covers, shown + jnp.where(at_rim, 0.8 * (look[3] - 0.5), 0)[..., None]
