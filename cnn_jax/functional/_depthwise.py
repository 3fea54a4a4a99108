"""Convolutions of each channel on its own: `depthwise_conv`, `separable_conv`."""

from collections.abc import Sequence

import jax
from jax.typing import ArrayLike, DTypeLike

from cnn_jax.algorithms import sum_dtype
from cnn_jax.arguments import with_hints
from cnn_jax.geometry import PaddingLike, PaddingMode

from . import _checks as checks
from . import _numbers as numbers
from ._convolution import conv
from ._layouts import channels_last_hint


@with_hints
def depthwise_conv(
    x: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: PaddingLike = "VALID",
    padding_mode: PaddingMode = "zeros",
    dilation: int | Sequence[int] = 1,
    input_dilation: int | Sequence[int] = 1,
    algorithm: str = "auto",
    precision: object = None,
    preferred_element_type: DTypeLike | None = None,
) -> jax.Array:
    """Convolve each channel of `x` with filters of its own.

    `conv` with as many groups as channels. With `m` filters for each channel::

        y[p, c * m + j] = sum over t of x[p * stride + t * dilation - low, c]
                                        * kernel[t, 0, c * m + j]

    ```
    >>> import jax.numpy as jnp
    >>> x = jnp.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])  # 3 places, 2 channels
    >>> kernel = jnp.array([[[1.0, -1.0]], [[1.0, 1.0]]])  # a sum and a difference
    >>> depthwise_conv(x, kernel)
    Array([[ 3., 10.],
           [ 6., 20.]], dtype=float32)

    ```

    Args:
        x: (*batch, *spatial, channels), any number of batch axes.
        kernel: (*window, 1, channels * multiplier).
        bias: (channels * multiplier,) or None.
        stride, padding, padding_mode, dilation, input_dilation: as for `conv`.
        algorithm: as for `conv`.
        precision: as for `conv`.
        preferred_element_type: as for `conv`.

    Returns:
        (*batch, *positions, channels * multiplier).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes or options do not fit together.

    References:
        Sifre, *Rigid-motion scattering for image classification*, PhD thesis, 2014, section 6.2.
        Howard et al., *MobileNets*, 2017, arXiv:1704.04861, section 3.1.
    """
    x, kernel = checks.array("x", x), checks.array("kernel", kernel)
    channels = _check_depthwise("kernel", kernel, x)
    return conv(
        x,
        kernel if channels else kernel[..., :0, :],  # no channels: nothing to group
        bias,
        stride=stride,
        padding=padding,
        padding_mode=padding_mode,
        dilation=dilation,
        input_dilation=input_dilation,
        groups=max(channels, 1),
        algorithm=algorithm,
        precision=precision,
        preferred_element_type=preferred_element_type,
    )


@with_hints
def separable_conv(
    x: ArrayLike,
    depthwise_kernel: ArrayLike,
    pointwise_kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: PaddingLike = "VALID",
    padding_mode: PaddingMode = "zeros",
    dilation: int | Sequence[int] = 1,
    input_dilation: int | Sequence[int] = 1,
    algorithm: str = "auto",
    precision: object = None,
    preferred_element_type: DTypeLike | None = None,
) -> jax.Array:
    """Convolve each channel on its own, then mix the channels of each place.

    A `depthwise_conv` with the given options, followed by a `conv` with a window of one tap::

        y[p, o] = bias[o] + sum over c of depthwise_conv(x, depthwise_kernel)[p, c]
                                          * pointwise_kernel[0, c, o]

    That is a convolution whose kernel is the product of ``depthwise_kernel`` and
    ``pointwise_kernel``: with one filter per channel it has ``taps * channels + channels *
    out_channels`` weights instead of ``taps * channels * out_channels``.

    ```
    >>> import jax.numpy as jnp
    >>> x = jnp.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])  # 3 places, 2 channels
    >>> separable_conv(x, jnp.ones((2, 1, 2)), jnp.ones((1, 2, 1)))
    Array([[33.],
           [66.]], dtype=float32)

    ```

    Args:
        x: (*batch, *spatial, channels), any number of batch axes.
        depthwise_kernel: (*window, 1, channels * multiplier).
        pointwise_kernel: (1, ..., 1, channels * multiplier, out_channels), with as many window axes
            as `depthwise_kernel`.
        bias: (out_channels,) or None.
        stride, padding, padding_mode, dilation, input_dilation: of the depthwise convolution, as
            for `conv`.
        algorithm: of both convolutions, as for `conv`.
        precision: as for `conv`.
        preferred_element_type: as for `conv`.

    Returns:
        (*batch, *positions, out_channels).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes or options do not fit together.

    References:
        Chollet, *Xception*, 2016, arXiv:1610.02357.
    """
    x = checks.array("x", x)
    depthwise = checks.array("depthwise_kernel", depthwise_kernel)
    pointwise = checks.array("pointwise_kernel", pointwise_kernel)
    _check_depthwise("depthwise_kernel", depthwise, x)
    rank = depthwise.ndim - 2
    if pointwise.ndim != rank + 2 or pointwise.shape[:-1] != (1,) * rank + depthwise.shape[-1:]:
        window = "1, " * rank
        raise ValueError(
            f"`pointwise_kernel` must be ({window}{depthwise.shape[-1]}, out_channels), one tap on "
            f"each axis of `depthwise_kernel` {depthwise.shape} and as many channels as it makes; "
            f"got shape {pointwise.shape}."
        )
    first = checks.common_dtype(x=x, depthwise_kernel=depthwise)
    dtype = checks.common_dtype(x=x, depthwise_kernel=depthwise, pointwise_kernel=pointwise)
    result = numbers.result_dtype(dtype, preferred_element_type)
    y = depthwise_conv(
        x,
        depthwise,
        stride=stride,
        padding=padding,
        padding_mode=padding_mode,
        dilation=dilation,
        input_dilation=input_dilation,
        algorithm=algorithm,
        precision=precision,
        preferred_element_type=sum_dtype(first),
    )
    wide = sum_dtype(dtype)  # nothing is rounded between the two convolutions
    y = conv(
        y.astype(wide),
        pointwise.astype(wide),
        algorithm=algorithm,
        precision=precision,
        preferred_element_type=sum_dtype(result),
    )
    return numbers.add_bias(y, bias, pointwise).astype(result)


def _check_depthwise(name: str, kernel: jax.Array, x: jax.Array) -> int:
    """The number of channels of `x`; a ValueError if the depthwise `kernel` does not fit it."""
    numbers.check_kernel(kernel, name)
    channels = x.shape[-1] if x.ndim else 0
    one, filters = kernel.shape[-2:]
    if one != 1 or (filters % channels if channels else filters):

        def fits(channels: int, one: int, filters: int) -> bool:
            return one == 1 and channels > 0 and filters % channels == 0

        raise ValueError(
            f"`{name}` must be (*window, 1, channels * multiplier), for `x` with {channels} "
            f"channels; got shape {kernel.shape} for `x` {x.shape}."
            + channels_last_hint(x.shape, kernel.shape, fits)
        )
    return channels
