"""Capsules, all that is near to a line, with smooth edges; and many laid over each other."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

CLEAR = 1e-6  # what is seen through a capsule


class Capsules(NamedTuple):
    """`k` capsules, in pixels; one with a negative half width is nowhere."""

    start: jax.Array  # (k, 2)
    end: jax.Array  # (k, 2)
    widths: jax.Array  # (k, 2): half of them, at both ends
    depth: jax.Array  # (k,): the highest is in front


class Near(NamedTuple):
    """How points lie to capsules, each (k, *points)."""

    outside: jax.Array  # pixels to the edge, negative inside
    across: jax.Array  # 0 on the line, 1 at the edge
    along: jax.Array  # pixels from the start, on the line


def near(capsules: Capsules, points: jax.Array) -> Near:
    """Say how points lie to capsules.

    A point belongs to the place on the line that is nearest to it; there the half width lies
    between those of the ends.

    Args:
        capsules: `k` of them.
        points: (..., 2).
    """
    shape = (-1,) + (1,) * (points.ndim - 1)

    def each(numbers):  # (k,) beside the points
        return numbers.reshape(shape)

    line = capsules.end - capsules.start
    length = jnp.sqrt((line**2).sum(-1))
    unit = line / jnp.maximum(length, CLEAR)[:, None]
    down, right = (points[None, ..., i] - each(capsules.start[:, i]) for i in (0, 1))
    along = down * each(unit[:, 0]) + right * each(unit[:, 1])
    place = jnp.clip(along, 0, each(length))
    squares = (down - place * each(unit[:, 0])) ** 2 + (right - place * each(unit[:, 1])) ** 2
    first, last = capsules.widths[:, 0], capsules.widths[:, 1]
    width = each(first) + place * each((last - first) / jnp.maximum(length, CLEAR))
    distance = jnp.sqrt(squares)
    return Near(distance - width, distance / jnp.maximum(jnp.abs(width), CLEAR), along)


def over(opacity: jax.Array, depth: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Lay layers over each other.

    Layer `i` is seen with the weight `a[i] * product over all j in front of i of (1 - a[j])`. Of
    two of the same depth the later one is in front.

    Args:
        opacity: `a`, (k, ...) in [0, 1].
        depth: (k,).

    Returns:
        The weights of the layers, (k, ...), and of what is behind them all, (...).
    """
    number = jnp.arange(len(depth))
    later = number[None] > number[:, None]
    front = (depth[None] > depth[:, None]) | ((depth[None] == depth[:, None]) & later)
    front = jnp.concatenate([front, jnp.ones((1, len(depth)), bool)]).astype(opacity.dtype)
    # A product over some of the layers is a matrix product of logarithms.
    logs = jnp.log(jnp.maximum(1 - opacity, CLEAR))
    seen = jnp.exp(jnp.tensordot(front, logs, 1, precision="highest"))
    return opacity * seen[:-1], seen[-1]
