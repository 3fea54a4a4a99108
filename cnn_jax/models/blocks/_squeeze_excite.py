"""Squeeze and excitation: multiply each channel by a gate, computed from all channels' means."""

import jax
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import functional as F


class SqueezeExcite(nnx.Module):
    """y = x * sigmoid(W' swish(W mean(x) + b) + b'), where mean(x) is one number per channel.

    Args:
        channels: of the input and the output.
        squeezed: features between the two dense layers, fewer than `channels`.
        dtype: to compute in; parameters are float32 always.
        rngs: the random streams.

    References:
        Hu, Shen, Albanie, Sun and Wu, *Squeeze-and-excitation networks*, 2017, arXiv:1709.01507,
        section 3; there with a ReLU in place of the swish.
    """

    def __init__(self, channels: int, squeezed: int, dtype: DTypeLike | None, rngs: nnx.Rngs):
        self.reduce = nnx.Linear(channels, squeezed, dtype=dtype, rngs=rngs)
        self.expand = nnx.Linear(squeezed, channels, dtype=dtype, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x (*batch, height, width, channels) to the same shape."""
        means = F.global_avg_pool(x, spatial_rank=2)
        gates = jax.nn.sigmoid(self.expand(jax.nn.silu(self.reduce(means))))
        return x * gates[..., None, None, :]
