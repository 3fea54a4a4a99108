"""Convolution without shared weights: `conv_local`."""

from collections.abc import Sequence
from contextlib import nullcontext

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from cnn_jax import geometry
from cnn_jax.algorithms import Problem, choose, crop, sum_dtype
from cnn_jax.arguments import with_hints
from cnn_jax.geometry import PaddingLike

from . import _checks as checks
from . import _numbers as numbers


@with_hints
def conv_local(
    x: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: PaddingLike = "VALID",
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    algorithm: str = "auto",
    precision: object = None,
) -> jax.Array:
    """Convolve `x` with a kernel of its own at each position, and add `bias`.

    A convolution that does not share its weights: where `conv` has one ``kernel[t, c, o]`` for all
    output positions, here each position ``p`` has its own. Summed over the taps ``t`` and the input
    channels ``c``::

        y[p, o] = sum over t, c of x[p * stride + t * dilation - low, c] * kernel[p, t, c, o]
                  + bias[p, o]

    where ``low`` is the padding at the low end, and elements outside of ``x`` are zero. It has as
    many kernels as there are positions, and a kernel array fits one input size only.

    ```
    >>> import jax.numpy as jnp
    >>> x = jnp.array([1.0, 2.0, 4.0])[:, None]  # 3 places, 1 channel
    >>> kernel = jnp.array([[1.0, 1.0], [-1.0, 1.0]])  # at 2 positions 2 taps: sum, difference
    >>> conv_local(x, kernel.reshape(2, 2, 1, 1)).ravel()
    Array([3., 2.], dtype=float32)

    ```

    Args:
        x: (*batch, *spatial, in_channels), any number of batch axes.
        kernel: (*positions, *window, in_channels // groups, out_channels), with as many axes of
            positions as of the window: that number is the spatial rank.
        bias: (*positions, out_channels); (out_channels,), the same at every position; or None.
        stride: input steps between two outputs; an int, or one per spatial axis.
        padding: as for `conv`; negative entries crop.
        dilation: input steps between two kernel taps (1: no gaps).
        groups: splits the channels into groups that are convolved on their own.
        algorithm: how it is computed: ``"auto"``, or a name, such as ``"vmap"``, of one that can:
            ``python -m cnn_jax.algorithms`` lists them.
        precision: of the products on accelerators, as for `conv`.

    Returns:
        (*batch, *positions, out_channels) with
        ``positions = (padded - ((window - 1) * dilation + 1)) // stride + 1`` on each axis, of the
        same dtype as `conv` gives.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes or options do not fit together.

    References:
        LeCun, *Generalization and network design strategies*, 1989. Taigman et al., *DeepFace:
        closing the gap to human-level performance in face verification*, CVPR 2014.
    """
    x, kernel = checks.array("x", x), checks.array("kernel", kernel)
    layout = "(*positions, *window, in_channels // groups, out_channels)"
    if kernel.ndim < 2 or kernel.ndim % 2:
        raise ValueError(
            f"`kernel` must be {layout}, an even number of axes, at least 2; got shape "
            f"{kernel.shape}."
        )
    rank = (kernel.ndim - 2) // 2
    size = kernel.shape[rank:-2]
    if 0 in size:
        raise ValueError(f"`kernel` must have a tap on every axis; got shape {kernel.shape}.")
    source = f"`kernel` {kernel.shape}"
    spatial = checks.spatial_axes(x, rank, f"`kernel` of shape {kernel.shape}")
    groups = numbers.check_groups(groups, x, kernel)
    window = geometry.resolve(
        spatial, size, stride=stride, padding=padding, dilation=dilation, source=source
    )
    positions = window.output_size(spatial)
    if kernel.shape[:rank] != positions:
        raise ValueError(
            f"`kernel` must be {layout}, with one kernel for each of the positions {positions} "
            f"that its window {size} has in `x` {x.shape}; got shape {kernel.shape}."
        )
    name = checks.precision_name(precision)

    dtype = checks.common_dtype(x=x, kernel=kernel)
    result = numbers.result_dtype(dtype)

    batch = x.shape[: x.ndim - rank - 1]
    drops, exact = geometry.fit(window, spatial)
    x = crop(checks.with_one_batch_axis(x, rank).astype(sum_dtype(dtype)), drops)
    kernel = kernel.astype(x.dtype)
    problem = Problem("local", x.shape, kernel.shape[rank:], exact, groups, x.dtype.name)
    with jax.default_matmul_precision(name) if name else nullcontext():
        y = choose(algorithm, problem).side("local")(x, kernel, exact, groups)
    y = y.reshape(*batch, *positions, kernel.shape[-1]).astype(result)
    return y if bias is None else y + _spread(numbers.checked_bias(bias, result), y, positions)


def _spread(bias: jax.Array, y: jax.Array, positions: tuple[int, ...]) -> jax.Array:
    own, shared = (*positions, y.shape[-1]), y.shape[-1:]
    if bias.shape not in (own, shared):
        raise ValueError(
            f"`bias` must be (*positions, out_channels), here {own}, or (out_channels,), here "
            f"{shared}; got shape {bias.shape}."
        )
    return jnp.expand_dims(bias, tuple(range(y.ndim - bias.ndim)))
