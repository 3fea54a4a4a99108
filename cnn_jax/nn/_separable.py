"""The layer that convolves each channel on its own and then mixes them: `SeparableConv`."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax.nn.initializers import Initializer, zeros
from jax.typing import DTypeLike

from cnn_jax import arguments
from cnn_jax import functional as F
from cnn_jax.geometry import PaddingLike, PaddingMode

from ._checks import check_channels, checked_input, window_size
from ._initializers import variance_scaling
from ._options import read
from ._parameters import bias, parameter, value


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
        kernel_size: taps of the depthwise window, a tuple with one int per spatial axis; its length
            is the spatial rank.
        multiplier: depthwise filters for each input channel.
        stride: as for `functional.separable_conv`; so are `padding`, `padding_mode`, `dilation`,
            `input_dilation`, `algorithm` and `precision`.
        use_bias: whether to add a bias to each output channel.
        depthwise_init: makes the depthwise kernel from (key, shape, dtype); by default He's
            initializer, which suits a ReLU before the layer.
        pointwise_init: makes the pointwise kernel in the same way; by default LeCun's initializer,
            which lacks He's factor of 2, as no activation lies between the two convolutions.
        bias_init: makes the bias in the same way; zeros by default.
        param_dtype: dtype of the parameters.
        dtype: dtype to compute in; None means the common dtype of the input and the parameters.
        rngs: the random streams; the kernels' keys come from ``params``.

    Attributes:
        depthwise_kernel: (*kernel_size, 1, in_channels * multiplier).
        pointwise_kernel: (1, ..., 1, in_channels * multiplier, out_channels).
        bias: (out_channels,), or None.
        options: those of the functional call; ``options.stride`` has one entry per spatial axis.

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
        size = window_size(kernel_size)
        check_channels(in_channels, out_channels, groups=1)
        inner = in_channels * arguments.integer("multiplier", multiplier, at_least=1)
        self.options = read(
            size,
            dtype=dtype,
            stride=stride,
            padding=padding,
            padding_mode=padding_mode,
            dilation=dilation,
            input_dilation=input_dilation,
            algorithm=algorithm,
            precision=precision,
        )
        self.in_channels = in_channels
        first = variance_scaling(2.0) if depthwise_init is None else depthwise_init
        second = variance_scaling(1.0) if pointwise_init is None else pointwise_init
        depthwise, pointwise = (*size, 1, inner), (*(1 for _ in size), inner, out_channels)
        self.depthwise_kernel = parameter("depthwise_init", depthwise, first, param_dtype, rngs)
        self.pointwise_kernel = parameter("pointwise_init", pointwise, second, param_dtype, rngs)
        self.bias = bias(use_bias, (out_channels,), bias_init, param_dtype, rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Convolve x (*batch, *spatial, in_channels) into (*batch, *positions, out_channels)."""
        depthwise, pointwise = self.depthwise_kernel[...], self.pointwise_kernel[...]
        x = checked_input(x, self.in_channels, depthwise.ndim - 2)
        x, depthwise, pointwise = self.options.cast(x, depthwise, pointwise)
        options = self.options.keywords()
        return F.separable_conv(x, depthwise, pointwise, value(self.bias), **options)
