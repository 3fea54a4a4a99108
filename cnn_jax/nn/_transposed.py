"""The transposed convolutional layer: `ConvTranspose`."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax.nn.initializers import Initializer, variance_scaling, zeros
from jax.typing import DTypeLike

from cnn_jax import arguments
from cnn_jax import functional as F
from cnn_jax.geometry import PaddingLike

from . import _checks as checks


class ConvTranspose(nnx.Module):
    """Parameters of `functional.conv_transpose`, and that call.

    The layer runs a convolution from `out_channels` to `in_channels` backwards, and its kernel is
    that convolution's.

    ```
    >>> from flax import nnx
    >>> layer = ConvTranspose(8, 3, (4, 4), stride=2, padding="SAME", rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((1, 16, 16, 8))).shape
    (1, 32, 32, 3)

    ```

    Args:
        in_channels: channels of the layer's input.
        out_channels: channels of the layer's output.
        kernel_size: taps of the window, one int per spatial axis: a tuple, for its length is the
            spatial rank.
        stride: as for `functional.conv_transpose`, like `padding`, `output_padding`, `dilation`,
            `groups`, `algorithm` and `precision`.
        use_bias: whether to add a bias to each output channel.
        kernel_init: makes the kernel from (key, shape, dtype). By default He's, with
            ``taps * in_channels // groups`` as fan_in: a stride, under which fewer taps meet in an
            output, is not taken into account. An initializer of your own finds the input channels
            on the last axis: give it ``in_axis=-1, out_axis=-2``.
        bias_init: likewise the bias; zeros by default.
        param_dtype: dtype of the parameters.
        dtype: dtype to compute in; None means that of input and parameters together.
        rngs: the random streams; the kernel's key comes from ``params``.

    Attributes:
        kernel: (*kernel_size, out_channels // groups, in_channels).
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
        key = checks.params_key(rngs)
        size = checks.window_size(kernel_size)
        checks.check_channels(in_channels, out_channels, groups)
        # fan_in counts the whole last axis, of which each output sees one group.
        he = variance_scaling(2.0 * groups, "fan_in", "truncated_normal", in_axis=-1, out_axis=-2)
        shape = (*size, out_channels // groups, in_channels)
        self.kernel = nnx.Param((kernel_init or he)(key, shape, param_dtype))
        bias = bias_init(rngs.params(), (out_channels,), param_dtype) if use_bias else None
        self.bias = None if bias is None else nnx.Param(bias)
        rank, source = len(size), checks.source(size)
        self.dtype = dtype
        self.stride = arguments.per_axis("stride", stride, rank, source)
        self.padding = checks.hashable(padding)
        self.output_padding = arguments.per_axis(
            "output_padding", output_padding, rank, source, at_least=0
        )
        self.dilation = arguments.per_axis("dilation", dilation, rank, source)
        self.groups = groups
        self.algorithm = algorithm
        self.precision = precision

    def __call__(self, x: jax.Array, *, output_shape: Sequence[int] | None = None) -> jax.Array:
        """Turn x (*batch, *positions, in_channels) into (*batch, *spatial, out_channels).

        `output_shape` is the spatial lengths of the result where the stride leaves a choice, such
        as those of the feature map that a decoder joins it with.
        """
        kernel, bias = self.kernel[...], None if self.bias is None else self.bias[...]
        if self.dtype is not None:
            x, kernel = jnp.asarray(x).astype(self.dtype), kernel.astype(self.dtype)
        return F.conv_transpose(
            x,
            kernel,
            bias,
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
            output_shape=output_shape,
            dilation=self.dilation,
            groups=self.groups,
            algorithm=self.algorithm,
            precision=self.precision,
        )
