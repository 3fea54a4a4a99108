"""Convolution: `conv`."""

import math
from collections.abc import Sequence
from dataclasses import replace

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike

from cnn_jax import geometry
from cnn_jax.algorithms import Problem, choose, convolve, crop, cropped
from cnn_jax.arguments import with_hints
from cnn_jax.geometry import PaddingLike, PaddingMode

from . import _checks as checks
from . import _numbers as numbers
from ._padding import extend


@with_hints
def conv(
    x: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: PaddingLike = "VALID",
    padding_mode: PaddingMode = "zeros",
    dilation: int | Sequence[int] = 1,
    input_dilation: int | Sequence[int] = 1,
    groups: int = 1,
    algorithm: str = "auto",
    precision: object = None,
    preferred_element_type: DTypeLike | None = None,
) -> jax.Array:
    """Convolve `x` with `kernel` over any number of spatial axes, and add `bias`.

    For output position ``p`` and output channel ``o``, summed over the kernel's taps ``t`` and its
    input channels ``c``::

        y[p, o] = sum over t, c of x[p * stride + t * dilation - low, c] * kernel[t, c, o] + bias[o]

    where ``low`` is the padding at the low end, and elements outside of ``x`` are zero. As
    everywhere in deep learning this is a cross-correlation: the kernel is not flipped.

    ```
    >>> import jax.numpy as jnp
    >>> x = jnp.array([1.0, 2.0, 4.0, 8.0])[:, None]  # 4 places, 1 channel
    >>> difference = jnp.array([-1.0, 1.0]).reshape(2, 1, 1)  # 2 taps, 1 channel in, 1 out
    >>> conv(x, difference).ravel()
    Array([1., 2., 4.], dtype=float32)

    ```

    Args:
        x: (*batch, *spatial, in_channels), any number of batch axes.
        kernel: (*window, in_channels // groups, out_channels); its number of window axes is the
            spatial rank.
        bias: (out_channels,) or None.
        stride: input steps between two outputs; an int, or one per spatial axis.
        padding: ``"VALID"``, ``"SAME"``, ``"SAME_LOWER"``, ``"FULL"``, ``"CAUSAL"`` (see
            `geometry.resolve`), an int, one int per spatial axis, or one ``(low, high)`` pair per
            spatial axis. Negative entries crop.
        padding_mode: the values in the padding. With 2 on both sides ``abcd`` becomes
            ``00|abcd|00`` (zeros), ``cb|abcd|cb`` (reflect), ``aa|abcd|dd`` (replicate) or
            ``cd|abcd|ab`` (circular).
        dilation: input steps between two kernel taps (1: no gaps).
        input_dilation: ``input_dilation - 1`` zeros are put between each two elements of the input.
        groups: the channels are split into so many groups, each convolved on its own;
            ``groups=in_channels`` is a depthwise convolution.
        algorithm: how it is computed: ``"auto"``, by what was measured to be fast, or a name, such
            as ``"xla"`` or ``"vmap"``: ``python -m cnn_jax.algorithms`` lists them. If that one
            does not compute this convolution, an error says why.
        precision: of the products on accelerators: None (JAX's default), a `jax.lax.Precision` or
            its name. On a TPU the default multiplies in bfloat16.
        preferred_element_type: the result's dtype, if not the one below.

    Returns:
        (*batch, *positions, out_channels) with
        ``positions = (padded - ((window - 1) * dilation + 1)) // stride + 1`` on each axis. Its
        dtype is the operands' (promoted to a common one), or int32 for narrower integers. bfloat16
        and float16 are summed in float32 and rounded once. An inf or NaN in `x` spoils the outputs
        whose windows hold it. With ``"winograd"``, which ``"auto"`` takes on CPUs for some 3x3 and
        5x5 kernels from 64 channels on, it also spoils the rest of its tile (4x4 outputs for 3x3;
        nothing more for 5x5); with ``"fft"`` and ``"toeplitz"``, all of its image and group. On
        CPUs ``"im2col"``, ``"shifted"`` and ``"xla"`` keep it to the windows.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes or options do not fit together.

    References:
        Dumoulin and Visin, *A guide to convolution arithmetic for deep learning*, 2016,
        arXiv:1603.07285. Zhang et al., *Dive into Deep Learning*, chapter 7.
    """
    x, kernel = checks.array("x", x), checks.array("kernel", kernel)
    rank = numbers.check_kernel(kernel)
    spatial = checks.spatial_axes(x, rank, f"`kernel` of shape {kernel.shape}")
    groups = numbers.check_groups(groups, x, kernel)
    window = geometry.resolve(
        spatial,
        kernel.shape[:rank],
        stride=stride,
        padding=padding,
        dilation=dilation,
        base_dilation=input_dilation,
        base_dilation_name="input_dilation",
        source=f"`kernel` {kernel.shape}",
    )
    mode = geometry.padding_mode(padding_mode)
    if mode != "zeros" and max(window.base_dilation, default=1) > 1:
        raise ValueError(
            f"`input_dilation` must be 1 with `padding_mode` {padding_mode!r}; "
            f"got {input_dilation!r}."
        )
    precision = checks.precision_name(precision)
    dtype = checks.common_dtype(x=x, kernel=kernel)
    result = numbers.result_dtype(dtype, preferred_element_type)

    batch = x.shape[: x.ndim - rank - 1]
    x = checks.with_one_batch_axis(x, rank)
    if mode != "zeros":
        x = extend(x, window.padding, mode)
        window = replace(window, padding=((0, 0),) * rank)
    shape = (*batch, *window.output_size(x.shape[1:-1]), kernel.shape[-1])
    drops, window = geometry.fit(window, x.shape[1:-1])
    seen = cropped(x.shape, drops)
    problem = Problem("output", seen, kernel.shape, window, groups, dtype.name)
    chosen = choose(algorithm, problem)
    if chosen.crops and math.prod(seen):
        window = window.on_uncropped(drops)
    else:
        x = crop(x, drops)
    compute = numbers.compute_dtype(chosen, dtype, result)
    if x.size and kernel.size:
        operands = x.astype(compute), kernel.astype(compute)
        y = convolve(chosen, *operands, window, groups, precision).reshape(shape)
    else:  # no images, no channels, or windows of nothing but padding: an empty sum
        y = jnp.zeros(shape, compute)
    return numbers.add_bias(y.astype(result), bias, kernel)
