"""Transposed convolution: `conv_transpose`."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike

from cnn_jax import arguments, geometry
from cnn_jax.algorithms import Problem, choose, convolve_transposed, uncropped
from cnn_jax.arguments import with_hints
from cnn_jax.geometry import PaddingLike

from . import _checks as checks
from . import _numbers as numbers
from ._layouts import channels_last_hint


@with_hints
def conv_transpose(
    y: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: PaddingLike = "VALID",
    output_padding: int | Sequence[int] = 0,
    output_shape: Sequence[int] | None = None,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    algorithm: str = "auto",
    precision: object = None,
    preferred_element_type: DTypeLike | None = None,
) -> jax.Array:
    """Add, for each element of `y`, a copy of the kernel times that element to the result.

    The copy for position ``p`` is added where `conv`, with the same options and the same kernel
    array, has its window at position ``p``::

        x[p * stride + t * dilation - low, c] += sum over o of y[p, o] * kernel[t, c, o]

    This is the exact adjoint of `conv`::

        <conv(x, kernel), y> == <x, conv_transpose(y, kernel)>

    It is the gradient of a convolution with respect to its input, and decoders use it to enlarge
    feature maps ("deconvolution", "fractionally strided convolution").

    ```
    >>> import jax.numpy as jnp
    >>> y = jnp.array([1.0, 10.0])[:, None]
    >>> conv_transpose(y, jnp.array([1.0, 2.0, 3.0]).reshape(3, 1, 1), stride=2).ravel()
    Array([ 1.,  2., 13., 20., 30.], dtype=float32)

    ```

    Args:
        y: (*batch, *positions, out_channels), of the shape of the convolution's output.
        kernel: (*window, in_channels // groups, out_channels), as `conv` takes it: its last axis is
            as long as that of `y`.
        bias: (in_channels,) or None.
        stride: steps in the result between two windows.
        padding: as for `conv`: elements that `conv` adds at the ends of its input are left out of
            the result. Negative entries add zeros to the result.
        output_padding: elements to add at the high end of the result. With a stride, inputs of
            several lengths have an output as long as `y`; this chooses among them, and is less than
            the stride or the dilation.
        output_shape: the result's spatial lengths, instead of `output_padding`.
        dilation: steps between two kernel taps in the result.
        groups: as for `conv`.
        algorithm: as for `conv`.
        precision: as for `conv`.
        preferred_element_type: the result's dtype, if not the one below.

    Returns:
        (*batch, *spatial, in_channels) with, on each axis, ``(positions - 1) * stride + (window -
        1) * dilation + 1 - low - high + output_padding`` elements, or ``positions * stride`` for
        ``"SAME"`` and ``"SAME_LOWER"``. Its dtype is that of `conv`.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes or options do not fit together.

    References:
        Dumoulin and Visin, *A guide to convolution arithmetic for deep learning*, 2016,
        arXiv:1603.07285, chapter 4. Zeiler et al., *Deconvolutional networks*, CVPR 2010.
    """
    y, kernel = checks.array("y", y), checks.array("kernel", kernel)
    rank = numbers.check_kernel(kernel)
    source = f"`kernel` of shape {kernel.shape}"
    positions = checks.spatial_axes(y, rank, source, name="y")
    groups = _check_groups(groups, y, kernel)
    if 0 in positions:
        raise ValueError(f"`y` must have a position on every spatial axis; got shape {y.shape}.")
    spatial, window = geometry.resolve_transposed(
        positions,
        kernel.shape[:rank],
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        output_shape=output_shape,
        dilation=dilation,
        source=f"`kernel` {kernel.shape}",
    )
    precision = checks.precision_name(precision)
    dtype = checks.common_dtype(y=y, kernel=kernel)
    result = numbers.result_dtype(dtype, preferred_element_type)
    channels = kernel.shape[-2] * groups
    batch = y.shape[: y.ndim - rank - 1]
    drops, exact = geometry.fit(window, spatial, positions)
    shape = (math.prod(batch), *exact.input_size(positions), channels)
    chosen = choose(
        algorithm, Problem("input_grad", shape, kernel.shape, exact, groups, dtype.name)
    )
    if chosen.crops and math.prod(shape):  # elements that no position sees are its zeros
        exact, drops = exact.on_uncropped(drops), ()
        shape = (shape[0], *spatial, channels)
    compute = numbers.compute_dtype(chosen, dtype, result)
    if jnp.issubdtype(dtype, jnp.integer):  # do not rely on the algorithm to widen these
        compute = result

    g = checks.with_one_batch_axis(y, rank).astype(compute)
    if g.size and kernel.size and 0 not in shape:
        x = convolve_transposed(chosen, g, kernel.astype(compute), exact, groups, precision)
    else:  # no images, no channels, or windows of nothing but padding: an empty sum
        x = jnp.zeros(shape, compute)
    x = uncropped(x, drops).reshape(*batch, *spatial, channels)
    return numbers.add_bias(x.astype(result), bias, kernel, "in_channels")


def _check_groups(groups: object, y: jax.Array, kernel: jax.Array) -> int:
    number = arguments.integer("groups", groups, at_least=1)
    shapes = f"`y` {y.shape} and `kernel` {kernel.shape}"
    if y.shape[-1] != kernel.shape[-1]:
        hint = channels_last_hint(y.shape, kernel.shape, lambda c, i, o: c == o, name="y")
        raise ValueError(
            "`kernel` must be (*window, in_channels // groups, out_channels), as `conv` takes it: "
            f"its last axis meets the {y.shape[-1]} channels of `y`; got {shapes}.{hint}"
        )
    numbers.check_divides(number, kernel, shapes)
    return number
