"""The convolutional layer: `Conv`."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax.nn.initializers import Initializer, he_normal, zeros
from jax.typing import DTypeLike

from cnn_jax import arguments
from cnn_jax import functional as F
from cnn_jax.geometry import PaddingLike, PaddingMode

from . import _checks as checks


class Conv(nnx.Module):
    """Parameters of `functional.conv`, and that call.

    ```
    >>> from flax import nnx
    >>> layer = Conv(3, 8, (5, 5), padding="SAME", rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((1, 32, 32, 3))).shape
    (1, 32, 32, 8)

    ```

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output, the number of filters.
        kernel_size: taps of the window, one int per spatial axis: a tuple, for its length is the
            spatial rank.
        stride: as for `functional.conv`, like `padding`, `padding_mode`, `dilation`,
            `input_dilation`, `groups`, `algorithm` and `precision`.
        use_bias: whether to add a bias to each output channel.
        weight_standardization: whether to convolve with the kernel shifted and scaled, for each
            output channel, to mean 0 and variance 1 over its window and input channels. Meant for
            a normalization behind the layer, which takes care of the scale.
        kernel_init: makes the kernel from (key, shape, dtype); He's by default, see
            `for_activation`.
        bias_init: likewise the bias; zeros by default.
        param_dtype: dtype of the parameters.
        dtype: dtype to compute in; None means that of input and parameters together.
        rngs: the random streams; the kernel's key comes from ``params``.

    Attributes:
        kernel: (*kernel_size, in_channels // groups, out_channels).
        bias: (out_channels,), or None.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if arguments do not fit together. What depends on the input is checked when the
            layer is called.

    References:
        Qiao et al., *Micro-batch training with batch-channel normalization and weight
        standardization*, 2019, arXiv:1903.10520.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sequence[int],
        *,
        stride: int | Sequence[int] = 1,
        padding: PaddingLike = "VALID",
        padding_mode: PaddingMode = "zeros",
        dilation: int | Sequence[int] = 1,
        input_dilation: int | Sequence[int] = 1,
        groups: int = 1,
        algorithm: str = "auto",
        precision: object = None,
        use_bias: bool = True,
        weight_standardization: bool = False,
        kernel_init: Initializer | None = None,
        bias_init: Initializer = zeros,
        param_dtype: DTypeLike = jnp.float32,
        dtype: DTypeLike | None = None,
        rngs: nnx.Rngs,
    ):
        key = checks.params_key(rngs)
        size = checks.window_size(kernel_size)
        checks.check_channels(in_channels, out_channels, groups)
        shape = (*size, in_channels // groups, out_channels)
        kernel = (kernel_init or he_normal())(key, shape, param_dtype)
        bias = bias_init(rngs.params(), shape[-1:], param_dtype) if use_bias else None
        self.kernel = nnx.Param(kernel)
        self.bias = None if bias is None else nnx.Param(bias)
        rank, source = len(size), checks.source(size)
        self.weight_standardization = weight_standardization
        self.dtype = dtype
        self.stride = arguments.per_axis("stride", stride, rank, source)
        self.padding = checks.hashable(padding)
        self.padding_mode: PaddingMode = padding_mode
        self.dilation = arguments.per_axis("dilation", dilation, rank, source)
        self.input_dilation = arguments.per_axis("input_dilation", input_dilation, rank, source)
        self.groups = groups
        self.algorithm = algorithm
        self.precision = precision

    def __call__(self, x: jax.Array) -> jax.Array:
        """Convolve x (*batch, *spatial, in_channels) into (*batch, *positions, out_channels)."""
        kernel, bias = self.kernel[...], None if self.bias is None else self.bias[...]
        if self.weight_standardization:
            kernel = standardized(kernel)
        if self.dtype is not None:
            x, kernel = jnp.asarray(x).astype(self.dtype), kernel.astype(self.dtype)
        return F.conv(
            x,
            kernel,
            bias,
            stride=self.stride,
            padding=self.padding,
            padding_mode=self.padding_mode,
            dilation=self.dilation,
            input_dilation=self.input_dilation,
            groups=self.groups,
            algorithm=self.algorithm,
            precision=self.precision,
        )


def standardized(kernel: jax.Array) -> jax.Array:
    """`kernel` (..., out_channels) with mean 0 and variance 1 over all that makes one output.

    ``(kernel - mean) / sqrt(variance + 1e-5)`` for each output channel, over the window and the
    input channels.
    """
    axes = tuple(range(kernel.ndim - 1))
    mean, variance = kernel.mean(axes, keepdims=True), kernel.var(axes, keepdims=True)
    return (kernel - mean) * jax.lax.rsqrt(variance + 1e-5)
