"""The convolutional layer without shared weights: `ConvLocal`."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax.nn.initializers import Initializer, zeros
from jax.typing import DTypeLike

from cnn_jax import arguments, geometry
from cnn_jax import functional as F
from cnn_jax.geometry import PaddingLike

from ._checks import check_channels, checked_input, source, window_size
from ._initializers import variance_scaling
from ._options import read
from ._parameters import bias, parameter, value


class ConvLocal(nnx.Module):
    """Parameters of `functional.conv_local`, and that call.

    Each output position has a kernel of its own, so the layer takes inputs of one size only.

    ```
    >>> from flax import nnx
    >>> layer = ConvLocal(3, 8, (5, 5), input_size=(32, 32), stride=3, rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((1, 32, 32, 3))).shape
    (1, 10, 10, 8)

    ```

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output, the number of filters at each position.
        kernel_size: taps of the window, a tuple with one int per spatial axis; its length is the
            spatial rank.
        input_size: spatial lengths of the input; an int, or one per spatial axis.
        stride: as for `functional.conv_local`; so are `padding`, `dilation`, `groups`, `algorithm`
            and `precision`.
        use_bias: whether to add a bias to each output channel of each position.
        kernel_init: makes the kernel from (key, shape, dtype). By default He's initializer, with
            ``taps * in_channels // groups`` as fan_in. The positions are the first axes of the
            shape, so give an initializer of your own ``batch_axis=(0, 1)`` for images.
        bias_init: makes the bias in the same way; zeros by default.
        param_dtype: dtype of the parameters.
        dtype: dtype to compute in; None means the common dtype of the input and the parameters.
        rngs: the random streams; the kernel's key comes from ``params``.

    Attributes:
        kernel: (*positions, *kernel_size, in_channels // groups, out_channels).
        bias: (*positions, out_channels), or None.
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
        input_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: PaddingLike = "VALID",
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
            dilation=dilation,
            groups=groups,
            algorithm=algorithm,
            precision=precision,
        )
        rank, said_by = len(size), source(size)
        spatial = arguments.per_axis("input_size", input_size, rank, said_by)
        window = geometry.resolve(
            spatial, size, stride=stride, padding=padding, dilation=dilation, source=said_by
        )
        positions = window.output_size(spatial)
        self.input_size, self.in_channels = spatial, in_channels
        he = variance_scaling(2.0, batch_axis=tuple(range(rank)))
        init = he if kernel_init is None else kernel_init
        shape = (*positions, *size, in_channels // groups, out_channels)
        self.kernel = parameter("kernel_init", shape, init, param_dtype, rngs)
        self.bias = bias(use_bias, (*positions, out_channels), bias_init, param_dtype, rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Convolve x (*batch, *input_size, in_channels) into (*batch, *positions, out_channels)."""
        x = checked_input(x, self.in_channels, len(self.input_size))
        spatial = x.shape[x.ndim - 1 - len(self.input_size) : -1]
        if spatial != self.input_size:
            raise ValueError(
                f"`x` must be (*batch, *input_size, in_channels) with the layer's `input_size` "
                f"{self.input_size}; got shape {x.shape}."
            )
        x, kernel = self.options.cast(x, self.kernel[...])
        return F.conv_local(x, kernel, value(self.bias), **self.options.keywords())
