"""Padding: `pad`, and the padding modes of `conv`."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from cnn_jax import arguments
from cnn_jax.algorithms import crop, sum_dtype
from cnn_jax.arguments import if_traced
from cnn_jax.geometry import PADDING_MODES, PaddingMode, Pair

from . import _checks as checks

_NUMPY_NAMES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
_KINDS = (jnp.integer, jnp.floating, jnp.complexfloating)


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
        padding_mode: what stands in the padding: ``"zeros"``, ``"reflect"``, ``"replicate"`` or
            ``"circular"``.
        value: a number that stands there instead of 0 if `padding_mode` is ``"zeros"``.

    Returns:
        (*batch, *(spatial + low + high), channels), of the dtype of `x`.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes or options do not fit together, or a mode has nothing to copy.
    """
    x, pairs = checks.array("x", x), _checked_pairs(padding)
    spatial = checks.spatial_axes(x, len(pairs), f"`padding` {padding}")
    mode, fill = checked_mode(padding_mode), _checked_value(value, x)
    plain = isinstance(value, int | float) and value == 0
    if mode != "zeros" and not plain:
        raise ValueError(f"`value` must be 0 with `padding_mode` {padding_mode!r}; got {value!r}.")
    size = tuple(n + low + high for n, (low, high) in zip(spatial, pairs))
    if min(size, default=0) < 0:
        raise ValueError(
            f"`padding` must not crop more than there is: an input of {spatial} with {padding!r} "
            f"is {size}; got `x` {x.shape}."
        )
    images = checks.with_one_batch_axis(x, len(pairs))
    if mode == "zeros":
        pads, drops = _pads_and_drops(pairs)
        config = [(0, 0, 0), *((low, high, 0) for low, high in pads), (0, 0, 0)]
        y = lax.pad(images, np.zeros((), x.dtype)[()], config)
        if not plain:  # not by `lax.pad`, whose padding value alone has no gradient (jax 0.10.2)
            inside = np.pad(np.ones((1, *spatial, 1), bool), [(0, 0), *pads, (0, 0)])
            y = jnp.where(inside, y, fill)
        y = crop(y, drops)
    else:  # wide, so that the gradient, which adds up an element's copies, is summed wide
        y = extend(images.astype(sum_dtype(x.dtype)), pairs, mode).astype(x.dtype)
    return y.reshape(*x.shape[: x.ndim - len(pairs) - 1], *y.shape[1:])


def checked_mode(mode: object) -> str:
    """`mode` in lower case, if it is a padding mode in any case.

    Raises:
        ValueError: if it is none.
    """
    if not isinstance(mode, str) or mode.lower() not in PADDING_MODES:
        known = ", ".join(map(repr, PADDING_MODES))
        raise ValueError(f"`padding_mode` must be one of {known}; got {mode!r}.")
    return mode.lower()


def extend(x: jax.Array, padding: tuple[Pair, ...], mode: str) -> jax.Array:
    """Extend x (n, *spatial, c) by `padding`, with the elements that `mode` says.

    ``abcd`` extended by 2 on both sides is ``cb|abcd|cb`` by reflect, ``aa|abcd|dd`` by replicate
    and ``cd|abcd|ab`` by circular. Negative entries crop.

    Raises:
        ValueError: if an axis has nothing to take elements from.
    """
    pads, drops = _pads_and_drops(padding)
    needed = 2 if mode == "reflect" else 1  # reflect leaves the edge element out
    for n, pair in zip(x.shape[1:-1], pads):
        if any(pair) and n < needed:
            raise ValueError(
                f"`padding_mode` {mode!r} needs at least {needed} elements on every padded axis; "
                f"got `x` with spatial shape {x.shape[1:-1]} and padding {padding}."
            )
    return crop(jnp.pad(x, [(0, 0), *pads, (0, 0)], mode=_NUMPY_NAMES[mode]), drops)


def _pads_and_drops(padding: tuple[Pair, ...]) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    pads = tuple((max(low, 0), max(high, 0)) for low, high in padding)
    return pads, tuple((max(-low, 0), max(-high, 0)) for low, high in padding)


def _checked_pairs(padding: object) -> tuple[Pair, ...]:
    rule = (
        "`padding` must be a tuple with one int or (low, high) pair per spatial axis, such as "
        f"((1, 2), (0, 0)) for images; got {padding!r}.{if_traced('padding', padding)}"
    )
    if not isinstance(padding, tuple | list):
        raise TypeError(rule)
    pairs = []
    for entry in padding:
        ends = entry if isinstance(entry, tuple | list) else (entry, entry)
        low, high = map(arguments.as_int, ends) if len(ends) == 2 else (None, None)
        if low is None or high is None:
            raise TypeError(rule)
        pairs.append((low, high))
    return tuple(pairs)


def _checked_value(value: object, x: jax.Array) -> jax.Array:
    """`value` as an array without axes, of the dtype of `x`."""
    known = isinstance(value, int | float | complex | np.generic | np.ndarray | jax.Array)
    if not known or np.shape(value) or not jnp.issubdtype(jnp.result_type(value), jnp.number):
        raise TypeError(f"`value` must be a number; got {value!r}.")
    kinds = [
        next(i for i, kind in enumerate(_KINDS) if jnp.issubdtype(dtype, kind))
        for dtype in (jnp.result_type(value), x.dtype)
    ]
    if kinds[0] > kinds[1]:
        raise TypeError(f"`value` must fit the dtype of `x`, {x.dtype}; got {value!r}.")
    if jnp.issubdtype(x.dtype, jnp.integer) and (whole := arguments.as_int(value)) is not None:
        limits = jnp.iinfo(x.dtype)
        if not limits.min <= whole <= limits.max:
            raise ValueError(
                f"`value` must be from {limits.min} to {limits.max}, what `x` of {x.dtype} can "
                f"hold; got {value!r}."
            )
    return jnp.asarray(value, x.dtype)
