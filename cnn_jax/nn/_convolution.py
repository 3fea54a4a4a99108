"""The convolutional layer: `Conv`."""

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
        kernel_size: taps of the window, a tuple with one int per spatial axis; its length is the
            spatial rank.
        stride: as for `functional.conv`; so are `padding`, `padding_mode`, `dilation`,
            `input_dilation`, `groups`, `algorithm` and `precision`.
        use_bias: whether to add a bias to each output channel.
        weight_standardization: whether to shift and scale the kernel before each call, to mean 0
            and variance 1 over the window and the input channels, for each output channel. Meant
            for layers that a normalization follows, which sets the scale of the output.
        kernel_init: makes the kernel from (key, shape, dtype); by default He's initializer, see
            `for_activation`.
        bias_init: makes the bias in the same way; zeros by default.
        param_dtype: dtype of the parameters.
        dtype: dtype to compute in; None means the common dtype of the input and the parameters.
        rngs: the random streams; the kernel's key comes from ``params``.

    Attributes:
        kernel: (*kernel_size, in_channels // groups, out_channels).
        bias: (out_channels,), or None.
        options: those of the functional call; ``options.stride`` has one entry per spatial axis.

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
        size = window_size(kernel_size)
        check_channels(in_channels, out_channels, groups)
        self.options = read(
            size,
            dtype=dtype,
            stride=stride,
            padding=padding,
            padding_mode=padding_mode,
            dilation=dilation,
            input_dilation=input_dilation,
            groups=groups,
            algorithm=algorithm,
            precision=precision,
        )
        self.in_channels = in_channels
        flag = arguments.flag("weight_standardization", weight_standardization)
        self.weight_standardization = flag
        init = variance_scaling(2.0) if kernel_init is None else kernel_init
        shape = (*size, in_channels // groups, out_channels)
        self.kernel = parameter("kernel_init", shape, init, param_dtype, rngs)
        self.bias = bias(use_bias, shape[-1:], bias_init, param_dtype, rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Convolve x (*batch, *spatial, in_channels) into (*batch, *positions, out_channels)."""
        kernel = self.kernel[...]
        x = checked_input(x, self.in_channels, kernel.ndim - 2)
        if self.weight_standardization:
            kernel = standardized(kernel)
        x, kernel = self.options.cast(x, kernel)
        return F.conv(x, kernel, value(self.bias), **self.options.keywords())


def standardized(kernel: jax.Array) -> jax.Array:
    """Shift and scale `kernel` (..., out_channels) to mean 0 and variance 1 per output channel.

    ``(kernel - mean) / sqrt(variance + 1e-5)``, the mean and the variance of each output channel
    taken over the window and the input channels.
    """
    axes = tuple(range(kernel.ndim - 1))
    mean, variance = kernel.mean(axes, keepdims=True), kernel.var(axes, keepdims=True)
    return (kernel - mean) * jax.lax.rsqrt(variance + 1e-5)
