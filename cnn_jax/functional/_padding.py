"""Padding: `pad`, and the padding modes of `conv`."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from cnn_jax import arguments, geometry
from cnn_jax.algorithms import crop, sum_dtype
from cnn_jax.arguments import shown, with_hints
from cnn_jax.geometry import PaddingMode, Pair

from . import _checks as checks

_NUMPY_NAMES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@with_hints
def pad(
    x: ArrayLike,
    padding: Sequence[int | Sequence[int]],
    *,
    padding_mode: PaddingMode = "zeros",
    value: complex | ArrayLike = 0,
) -> jax.Array:
    """Extend the spatial axes of `x` at both ends; negative entries crop.

    With 2 on both sides ``abcd`` becomes ``00|abcd|00`` (zeros, or `value` instead of ``0``),
    ``cb|abcd|cb`` (reflect), ``aa|abcd|dd`` (replicate) or ``cd|abcd|ab`` (circular).

    ```
    >>> import jax.numpy as jnp
    >>> x = jnp.array([1.0, 2.0, 4.0, 8.0])[:, None]
    >>> pad(x, ((1, 2),), padding_mode="reflect").ravel()
    Array([2., 1., 2., 4., 8., 4., 2.], dtype=float32)
    >>> pad(x, ((-1, 1),)).ravel()
    Array([2., 4., 8., 0.], dtype=float32)

    ```

    Args:
        x: (*batch, *spatial, channels), any number of batch axes.
        padding: one int, or one ``(low, high)`` pair, per spatial axis; its length is the spatial
            rank.
        padding_mode: the values in the padding: ``"zeros"``, ``"reflect"``, ``"replicate"`` or
            ``"circular"``.
        value: the number to pad with instead of 0, if `padding_mode` is ``"zeros"``.

    Returns:
        (*batch, *(spatial + low + high), channels), of the dtype of `x`.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes or options do not fit together, or a mode has nothing to copy.
    """
    x, pairs = checks.array("x", x), _checked_pairs(padding)
    spatial = checks.spatial_axes(x, len(pairs), f"`padding` {padding}")
    mode, fill = geometry.padding_mode(padding_mode), checks.scalar("value", value, x.dtype)
    plain = isinstance(value, int | float) and value == 0
    if mode != "zeros" and not plain:
        raise ValueError(f"`value` must be 0 with `padding_mode` {mode!r}; got {shown(value)}.")
    size = tuple(n + low + high for n, (low, high) in zip(spatial, pairs))
    if min(size, default=0) < 0:
        raise ValueError(
            f"`padding` must not crop more than there is: an input of {spatial} with {padding!r} "
            f"is {size}; got `x` {x.shape}."
        )
    images = checks.with_one_batch_axis(x, len(pairs))
    if mode == "zeros":
        pads, drops = _pads_and_drops(pairs, spatial)
        config = [(0, 0, 0), *((low, high, 0) for low, high in pads), (0, 0, 0)]
        y = lax.pad(images, np.zeros((), x.dtype)[()], config)
        if not plain:  # not by `lax.pad`: jax 0.10.2 has no gradient for its padding value alone
            inside = np.pad(np.ones((1, *spatial, 1), bool), [(0, 0), *pads, (0, 0)])
            y = jnp.where(inside, y, fill)
        y = crop(y, drops)
    else:  # in a wide dtype, so that the gradient, a sum over an element's copies, is wide too
        y = extend(images.astype(sum_dtype(x.dtype)), pairs, mode).astype(x.dtype)
    return y.reshape(*x.shape[: x.ndim - len(pairs) - 1], *y.shape[1:])


def extend(x: jax.Array, padding: tuple[Pair, ...], mode: str) -> jax.Array:
    """Extend x (n, *spatial, c) by `padding`, with elements chosen by `mode`.

    ``abcd`` extended by 2 on both sides is ``cb|abcd|cb`` by reflect, ``aa|abcd|dd`` by replicate
    and ``cd|abcd|ab`` by circular. Negative entries crop.

    Raises:
        ValueError: if an axis has nothing to take elements from.
    """
    pads, drops = _pads_and_drops(padding, x.shape[1:-1])
    needed = 2 if mode == "reflect" else 1  # reflect leaves the edge element out
    for n, pair in zip(x.shape[1:-1], pads):
        if any(pair) and n < needed:
            raise ValueError(
                f"`padding_mode` {mode!r} needs at least {needed} elements on every padded axis; "
                f"got `x` with spatial shape {x.shape[1:-1]} and padding {padding}."
            )
    return crop(jnp.pad(x, [(0, 0), *pads, (0, 0)], mode=_NUMPY_NAMES[mode]), drops)


def _pads_and_drops(
    padding: tuple[Pair, ...], spatial: tuple[int, ...]
) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """The elements to add at the ends of each axis, and those to crop after that."""
    pads = tuple((max(low, 0), max(high, 0)) for low, high in padding)
    lengths = tuple(n + sum(pair) for n, pair in zip(spatial, pads))
    geometry.check_size("padding", lengths, f"with {padding} an input of {spatial}")
    return pads, tuple((max(-low, 0), max(-high, 0)) for low, high in padding)


def _checked_pairs(padding: object) -> tuple[Pair, ...]:
    pairs = geometry.as_pairs(padding) if isinstance(padding, tuple | list) else None
    if pairs is None:
        entry = "one int or (low, high) pair"
        raise TypeError(arguments.not_a_tuple("padding", entry, padding, (1, 2)))
    geometry.check_padding(pairs)
    return pairs
