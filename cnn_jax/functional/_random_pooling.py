"""Random pools: `fractional_max_pool` draws windows, `stochastic_pool` one element per window."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from cnn_jax import arguments
from cnn_jax.algorithms import choose
from cnn_jax.arguments import with_hints
from cnn_jax.geometry import PaddingLike, Window

from . import _checks as checks
from ._pooling import widened
from ._sliding import of_window, pool_window, slide, slide_by


@with_hints
def fractional_max_pool(
    key: jax.Array,
    x: ArrayLike,
    window: Sequence[int],
    *,
    output_size: Sequence[int],
    algorithm: str = "auto",
) -> jax.Array:
    """Take maxima of windows that start at random places, to shrink feature maps by any factor.

    With ``u`` uniform in [0, 1), drawn for each feature map and axis, and ``alpha = (n - window) /
    (output_size - 1)``, window ``i`` starts at ``floor((i + u) alpha) - floor(u alpha)``, and the
    last one ends at the end of the axis. For the same ``u`` the windows are PyTorch's.

    ```
    >>> import jax, jax.numpy as jnp
    >>> x = jnp.arange(10.0)[:, None]
    >>> fractional_max_pool(jax.random.key(0), x, (2,), output_size=(7,)).shape
    (7, 1)

    ```

    Args:
        key: a key of `jax.random`.
        x: (*batch, *spatial, channels), any number of batch axes.
        window: one int per spatial axis; its length is the spatial rank.
        output_size: positions on each axis, with ``output_size + window - 1 <= n``.
        algorithm: as for `max_pool`.

    Returns:
        (*batch, *output_size, channels), of the dtype of `x`.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes or options do not fit together.

    References:
        Graham, *Fractional max-pooling*, 2014, arXiv:1412.6071.
    """
    key = checks.random_key(key)
    x = checks.ordered("x", x)
    size = arguments.lengths("window", window)
    rank, source = len(size), f"`window` {size}"
    spatial = checks.spatial_axes(x, rank, source)
    wanted = arguments.lengths("output_size", output_size, example=7)
    wanted = arguments.per_axis("output_size", wanted, rank, source)
    if any(out + k - 1 > n for n, k, out in zip(spatial, size, wanted)):
        raise ValueError(
            "`output_size` + `window` - 1 must be at most the input's size on every axis; got "
            f"{wanted} and {size} for {spatial}."
        )
    batch, channels = x.shape[: x.ndim - rank - 1], x.shape[-1]
    u = jax.random.uniform(key, (*batch, channels, rank), jnp.float32).reshape(
        math.prod(batch), channels, rank
    )

    def windows(feature_map: jax.Array, u: jax.Array) -> jax.Array:
        """The windows of one feature map, one after the other."""
        for axis, (n, k, out) in enumerate(zip(spatial, size, wanted)):
            starts = _random_starts(u[axis], n, k, out)
            places = starts[:, None] + jnp.arange(k, dtype=jnp.int32)[None]
            feature_map = jnp.take(feature_map, places.ravel(), axis, mode="clip")
        return feature_map

    of_channels = jax.vmap(windows, in_axes=(-1, 0), out_axes=-1)
    even = jax.vmap(of_channels)(checks.with_one_batch_axis(x, rank), u)
    even = even.reshape(*batch, *even.shape[1:])
    return slide(algorithm, "max_pool", even, pool_window(even, size, None, "VALID", 1))


def _random_starts(u: jax.Array, n: int, window: int, windows: int) -> jax.Array:
    """Where `windows` windows start on an axis of `n` elements, for one u in [0, 1)."""
    last = jnp.full(1, n - window, jnp.int32)
    if windows == 1:
        return last
    alpha = np.float32(n - window) / np.float32(windows - 1)
    steps = jnp.floor((jnp.arange(windows - 1, dtype=u.dtype) + u) * alpha) - jnp.floor(u * alpha)
    return jnp.concatenate([steps.astype(jnp.int32), last])


@with_hints
def stochastic_pool(
    key: jax.Array | None,
    x: ArrayLike,
    window: Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: PaddingLike = "VALID",
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
) -> jax.Array:
    """Take one element of each window at random, in proportion to its size.

    Element ``x[i]`` has the probability ``relu(x[i]) / sum of relu(x)`` over its window; a window
    without a positive element gives 0. Without a key, as for testing, the expectation is returned::

        y = sum of relu(x)^2 / sum of relu(x)

    ```
    >>> import jax.numpy as jnp
    >>> stochastic_pool(None, jnp.array([1.0, 3.0, 0.0, -2.0])[:, None], (2,)).ravel()
    Array([2.5, 0. ], dtype=float32)

    ```

    Args:
        key: a key of `jax.random` to draw with, or None for the expectation.
        x: (*batch, *spatial, channels) of real floats, any number of batch axes.
        window, stride, padding, dilation, ceil_mode: as for `max_pool`.

    Returns:
        (*batch, *positions, channels), of the dtype of `x`. The gradient goes to the elements that
        were drawn; no gradient flows through their probabilities.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes or options do not fit together.

    References:
        Zeiler and Fergus, *Stochastic pooling for regularization of deep convolutional neural
        networks*, 2013, arXiv:1301.3557.
    """
    x = checks.ordered("x", checks.floats(x, "be drawn from"))
    resolved = pool_window(x, window, stride, padding, dilation, ceil_mode)
    positive = jax.nn.relu(widened(x))
    if key is None:
        sums = slide("auto", "sum_pool", positive, resolved)
        squares = slide("auto", "sum_pool", positive**2, resolved)
        zero = sums == 0
        y = jnp.where(zero, sums, squares / jnp.where(zero, jnp.ones_like(sums), sums))
        return y.astype(x.dtype)
    key = checks.random_key(key)

    def drawn(x: jax.Array, exact: Window) -> jax.Array:
        taps = choose("auto", of_window("patches", x, exact)).side("patches")(
            x, exact
        )  # (n, *positions, taps, channels)
        # As `jax.random.categorical`, drawn along one axis, which compiles nine times faster.
        gumbel = jax.random.gumbel(key, (taps.size,), taps.dtype).reshape(taps.shape)
        pick = jnp.argmax(jnp.log(taps) + gumbel, axis=-2)
        return jnp.take_along_axis(taps, jnp.expand_dims(pick, -2), axis=-2).squeeze(-2)

    return slide_by(drawn, positive, resolved).astype(x.dtype)
