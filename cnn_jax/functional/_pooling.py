"""Pooling: one number for each window of each feature map."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from cnn_jax import geometry
from cnn_jax.algorithms import sum_dtype
from cnn_jax.arguments import flag, with_hints
from cnn_jax.geometry import PaddingLike

from . import _checks as checks
from ._sliding import pool_window, slide


@with_hints
def max_pool(
    x: ArrayLike,
    window: Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: PaddingLike = "VALID",
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    algorithm: str = "auto",
) -> jax.Array:
    """Take the largest element of each window of each feature map.

    ``y[p, c] = max over taps t of x[p * stride + t * dilation - low, c]``. Padding is never the
    maximum; a window of nothing but padding gives the lowest value of the dtype (-inf for floats).
    The gradient goes to the first maximum of a window, in row-major order, as in PyTorch.

    ```
    >>> import jax.numpy as jnp
    >>> max_pool(jnp.array([1.0, 3.0, 2.0, 0.0])[:, None], (2,)).ravel()
    Array([3., 2.], dtype=float32)

    ```

    Args:
        x: (*batch, *spatial, channels), any number of batch axes.
        window: one int per spatial axis; its length is the spatial rank.
        stride: input steps between two windows; None means the window itself (no overlap).
        padding: as for `conv`; negative entries crop.
        dilation: input steps between two taps.
        ceil_mode: round the number of positions up instead of down, as PyTorch does: one more
            window is taken if it starts in the input or in the padding at its low end, though it
            ends beyond the padding at the high end. What lies beyond counts as padding.
        algorithm: how it is computed: ``"auto"``, by what was measured to be fast, or a name, such
            as ``"xla"`` or ``"vmap"``: ``python -m cnn_jax.algorithms`` lists them.

    Returns:
        (*batch, *positions, channels), of the dtype of `x`, with
        ``positions = (padded - ((window - 1) * dilation + 1)) // stride + 1`` on each axis, rounded
        up instead of down with `ceil_mode`.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes or options do not fit together.

    References:
        Zhang et al., *Dive into Deep Learning*, section 7.5.
    """
    x = checks.ordered("x", x)
    resolved = pool_window(x, window, stride, padding, dilation, ceil_mode)
    return slide(algorithm, "max_pool", x, resolved)


@with_hints
def min_pool(
    x: ArrayLike,
    window: Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: PaddingLike = "VALID",
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    algorithm: str = "auto",
) -> jax.Array:
    """Take the smallest element of each window of each feature map.

    As `max_pool` with the smallest element; a window of nothing but padding gives the highest value
    of the dtype (inf for floats).

    ```
    >>> import jax.numpy as jnp
    >>> min_pool(jnp.array([1.0, 3.0, 2.0, 0.0])[:, None], (2,)).ravel()
    Array([1., 0.], dtype=float32)

    ```

    Args, Returns, Raises: as for `max_pool`.
    """
    x = checks.ordered("x", x)
    resolved = pool_window(x, window, stride, padding, dilation, ceil_mode)
    return slide(algorithm, "min_pool", x, resolved)


@with_hints
def sum_pool(
    x: ArrayLike,
    window: Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: PaddingLike = "VALID",
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    algorithm: str = "auto",
) -> jax.Array:
    """Sum each window of each feature map; padding counts as zero.

    ```
    >>> import jax.numpy as jnp
    >>> sum_pool(jnp.array([1.0, 3.0, 2.0, 0.0])[:, None], (2,)).ravel()
    Array([4., 2.], dtype=float32)

    ```

    Args, Raises: as for `max_pool`.

    Returns:
        (*batch, *positions, channels), of the dtype of `x`, or int32 for narrower integers.
        bfloat16 and float16 are summed in float32 and rounded once.
    """
    x = checks.array("x", x)
    resolved = pool_window(x, window, stride, padding, dilation, ceil_mode)
    sums = slide(algorithm, "sum_pool", widened(x), resolved)
    return sums if jnp.issubdtype(x.dtype, jnp.integer) else sums.astype(x.dtype)


@with_hints
def avg_pool(
    x: ArrayLike,
    window: Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: PaddingLike = "VALID",
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    algorithm: str = "auto",
) -> jax.Array:
    """Average each window of each feature map.

    ```
    >>> import jax.numpy as jnp
    >>> x = jnp.array([1.0, 3.0, 2.0, 0.0])[:, None]
    >>> avg_pool(x, (2,)).ravel()
    Array([2., 1.], dtype=float32)
    >>> avg_pool(x, (2,), padding=1, count_include_pad=False).ravel()
    Array([1. , 2.5, 0. ], dtype=float32)

    ```

    Args:
        x: (*batch, *spatial, channels) of floats, any number of batch axes.
        window: one int per spatial axis; its length is the spatial rank.
        stride: input steps between two windows; None means the window itself (no overlap).
        padding: as for `conv`; negative entries crop.
        dilation: input steps between two taps.
        ceil_mode: as for `max_pool`.
        count_include_pad: divide by the number of taps in input and padding (True, as in Flax and
            PyTorch), or by the number of taps that lie in the input. Taps beyond the padding, where
            `ceil_mode` has them, do not count. A window of nothing but padding averages to 0.
        algorithm: as for `max_pool`.

    Returns:
        (*batch, *positions, channels), of the dtype of `x`. bfloat16 and float16 are averaged in
        float32 and rounded once.

    Raises:
        TypeError: if an argument has the wrong type; integers have no average of their own type.
        ValueError: if shapes or options do not fit together.
    """
    x = checks.floats(x, "be averaged")
    resolved = pool_window(x, window, stride, padding, dilation, ceil_mode)
    include_pad = flag("count_include_pad", count_include_pad)
    if include_pad and not ceil_mode:
        taps = math.prod(resolved.size)
        return slide(algorithm, "sum_pool", widened(x), resolved, taps).astype(x.dtype)
    sums = slide(algorithm, "sum_pool", widened(x), resolved)
    spatial = x.shape[x.ndim - resolved.rank - 1 : -1]
    margins = None
    if include_pad:
        margins = geometry.padding_pairs(
            padding, spatial, resolved.extent, resolved.stride, f"`window` {resolved.size}"
        )
    return divided(sums, resolved.taps_inside(spatial, margins)).astype(x.dtype)


@with_hints
def lp_pool(
    x: ArrayLike,
    window: Sequence[int],
    *,
    p: float = 2.0,
    stride: int | Sequence[int] | None = None,
    padding: PaddingLike = "VALID",
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    algorithm: str = "auto",
) -> jax.Array:
    """Take the l_p norm of each window of each feature map: ``(sum |x|^p)^(1/p)``.

    Between the sum of absolute values (p = 1) and their maximum (p = inf). ``|x|^p`` is computed in
    float32 or wider and must not overflow. The gradient at an element that is 0 is 0.

    ```
    >>> import jax.numpy as jnp
    >>> lp_pool(jnp.array([3.0, -4.0, 0.0, 2.0])[:, None], (2,)).ravel()
    Array([5., 2.], dtype=float32)

    ```

    Args:
        x: (*batch, *spatial, channels) of floats, any number of batch axes.
        window: one int per spatial axis; its length is the spatial rank.
        p: the norm's order, a number of at least 1; inf is allowed.
        stride, padding, dilation, ceil_mode, algorithm: as for `max_pool`; padding counts as zero.

    Returns:
        (*batch, *positions, channels), of the dtype of `x`.

    Raises:
        TypeError: if an argument has the wrong type; `x` must hold real floats.
        ValueError: if shapes or options do not fit together, or `p` is less than 1.

    References:
        Sermanet, Chintala and LeCun, *Convolutional neural networks applied to house numbers digit
        classification*, 2012, arXiv:1204.3968, section 2.2.
    """
    x = checks.ordered("x", checks.floats(x, "have a norm"))
    p = checks.norm_order(p)
    resolved = pool_window(x, window, stride, padding, dilation, ceil_mode)
    wide = widened(x)
    size = wide if p == 2 else wide * jnp.sign(wide)  # jnp.abs has the gradient 1 at 0
    if math.isinf(p):
        y = slide(algorithm, "max_pool", size, resolved)
        # -inf, of a window of nothing but padding, becomes 0. `jnp.maximum` would halve the
        # gradient of ties.
        return jnp.where(y < 0, jnp.zeros_like(y), y).astype(x.dtype)
    if p == 1:
        return slide(algorithm, "sum_pool", size, resolved).astype(x.dtype)
    sums = slide(algorithm, "sum_pool", jnp.square(size) if p == 2 else size**p, resolved)
    zero = sums == 0  # where the root has no derivative
    safe = jnp.where(zero, jnp.ones_like(sums), sums)
    root = jnp.sqrt(safe) if p == 2 else safe ** (1 / p)
    return jnp.where(zero, jnp.zeros_like(sums), root).astype(x.dtype)


def divided(sums: jax.Array, taps: Sequence[Sequence[int] | np.ndarray]) -> jax.Array:
    """Divide `sums` (*batch, *positions, channels) by the number of taps at each position.

    `taps` holds, for each spatial axis, the number of taps at each position. The divisor is their
    product over the axes, or 1 if that is 0.
    """
    rank = len(taps)
    counts = np.maximum(math.prod(np.ix_(*taps), start=np.ones((1,) * rank)), 1)
    counts = counts.reshape((1,) * (sums.ndim - rank - 1) + counts.shape + (1,))
    return sums / jnp.asarray(counts, sums.dtype)


def widened(x: jax.Array) -> jax.Array:
    """`x` in the dtype that its sums run in."""
    return x.astype(sum_dtype(x.dtype))
