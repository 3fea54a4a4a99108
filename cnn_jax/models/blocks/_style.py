"""The options that the layers of a network share: `Style`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from cnn_jax import arguments
from cnn_jax.geometry import PADDING_MODES, PaddingMode

from ._conv_norm import NORMS, ConvNorm, normalization
from ._shrinking import DOWNSAMPLING, max_pool, shrink

ACTIVATIONS = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh}


@dataclass(frozen=True, kw_only=True)
class Style:
    """The options of a network's layers that do not depend on its table, checked when it is made.

    The function that makes a network takes, and documents, those options that apply to it.

    Attributes:
        norm: ``"batch"``, ``"group"`` or ``"none"``, see `normalization`.
        epsilon: added to the variance by the normalization.
        momentum: weight of the old running averages at each step: 1 minus PyTorch's momentum.
        activation: a name of `ACTIVATIONS`, in networks with a choice of it.
        downsample: how maps are halved: ``"stride"``, ``"blur"`` or ``"polyphase"``, see `shrink`.
        padding_mode: how images and maps are padded, see `functional.pad`.
        dropout: the probability of dropping a value, while training.
        stochastic_depth: the probability of skipping the last block, while training.
        dtype: to compute in; parameters are float32 always. None means that of the images.

    Raises:
        TypeError: if one has the wrong type.
        ValueError: if one is none of the values named, or no probability.
    """

    norm: str = "batch"
    epsilon: float = 1e-5
    momentum: float = 0.9
    activation: str = "relu"
    downsample: str = "stride"
    padding_mode: PaddingMode = "zeros"
    dropout: float = 0.0
    stochastic_depth: float = 0.0
    dtype: DTypeLike | None = None

    def __post_init__(self) -> None:
        arguments.one_of("norm", self.norm, NORMS)
        arguments.number("epsilon", self.epsilon, above=0)
        arguments.number("momentum", self.momentum, at_least=0, at_most=1)
        arguments.one_of("activation", self.activation, ACTIVATIONS)
        arguments.one_of("downsample", self.downsample, DOWNSAMPLING)
        arguments.one_of("padding_mode", self.padding_mode, PADDING_MODES)
        arguments.number("dropout", self.dropout, at_least=0, below=1)
        arguments.number("stochastic_depth", self.stochastic_depth, at_least=0, below=1)
        if self.dtype is not None:
            arguments.dtype("dtype", self.dtype)

    def layer(
        self, rngs: nnx.Rngs, activation: Callable[[jax.Array], jax.Array] = jax.nn.relu
    ) -> partial[ConvNorm]:
        """`ConvNorm` with the options of this style."""
        return partial(
            ConvNorm,
            activation=activation,
            norm=self.norm,
            epsilon=self.epsilon,
            momentum=self.momentum,
            padding_mode=self.padding_mode,
            dtype=self.dtype,
            rngs=rngs,
        )

    def normalization(self, channels: int, rngs: nnx.Rngs) -> Callable[[jax.Array], jax.Array]:
        """Make the normalization of a feature map (*batch, *spatial, channels)."""
        options = {"epsilon": self.epsilon, "momentum": self.momentum, "dtype": self.dtype}
        return normalization(self.norm, channels, **options, rngs=rngs)

    def activate(self, x: jax.Array) -> jax.Array:
        """Apply the activation to `x`."""
        return ACTIVATIONS[self.activation](x)

    def strides(self, stride: int) -> int:
        """The stride to give to a layer: 1 if `shrink` comes after it to downsample by `stride`."""
        return stride if self.downsample == "stride" else 1

    def shrink(
        self, x: jax.Array, stride: int, phase: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array | None]:
        """`shrink` with the options of this style."""
        return shrink(x, stride, self.downsample, self.padding_mode, phase)

    def max_pool(self, x: jax.Array, window: int, stride: int, padding: int) -> jax.Array:
        """`max_pool` with the options of this style."""
        return max_pool(x, window, stride, padding, self.downsample, self.padding_mode)

    def cast(self, images: jax.Array) -> jax.Array:
        """`images` in the dtype to compute in; unchanged if that is None."""
        return jnp.asarray(images) if self.dtype is None else jnp.asarray(images).astype(self.dtype)
