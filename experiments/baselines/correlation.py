"""Normalized cross-correlation: the classical way to find a template in an image."""

import jax
import jax.numpy as jnp

from cnn_jax import functional as F
from cnn_jax.models.siamfc import correlate

EXEMPLAR, SEARCH = 16, 64  # pixels: the object alone, and four times as wide
STRIDE = 1  # pixels between two places of the response
AMOUNT = 0.0  # no context: the background is not the object


def embed(exemplars: jax.Array) -> jax.Array:
    """Templates: exemplars (n, e, e, c) without their mean, of length 1."""
    template = exemplars - exemplars.mean((1, 2, 3), keepdims=True)
    length = jnp.sqrt(jnp.square(template).sum((1, 2, 3), keepdims=True))
    return template / jnp.maximum(length, 1e-6)


def respond(templates: jax.Array, searches: jax.Array) -> jax.Array:
    """The correlation coefficient of each window of a search image with the template.

    `sum of t (x - mean x) / sqrt(sum of (x - mean x)^2)` over the pixels and colors of a window,
    for a template `t` of mean 0 and length 1. The sums over windows are pools.

    Args:
        templates: (n, e, e, c), from `embed`.
        searches: (n, scales, s, s, c).

    Returns:
        (n, scales, s - e + 1, s - e + 1), in [-1, 1].
    """
    window, channels = templates.shape[1:3], searches.shape[-1]
    shape = (*searches.shape[:2], *templates.shape[1:])
    sums = correlate(searches, jnp.broadcast_to(templates[:, None], shape))

    def mean(x):
        pooled = F.avg_pool(x.mean(-1, keepdims=True), window, stride=1)
        return pooled[..., 0]

    centered = searches - searches.mean((2, 3, 4), keepdims=True)  # squares lose fewer digits
    variance = jnp.maximum(mean(jnp.square(centered)) - jnp.square(mean(centered)), 0)
    count = window[0] * window[1] * channels
    return sums / jnp.sqrt(jnp.maximum(count * variance, 1e-3))
