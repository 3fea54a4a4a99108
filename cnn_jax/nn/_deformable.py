"""The convolutional layer whose taps have predicted offsets: `DeformConv`."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax.nn.initializers import Initializer, zeros
from jax.typing import DTypeLike

from cnn_jax import arguments
from cnn_jax import functional as F
from cnn_jax.geometry import PaddingLike

from ._checks import check_channels, window_size
from ._convolution import Conv
from ._initializers import variance_scaling
from ._options import read
from ._parameters import bias, parameter, value


class DeformConv(nnx.Module):
    """Parameters of `functional.deform_conv`, and that call.

    A second convolution with the same window, `moves`, predicts an offset for each tap from the
    input. Its parameters start at zero, so at first the layer is an ordinary convolution. With
    `modulated` it also predicts the mask: a sigmoid, which starts at 1/2.

    ```
    >>> from flax import nnx
    >>> layer = DeformConv(3, 8, (3, 3), padding="SAME", modulated=True, rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((1, 32, 32, 3))).shape
    (1, 32, 32, 8)

    ```

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output, the number of filters.
        kernel_size: taps of the window, a tuple with one int per spatial axis; its length is the
            spatial rank.
        modulated: whether to multiply each sample by the mask, as in version 2 (Zhu et al.).
        stride: as for `functional.deform_conv`; so are `padding`, `dilation`, `groups`,
            `offset_groups` and `precision`.
        use_bias: whether to add a bias to each output channel.
        kernel_init: makes the kernel from (key, shape, dtype); by default He's initializer, see
            `for_activation`.
        bias_init: makes the bias in the same way; zeros by default.
        param_dtype: dtype of the parameters.
        dtype: dtype to compute in; None means the common dtype of the input and the parameters.
            Offsets and mask are always computed in `param_dtype`.
        rngs: the random streams; the kernel's key comes from ``params``.

    Attributes:
        kernel: (*kernel_size, in_channels // groups, out_channels).
        bias: (out_channels,), or None.
        moves: the `Conv` that predicts offsets and mask. Zhu et al. train it with a tenth of the
            other layers' learning rate.
        options: those of the functional call; ``options.stride`` has one entry per spatial axis.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if arguments do not fit together. What depends on the input is checked when the
            layer is called.

    References:
        Dai et al., *Deformable convolutional networks*, 2017, arXiv:1703.06211. Zhu et al.,
        *Deformable ConvNets v2*, 2018, arXiv:1811.11168.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sequence[int],
        *,
        modulated: bool = False,
        stride: int | Sequence[int] = 1,
        padding: PaddingLike = "VALID",
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        offset_groups: int = 1,
        precision: object = None,
        use_bias: bool = True,
        kernel_init: Initializer | None = None,
        bias_init: Initializer = zeros,
        param_dtype: DTypeLike = jnp.float32,
        dtype: DTypeLike | None = None,
        rngs: nnx.Rngs,
    ):
        if not (size := window_size(kernel_size)):
            raise ValueError("`kernel_size` must have an axis that the taps can move on; got ().")
        check_channels(in_channels, out_channels, groups)
        self.options = read(
            size,
            dtype=dtype,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            offset_groups=offset_groups,
            precision=precision,
        )
        if in_channels % offset_groups:
            raise ValueError(
                f"`offset_groups` must divide `in_channels`; got {offset_groups} for {in_channels}."
            )
        self.modulated = arguments.flag("modulated", modulated)
        init = variance_scaling(2.0) if kernel_init is None else kernel_init
        shape = (*size, in_channels // groups, out_channels)
        self.kernel = parameter("kernel_init", shape, init, param_dtype, rngs)
        self.bias = bias(use_bias, shape[-1:], bias_init, param_dtype, rngs)
        rank, taps = len(size), math.prod(size)
        self.moves = Conv(
            in_channels,
            offset_groups * taps * (rank + self.modulated),
            size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            precision=precision,
            kernel_init=zeros,
            param_dtype=param_dtype,
            dtype=param_dtype,
            rngs=rngs,
        )

    def __call__(self, x: jax.Array) -> jax.Array:
        """Convolve x (*batch, *spatial, in_channels) into (*batch, *positions, out_channels)."""
        offsets, mask = self.offsets_and_mask(x)
        x, kernel = self.options.cast(jnp.asarray(x), self.kernel[...])
        keywords = self.options.keywords()
        return F.deform_conv(x, kernel, offsets, mask, value(self.bias), **keywords)

    def offsets_and_mask(self, x: jax.Array) -> tuple[jax.Array, jax.Array | None]:
        """Predict the offsets and the mask from `x`, in the shapes of `functional.deform_conv`.

        The first ``offset_groups * taps * rank`` channels of `moves` are the offsets, the others
        are the mask before its sigmoid.
        """
        y = self.moves(x)
        *size, _, _ = self.kernel.shape
        rank, taps = len(size), math.prod(size)
        groups = self.options.offset_groups or 1
        samples = groups * taps
        offsets = y[..., : samples * rank].reshape(*y.shape[:-1], groups, taps, rank)
        if not self.modulated:
            return offsets, None
        logits = y[..., samples * rank :].reshape(*y.shape[:-1], groups, taps)
        return offsets, jax.nn.sigmoid(logits)
