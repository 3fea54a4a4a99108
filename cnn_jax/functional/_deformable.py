"""Convolution with a learned offset for each tap: `deform_conv`."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from cnn_jax import arguments, geometry
from cnn_jax.algorithms import crop, starts, sum_dtype
from cnn_jax.arguments import with_hints
from cnn_jax.geometry import PaddingLike, Window

from . import _checks as checks
from . import _numbers as numbers
from ._sampling import at_points


@with_hints
def deform_conv(
    x: ArrayLike,
    kernel: ArrayLike,
    offsets: ArrayLike,
    mask: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: PaddingLike = "VALID",
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    offset_groups: int = 1,
    precision: object = None,
) -> jax.Array:
    """Convolve `x` with `kernel`, each tap moved by an offset of its own at each position.

    In `conv`, tap ``t`` at position ``p`` multiplies the element at ``p * stride + t * dilation -
    low``. Here an offset, which need not be a whole number, is added to that place::

        y[p, o] = sum over t, c of mask[p, t] * sample[p, t, c] * kernel[t, c, o] + bias[o]
        sample[p, t, c] = x at p * stride + t * dilation - low + offsets[p, t]

    Between elements ``x`` is interpolated linearly along each axis (bilinearly in images); elements
    outside of it are zero. Without offsets and mask this is `conv`.

    ```
    >>> import jax.numpy as jnp
    >>> x = jnp.array([1.0, 2.0, 4.0, 8.0])[:, None]  # 4 places, 1 channel
    >>> kernel = jnp.ones((1, 1, 1))  # 1 tap of weight 1: the output is the sample
    >>> offsets = jnp.array([0.0, 0.5, -0.25, 1.0]).reshape(4, 1, 1, 1)
    >>> deform_conv(x, kernel, offsets).ravel()
    Array([1. , 3. , 3.5, 0. ], dtype=float32)

    ```

    Args:
        x: (*batch, *spatial, in_channels), any number of batch axes.
        kernel: (*window, in_channels // groups, out_channels); its number of window axes, at least
            one, is the spatial rank.
        offsets: (*batch, *positions, offset_groups, taps, rank), in elements of `x`: taps
            row-major, the last axis in the order of the spatial axes, such as (y, x).
        mask: (*batch, *positions, offset_groups, taps), a factor for each sample, or None.
        bias: (out_channels,) or None.
        stride: input steps between two outputs; an int, or one per spatial axis.
        padding: as for `conv`: it determines where the windows start. Negative entries crop.
        dilation: input steps between two kernel taps before they move (1: no gaps).
        groups: splits the channels into groups that are convolved on their own.
        offset_groups: splits the input channels into groups that move on their own.
        precision: of the products with the kernel on accelerators, as for `conv`.

    Returns:
        (*batch, *positions, out_channels) with positions as for `conv`, of the common dtype of `x`
        and `kernel`. Points, samples and sums are float32 for narrower floats.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes or options do not fit together.

    References:
        Dai et al., *Deformable convolutional networks*, 2017, arXiv:1703.06211. Zhu et al.,
        *Deformable ConvNets v2*, 2018, arXiv:1811.11168, for the mask.
    """
    x, kernel, offsets = _floats("x", x), _floats("kernel", kernel), _floats("offsets", offsets)
    rank = numbers.check_kernel(kernel)
    if rank == 0:
        raise ValueError(
            "`kernel` must be (*window, in_channels // groups, out_channels) with at least 1 "
            f"spatial axis to move along; got shape {kernel.shape}."
        )
    spatial = checks.spatial_axes(x, rank, f"`kernel` of shape {kernel.shape}")
    groups = numbers.check_groups(groups, x, kernel)
    offset_groups = arguments.integer("offset_groups", offset_groups, at_least=1)
    if x.shape[-1] % offset_groups:
        raise ValueError(
            f"`offset_groups` must divide the number of input channels, {x.shape[-1]}; got "
            f"{offset_groups} for `x` {x.shape}."
        )
    window = geometry.resolve(
        spatial,
        kernel.shape[:rank],
        stride=stride,
        padding=padding,
        dilation=dilation,
        source=f"`kernel` {kernel.shape}",
    )
    batch, positions = x.shape[: x.ndim - rank - 1], window.output_size(spatial)
    moving = (*batch, *positions, offset_groups, math.prod(window.size))
    _check_shape("offsets", offsets, "offset_groups, taps, rank", (*moving, rank), x)
    if mask is not None:
        mask = _floats("mask", mask)
        _check_shape("mask", mask, "offset_groups, taps", moving, x)
    precision = checks.precision_name(precision)

    dtype = checks.common_dtype(x=x, kernel=kernel)
    compute = sum_dtype(dtype)
    x, low = _cropped(checks.with_one_batch_axis(x, rank).astype(compute), window)
    per_point = (len(x), math.prod(positions), *moving[-2:])
    in_points = np.promote_types(sum_dtype(offsets.dtype), compute)
    offsets = offsets.reshape(*per_point, rank).astype(in_points)
    samples = _samples(x, offsets + _at_rest(window, positions, low).astype(in_points))
    if mask is not None:
        samples = samples * mask.reshape(*per_point, 1).swapaxes(2, 3).astype(compute)
    y = _contract(samples, kernel.astype(compute), groups, precision)
    y = y.reshape(*batch, *positions, kernel.shape[-1]).astype(dtype)
    return numbers.add_bias(y, bias, kernel)


def _at_rest(window: Window, positions: tuple[int, ...], low: tuple[int, ...]) -> np.ndarray:
    """The places of the taps without offsets: (1, number of positions, 1, taps, rank)."""
    grid = np.indices(window.size).reshape(window.rank, math.prod(window.size)).T
    points = (starts(window, positions) - low)[:, None] + grid * np.asarray(window.dilation)
    return points[None, :, None]


def _samples(x: jax.Array, points: jax.Array) -> jax.Array:
    """x (n, *spatial, c) at points (n, positions, offset_groups, taps, rank).

    Returns:
        (n, positions, taps, offset_groups, c // offset_groups).
    """
    n, positions, groups, taps, rank = points.shape
    channels = x.shape[-1] // groups
    maps = jnp.moveaxis(x.reshape(*x.shape[:-1], groups, channels), -2, 1)
    places = jnp.moveaxis(points, 2, 1).reshape(n, groups, positions * taps, rank)
    read = jax.vmap(jax.vmap(at_points))(maps, places)
    return jnp.moveaxis(read.reshape(n, groups, positions, taps, channels), 1, 3)


def _contract(
    samples: jax.Array, kernel: jax.Array, groups: int, precision: str | None
) -> jax.Array:
    """y[n, p, o] = sum over taps t and channels c of samples[n, p, t, c] * kernel[t, c, o]."""
    n, positions, taps = samples.shape[:3]
    per_group, filters = kernel.shape[-2], kernel.shape[-1] // groups
    samples = samples.reshape(n * positions, taps, groups, per_group)
    kernel = kernel.reshape(taps, per_group, groups, filters)
    # Groups first: as one einsum over taps and channels XLA on CPU takes 9 times as long.
    left = jnp.moveaxis(samples, 2, 0).reshape(groups, n * positions, taps * per_group)
    right = jnp.moveaxis(kernel, 2, 0).reshape(groups, taps * per_group, filters)
    y = jnp.matmul(left, right, precision=precision)
    return jnp.moveaxis(y, 0, 1).reshape(n, positions, groups * filters)


def _cropped(x: jax.Array, window: Window) -> tuple[jax.Array, tuple[int, ...]]:
    """Crop x (n, *spatial, c) where the padding is negative.

    Returns:
        The cropped `x`, and the padding that remains at the low end of each axis.
    """
    drops = []
    for length, (low, high) in zip(x.shape[1:-1], window.padding):
        drop = min(max(-low, 0), length)
        drops.append((drop, min(max(-high, 0), length - drop)))
    return crop(x, tuple(drops)), tuple(max(low, 0) for low, _ in window.padding)


def _floats(name: str, value: object) -> jax.Array:
    array = checks.array(name, value)
    if not jnp.issubdtype(array.dtype, jnp.floating):
        raise TypeError(
            f"`{name}` must hold floats, between which one can interpolate; got {array.dtype} of "
            f"shape {array.shape}: convert it first."
        )
    return array


def _check_shape(
    name: str, array: jax.Array, layout: str, expected: tuple[int, ...], x: jax.Array
) -> None:
    if array.shape != expected:
        raise ValueError(
            f"`{name}` must be (*batch, *positions, {layout}), here {expected} for `x` {x.shape}; "
            f"got shape {array.shape}."
        )
