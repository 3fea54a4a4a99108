"""The layer that convolves each channel on its own: `DepthwiseConv`."""

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


class DepthwiseConv(nnx.Module):
    """Parameters of `functional.depthwise_conv`, and that call.

    ```
    >>> from flax import nnx
    >>> layer = DepthwiseConv(8, (3, 3), padding="SAME", rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((1, 32, 32, 8))).shape
    (1, 32, 32, 8)

    ```

    Args:
        channels: channels of the input.
        kernel_size: taps of the window, one int per spatial axis: a tuple, for its length is the
            spatial rank.
        multiplier: filters for each channel.
        stride: as for `functional.depthwise_conv`, like `padding`, `padding_mode`, `dilation`,
            `input_dilation`, `algorithm` and `precision`.
        use_bias: whether to add a bias to each output channel.
        kernel_init: makes the kernel from (key, shape, dtype); He's by default, with the number of
            taps as fan_in.
        bias_init: likewise the bias; zeros by default.
        param_dtype: dtype of the parameters.
        dtype: dtype to compute in; None means that of input and parameters together.
        rngs: the random streams; the kernel's key comes from ``params``.

    Attributes:
        kernel: (*kernel_size, 1, channels * multiplier).
        bias: (channels * multiplier,), or None.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if arguments do not fit together. What depends on the input is checked when the
            layer is called.
    """

    def __init__(
        self,
        channels: int,
        kernel_size: Sequence[int],
        *,
        multiplier: int = 1,
        stride: int | Sequence[int] = 1,
        padding: PaddingLike = "VALID",
        padding_mode: PaddingMode = "zeros",
        dilation: int | Sequence[int] = 1,
        input_dilation: int | Sequence[int] = 1,
        algorithm: str = "auto",
        precision: object = None,
        use_bias: bool = True,
        kernel_init: Initializer | None = None,
        bias_init: Initializer = zeros,
        param_dtype: DTypeLike = jnp.float32,
        dtype: DTypeLike | None = None,
        rngs: nnx.Rngs,
    ):
        key = checks.params_key(rngs)
        size = checks.window_size(kernel_size)
        arguments.integer("channels", channels, at_least=1)
        arguments.integer("multiplier", multiplier, at_least=1)
        shape = (*size, 1, channels * multiplier)
        self.kernel = nnx.Param((kernel_init or he_normal())(key, shape, param_dtype))
        bias = bias_init(rngs.params(), shape[-1:], param_dtype) if use_bias else None
        self.bias = None if bias is None else nnx.Param(bias)
        rank, source = len(size), checks.source(size)
        self.channels = channels
        self.dtype = dtype
        self.stride = arguments.per_axis("stride", stride, rank, source)
        self.padding = checks.hashable(padding)
        self.padding_mode: PaddingMode = padding_mode
        self.dilation = arguments.per_axis("dilation", dilation, rank, source)
        self.input_dilation = arguments.per_axis("input_dilation", input_dilation, rank, source)
        self.algorithm = algorithm
        self.precision = precision

    def __call__(self, x: jax.Array) -> jax.Array:
        """Convolve x (*batch, *spatial, channels): (*batch, *positions, channels * multiplier)."""
        x = jnp.asarray(x)
        checks.check_input(x, self.channels)
        kernel, bias = self.kernel[...], None if self.bias is None else self.bias[...]
        if self.dtype is not None:
            x, kernel = x.astype(self.dtype), kernel.astype(self.dtype)
        return F.depthwise_conv(
            x,
            kernel,
            bias,
            stride=self.stride,
            padding=self.padding,
            padding_mode=self.padding_mode,
            dilation=self.dilation,
            input_dilation=self.input_dilation,
            algorithm=self.algorithm,
            precision=self.precision,
        )
