"""The usual block of a network: a convolution, a normalization, an activation."""

import math
from collections.abc import Callable

import jax
from flax import nnx
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from cnn_jax import nn
from cnn_jax.geometry import PaddingMode

from ._group_norm import GroupNorm

NORMS = ("batch", "group", "none")


def normalization(
    norm: str,
    channels: int,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    dtype: DTypeLike | None = None,
    rngs: nnx.Rngs,
) -> Callable[[jax.Array], jax.Array]:
    """Make the normalization of this name.

    Args:
        norm: ``"batch"``; ``"group"``, of 32 groups or the largest divisor of 32 that divides the
            channels; or ``"none"``, the identity.
        channels: of the feature map to normalize.
        epsilon: added to the variance.
        momentum: weight of the old running averages at each step: 1 minus PyTorch's momentum.
        dtype: to compute in; means and variances are computed in float32 always.
        rngs: the random streams.
    """
    if norm == "none":
        return _nothing
    if norm == "group":
        groups = math.gcd(32, channels)
        return GroupNorm(channels, num_groups=groups, epsilon=epsilon, dtype=dtype, rngs=rngs)
    return nnx.BatchNorm(channels, momentum=momentum, epsilon=epsilon, dtype=dtype, rngs=rngs)


class ConvNorm(nnx.Module):
    """A convolution, a normalization and an activation; a bias only without a normalization.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel_size: taps of the window, one int per spatial axis; an int means height and width.
        stride: of the convolution.
        padding: as for `functional.conv`. None pads both ends of an axis by
            ``window // 2 * dilation``, as PyTorch's networks do; with odd windows and stride 1 the
            size stays the same.
        dilation: of the window.
        groups: of the convolution.
        norm: see `normalization`, like `epsilon` and `momentum`.
        activation: a function; None for none.
        padding_mode: as for `functional.conv`.
        kernel_init: makes the kernel from (key, shape, dtype).
        dtype: to compute in; parameters are float32 always.
        rngs: the random streams.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        *,
        stride: int = 1,
        padding: int | tuple[int, ...] | None = None,
        dilation: int = 1,
        groups: int = 1,
        norm: str = "batch",
        epsilon: float = 1e-5,
        momentum: float = 0.9,
        activation: Callable[[jax.Array], jax.Array] | None = jax.nn.relu,
        padding_mode: PaddingMode = "zeros",
        kernel_init: Initializer | None = None,
        dtype: DTypeLike | None = None,
        rngs: nnx.Rngs,
    ):
        size = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        self.conv = nn.Conv(
            in_channels,
            out_channels,
            size,
            stride=stride,
            padding=tuple(k // 2 * dilation for k in size) if padding is None else padding,
            dilation=dilation,
            padding_mode=padding_mode,
            groups=groups,
            use_bias=norm == "none",
            kernel_init=kernel_init,
            dtype=dtype,
            rngs=rngs,
        )
        self.norm = normalization(
            norm, out_channels, epsilon=epsilon, momentum=momentum, dtype=dtype, rngs=rngs
        )
        self.activation = activation or _nothing

    def __call__(self, x: jax.Array) -> jax.Array:
        """Map x (*batch, *spatial, in_channels) to (*batch, *positions, out_channels)."""
        return self.activation(self.norm(self.conv(x)))


def _nothing(x: jax.Array) -> jax.Array:
    return x
