"""The layer that convolves each channel on its own: `DepthwiseConv`."""

from collections.abc import Sequence

import jax.numpy as jnp
from flax import nnx
from jax.nn.initializers import Initializer, zeros
from jax.typing import DTypeLike

from cnn_jax import arguments
from cnn_jax.geometry import PaddingLike, PaddingMode

from ._convolution import Conv


class DepthwiseConv(Conv):
    """Parameters of `functional.depthwise_conv`, and that call: a `Conv` with a group per channel.

    ```
    >>> from flax import nnx
    >>> layer = DepthwiseConv(8, (3, 3), padding="SAME", rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((1, 32, 32, 8))).shape
    (1, 32, 32, 8)

    ```

    Args:
        channels: channels of the input.
        kernel_size: taps of the window, a tuple with one int per spatial axis; its length is the
            spatial rank.
        multiplier: filters for each channel.
        stride: as for `functional.depthwise_conv`; so are `padding`, `padding_mode`, `dilation`,
            `input_dilation`, `algorithm` and `precision`.
        use_bias: whether to add a bias to each output channel.
        kernel_init: makes the kernel from (key, shape, dtype); by default He's initializer, with
            the number of taps as fan_in.
        bias_init: makes the bias in the same way; zeros by default.
        param_dtype: dtype of the parameters.
        dtype: dtype to compute in; None means the common dtype of the input and the parameters.
        rngs: the random streams; the kernel's key comes from ``params``.

    Attributes:
        kernel: (*kernel_size, 1, channels * multiplier).
        bias: (channels * multiplier,), or None.
        options: those of the functional call; ``options.stride`` has one entry per spatial axis.

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
        arguments.integer("channels", channels, at_least=1)
        arguments.integer("multiplier", multiplier, at_least=1)
        super().__init__(
            channels,
            channels * multiplier,
            kernel_size,
            stride=stride,
            padding=padding,
            padding_mode=padding_mode,
            dilation=dilation,
            input_dilation=input_dilation,
            groups=channels,
            algorithm=algorithm,
            precision=precision,
            use_bias=use_bias,
            kernel_init=kernel_init,
            bias_init=bias_init,
            param_dtype=param_dtype,
            dtype=dtype,
            rngs=rngs,
        )
