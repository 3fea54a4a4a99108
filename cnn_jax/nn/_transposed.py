"""The transposed convolutional layer: `ConvTranspose`."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax.nn.initializers import Initializer, zeros
from jax.typing import DTypeLike

from cnn_jax import functional as F
from cnn_jax.geometry import PaddingLike

from ._checks import check_channels, checked_input, window_size
from ._initializers import variance_scaling
from ._options import read
from ._parameters import bias, parameter, value


class ConvTranspose(nnx.Module):
    """Parameters of `functional.conv_transpose`, and that call.

    The layer is the transpose of a convolution from `out_channels` to `in_channels`, and its kernel
    has the shape of that convolution's kernel.

    ```
    >>> from flax import nnx
    >>> layer = ConvTranspose(8, 3, (4, 4), stride=2, padding="SAME", rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((1, 16, 16, 8))).shape
    (1, 32, 32, 3)

    ```

    Args:
        in_channels: channels of the layer's input.
        out_channels: channels of the layer's output.
        kernel_size: taps of the window, a tuple with one int per spatial axis; its length is the
            spatial rank.
        stride: as for `functional.conv_transpose`; so are `padding`, `output_padding`, `dilation`,
            `groups`, `algorithm` and `precision`.
        use_bias: whether to add a bias to each output channel.
        kernel_init: makes the kernel from (key, shape, dtype). By default He's initializer, with
            ``taps * in_channels // groups`` as fan_in; it ignores that with a stride fewer taps
            reach each output. The input channels are the last axis of the shape, so give an
            initializer of your own ``in_axis=-1, out_axis=-2``.
        bias_init: makes the bias in the same way; zeros by default.
        param_dtype: dtype of the parameters.
        dtype: dtype to compute in; None means the common dtype of the input and the parameters.
        rngs: the random streams; the kernel's key comes from ``params``.

    Attributes:
        kernel: (*kernel_size, out_channels // groups, in_channels).
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
        stride: int | Sequence[int] = 1,
        padding: PaddingLike = "VALID",
        output_padding: int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        algorithm: str = "auto",
        precision: object = None,
        use_bias: bool = True,
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
            output_padding=output_padding,
            dilation=dilation,
            groups=groups,
            algorithm=algorithm,
            precision=precision,
        )
        # This fan_in counts all input channels; each output sees those of one group.
        he = variance_scaling(2.0 * groups, in_axis=-1, out_axis=-2)
        init = he if kernel_init is None else kernel_init
        shape = (*size, out_channels // groups, in_channels)
        self.kernel = parameter("kernel_init", shape, init, param_dtype, rngs)
        self.bias = bias(use_bias, (out_channels,), bias_init, param_dtype, rngs)

    def __call__(self, x: jax.Array, *, output_shape: Sequence[int] | None = None) -> jax.Array:
        """Turn x (*batch, *positions, in_channels) into (*batch, *spatial, out_channels).

        `output_shape` gives the spatial lengths of the result, of which a stride above 1 allows
        several: for example those of the feature map that a decoder concatenates it with.
        """
        kernel = self.kernel[...]
        x = checked_input(x, kernel.shape[-1], kernel.ndim - 2)
        x, kernel = self.options.cast(x, kernel)
        options = self.options.keywords()
        return F.conv_transpose(x, kernel, value(self.bias), output_shape=output_shape, **options)
