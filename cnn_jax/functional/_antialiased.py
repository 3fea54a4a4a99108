"""Shrinking without aliasing: `blur_pool`, `polyphase_pool` and `polyphase_unpool`."""

import math
from collections.abc import Sequence
from functools import reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from cnn_jax import arguments
from cnn_jax.algorithms import sum_dtype
from cnn_jax.arguments import with_hints
from cnn_jax.geometry import PaddingMode

from . import _checks as checks
from ._convolution import conv
from ._rearrangement import depth_to_space, multiples, space_to_depth


@with_hints
def blur_pool(
    x: ArrayLike,
    window: Sequence[int],
    *,
    stride: int | Sequence[int] = 2,
    padding_mode: PaddingMode = "reflect",
    algorithm: str = "auto",
) -> jax.Array:
    """Blur each feature map with a binomial filter, then take every `stride`-th element.

    On each axis the filter of ``k`` taps is row ``k - 1`` of Pascal's triangle over its sum, such
    as ``[1, 2, 1] / 4``, and the padding ``(k - 1) // 2`` at the low end and ``k // 2`` at the high
    end. An anti-aliased max pooling is `max_pool` with stride 1, then this.

    ```
    >>> import jax.numpy as jnp
    >>> blur_pool(jnp.array([0.0, 4.0, 0.0, 4.0])[:, None], (3,)).ravel()
    Array([2., 2.], dtype=float32)

    ```

    Args:
        x: (*batch, *spatial, channels) of floats, any number of batch axes.
        window: one int from 2 to 7 per spatial axis; its length is the spatial rank.
        stride: input steps between two outputs; an int, or one per spatial axis.
        padding_mode: what stands in the padding, as for `conv`.
        algorithm: as for `conv`.

    Returns:
        (*batch, *ceil(spatial / stride), channels), of the dtype of `x`. bfloat16 and float16 are
        summed in float32 and rounded once.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes or options do not fit together.

    References:
        Zhang, *Making convolutional networks shift-invariant again*, 2019, arXiv:1904.11486.
    """
    x = checks.floats(x, "be blurred")
    size = arguments.lengths("window", window, example=3)
    source = f"`window` {size}"
    if not all(2 <= k <= 7 for k in size):
        raise ValueError(f"`window` must be from 2 to 7 on every axis; got {window!r}.")
    checks.spatial_axes(x, len(size), source)
    stride = arguments.per_axis("stride", stride, len(size), source)

    wide, channels = sum_dtype(x.dtype), x.shape[-1]
    groups = max(channels, 1)
    kernel = reduce(np.multiply.outer, map(_binomial, size), np.ones(()))[..., None, None]
    y = conv(
        x.astype(wide),
        np.broadcast_to(kernel, (*size, channels // groups, channels)).astype(wide),
        stride=stride,
        padding=[((k - 1) // 2, k // 2) for k in size],
        padding_mode=padding_mode,
        groups=groups,
        algorithm=algorithm,
        precision="highest",  # an average of float32 is one of float32, on a TPU too
    )
    return y.astype(x.dtype)


@with_hints
def polyphase_pool(
    x: ArrayLike, stride: Sequence[int], *, p: float = 2.0
) -> tuple[jax.Array, jax.Array]:
    """Keep every `stride`-th element, starting where what is kept is largest: adaptive sampling.

    Every ``s``-th element of an axis can be taken in ``s`` ways, its phases: they start at element
    0, 1, ... or ``s - 1``. For each image this keeps the phase with the largest ``l_p`` norm over
    all places and channels; of several equal ones the first. If an image is shifted circularly, the
    result is shifted too, and otherwise the same. No gradient flows through the choice.

    ```
    >>> import jax.numpy as jnp
    >>> y, phase = polyphase_pool(jnp.array([1.0, 5.0, 2.0, 6.0])[:, None], (2,))
    >>> y.ravel(), phase
    (Array([5., 6.], dtype=float32), Array(1, dtype=int32))

    ```

    Args:
        x: (*batch, *spatial, channels) of numbers, any number of batch axes.
        stride: one int per spatial axis; its length is the spatial rank.
        p: the norm's order, a number of at least 1; with ``math.inf`` the phase with the largest
            absolute value is kept.

    Returns:
        The elements that are kept, (*batch, *(spatial // stride), channels), of the dtype of `x`;
        and the number of their phase, (*batch), int32, with the starts in row-major order.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if `stride` does not divide the spatial axes, or `p` is below 1.

    References:
        Chaman and Dokmanić, *Truly shift-invariant convolutional neural networks*, 2021,
        arXiv:2011.14214.
    """
    x, block = checks.array("x", x), arguments.lengths("stride", stride)
    p = checks.norm_order(p)
    spatial = checks.spatial_axes(x, len(block), f"`stride` {block}")
    size = multiples("stride", block, x, spatial)
    batch, channels = x.shape[: x.ndim - len(block) - 1], x.shape[-1]
    phases = space_to_depth(x, block).reshape(*batch, *size, math.prod(block), channels)

    floats = sum_dtype(x.dtype) if jnp.issubdtype(x.dtype, jnp.inexact) else jnp.float32
    magnitude = jnp.abs(lax.stop_gradient(phases).astype(floats))
    within = (*range(len(batch), len(batch) + len(size)), -1)
    largest = math.isinf(p)
    norms = magnitude.max(within, initial=0) if largest else (magnitude**p).sum(within)
    phase = jnp.argmax(norms, axis=-1).astype(jnp.int32)
    index = jnp.expand_dims(phase, tuple(range(len(batch), phases.ndim)))
    return jnp.take_along_axis(phases, index, axis=-2).squeeze(-2), phase


@with_hints
def polyphase_unpool(y: ArrayLike, phase: ArrayLike, stride: Sequence[int]) -> jax.Array:
    """Put the elements that `polyphase_pool` kept back in their places, and zeros elsewhere.

    ```
    >>> import jax.numpy as jnp
    >>> polyphase_unpool(jnp.array([5.0, 6.0])[:, None], jnp.array(1), (2,)).ravel()
    Array([0., 5., 0., 6.], dtype=float32)

    ```

    Args:
        y: (*batch, *positions, channels) of numbers, any number of batch axes.
        phase: (*batch) of integers from 0 to ``prod(stride) - 1``; with any other the result is
            all zeros.
        stride: one int per spatial axis; its length is the spatial rank.

    Returns:
        (*batch, *(positions * stride), channels), of the dtype of `y`.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes do not fit together.

    References:
        Chaman and Dokmanić, *Truly shift-equivariant convolutional neural networks with adaptive
        polyphase upsampling*, 2021, arXiv:2105.04040.
    """
    y, phase = checks.array("y", y), checks.array("phase", phase)
    block = arguments.lengths("stride", stride)
    if not jnp.issubdtype(phase.dtype, jnp.integer):
        raise TypeError(f"`phase` must hold integers; got {phase.dtype}.")
    rank, first, number = len(block), y.ndim - len(block) - 1, math.prod(block)
    if first < 0:
        raise ValueError(
            f"`y` must be (*batch, *positions, channels) with {rank} spatial axes, as `stride` "
            f"{block} says: at least {rank + 1} axes; got shape {y.shape}."
        )
    if phase.shape != y.shape[:first]:
        raise ValueError(
            f"`phase` must be (*batch), here {y.shape[:first]} for `y` {y.shape} and `stride` "
            f"{block}; got shape {phase.shape}."
        )
    kept = jnp.expand_dims(phase.astype(jnp.int32), tuple(range(first, y.ndim + 1)))
    here = lax.broadcasted_iota(jnp.int32, (*(1,) * (y.ndim - 1), number, 1), y.ndim - 1)
    phases = jnp.where(kept == here, jnp.expand_dims(y, -2), jnp.zeros((), y.dtype))
    return depth_to_space(phases.reshape(*y.shape[:-1], number * y.shape[-1]), block)


def _binomial(taps: int) -> np.ndarray:
    """Row ``taps - 1`` of Pascal's triangle, over its sum: exact in float32."""
    return np.array([math.comb(taps - 1, i) for i in range(taps)]) / 2 ** (taps - 1)
