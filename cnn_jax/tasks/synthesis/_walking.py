"""Ways between latents."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike


def slerp(start: ArrayLike, end: ArrayLike, shares: ArrayLike) -> jax.Array:
    """Return the latents on the way from one to another, along the arc between them.

    `sin((1 - t) a) / sin(a) * start + sin(t a) / sin(a) * end` with the angle `a` between them. In
    many dimensions normal draws have nearly the same length; on the straight line between two the
    middle is shorter than any draw, so a generator has seen nothing like it. Where the two lie on
    one line through 0 the way is the straight line.

    Args:
        start: (latent,).
        end: likewise.
        shares: of the way, (n,): 0 is `start`, 1 is `end`.

    Returns:
        (n, latent), float32.

    Raises:
        ValueError: the shapes are something else.

    References:
        White, *Sampling generative networks*, 2016, arXiv:1609.04468, section 2.1.

    Example:
        >>> slerp([1.0, 0], [0, 1.0], [0, 0.5, 1]).round(4).tolist()
        [[1.0, 0.0], [0.707099974155426, 0.707099974155426], [0.0, 1.0]]
    """
    start, end, shares = (jnp.asarray(a, jnp.float32) for a in (start, end, shares))
    if start.ndim != 1 or start.shape != end.shape or shares.ndim != 1:
        raise ValueError(
            "`start` and `end` must be (latent,) both, and `shares` (n,); got "
            f"{start.shape}, {end.shape} and {shares.shape}."
        )
    lengths = jnp.linalg.norm(start) * jnp.linalg.norm(end)
    cosine = (start * end).sum() / jnp.maximum(lengths, jnp.finfo(jnp.float32).tiny)
    angle, t = jnp.arccos(jnp.clip(cosine, -1, 1)), shares[:, None]
    sine = jnp.sin(angle)
    straight = sine < 1e-4
    safe = jnp.where(straight, jnp.float32(1), sine)
    first = jnp.where(straight, 1 - t, jnp.sin((1 - t) * angle) / safe)
    second = jnp.where(straight, t, jnp.sin(t * angle) / safe)
    return first * start[None] + second * end[None]
