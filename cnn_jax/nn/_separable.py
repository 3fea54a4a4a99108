"""The layer that convolves each channel on its own and then mixes them: `SeparableConv`."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax.nn.initializers import Initializer, he_normal, lecun_normal, zeros
from jax.typing import DTypeLike

from cnn_jax import arguments
from cnn_jax import functional as F
from cnn_jax.geometry import PaddingLike, PaddingMode

from . import _checks as checks


class SeparableConv(nnx.Module):
    """Parameters of `functional.separable_conv`, and that call.

    ```
    >>> from flax import nnx
    >>> layer = SeparableConv(8, 16, (3, 3), padding="SAME", rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((1, 32, 32, 8))).shape
    (1, 32, 32, 16)

    ```

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: taps of the depthwise window, one int per spatial axis: a tuple, for its length
            is the spatial rank.
        multiplier: depthwise filters for each input channel.
        stride: as for `functional.separable_conv`, like `padding`, `padding_mode`, `dilation`,
            `input_dilation`, `algorithm` and `precision`.
        use_bias: whether to add a bias to each output channel.
        depthwise_init: makes the depthwise kernel from (key, shape, dtype); He's by default, for
            the ReLU in front of the layer.
        pointwise_init: likewise the pointwise kernel; LeCun's by default, without He's factor of 2,
            for no activation stands between the two.
        bias_init: likewise the bias; zeros by default.
        param_dtype: dtype of the parameters.
        dtype: dtype to compute in; None means that of input and parameters together.
        rngs: the random streams; the kernels' keys come from ``params``.

    Attributes:
        depthwise_kernel: (*kernel_size, 1, in_channels * multiplier).
        pointwise_kernel: (1, ..., 1, in_channels * multiplier, out_channels).
        bias: (out_channels,), or None.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if arguments do not fit together. What depends on the input is checked when the
            layer is called.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
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
        depthwise_init: Initializer | None = None,
        pointwise_init: Initializer | None = None,
        bias_init: Initializer = zeros,
        param_dtype: DTypeLike = jnp.float32,
        dtype: DTypeLike | None = None,
        rngs: nnx.Rngs,
    ):
        key = checks.params_key(rngs)
        size = checks.window_size(kernel_size)
        checks.check_channels(in_channels, out_channels, groups=1)
        inner = in_channels * arguments.integer("multiplier", multiplier, at_least=1)
        depthwise = (depthwise_init or he_normal())(key, (*size, 1, inner), param_dtype)
        shape = (*(1 for _ in size), inner, out_channels)
        pointwise = (pointwise_init or lecun_normal())(rngs.params(), shape, param_dtype)
        bias = bias_init(rngs.params(), (out_channels,), param_dtype) if use_bias else None
        self.depthwise_kernel = nnx.Param(depthwise)
        self.pointwise_kernel = nnx.Param(pointwise)
        self.bias = None if bias is None else nnx.Param(bias)
        rank, source = len(size), checks.source(size)
        self.in_channels = in_channels
        self.dtype = dtype
        self.stride = arguments.per_axis("stride", stride, rank, source)
        self.padding = checks.hashable(padding)
        self.padding_mode: PaddingMode = padding_mode
        self.dilation = arguments.per_axis("dilation", dilation, rank, source)
        self.input_dilation = arguments.per_axis("input_dilation", input_dilation, rank, source)
        self.algorithm = algorithm
        self.precision = precision

    def __call__(self, x: jax.Array) -> jax.Array:
        """Convolve x (*batch, *spatial, in_channels) into (*batch, *positions, out_channels)."""
        x = jnp.asarray(x)
        checks.check_input(x, self.in_channels)
        depthwise, pointwise = self.depthwise_kernel[...], self.pointwise_kernel[...]
        if self.dtype is not None:
            x, depthwise, pointwise = (a.astype(self.dtype) for a in (x, depthwise, pointwise))
        return F.separable_conv(
            x,
            depthwise,
            pointwise,
            None if self.bias is None else self.bias[...],
            stride=self.stride,
            padding=self.padding,
            padding_mode=self.padding_mode,
            dilation=self.dilation,
            input_dilation=self.input_dilation,
            algorithm=self.algorithm,
            precision=self.precision,
        )
