"""Feature maps at another resolution: `upsample`."""

import math
from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from cnn_jax import arguments, geometry
from cnn_jax.algorithms import sum_dtype
from cnn_jax.arguments import with_hints

from . import _checks as checks

Method = Literal["nearest", "linear", "cubic"]
Reads = tuple[np.ndarray, np.ndarray]  # the indices to read, and their weights: (terms, out) each


@with_hints
def upsample(
    x: ArrayLike,
    scale: Sequence[float],
    *,
    method: Method = "nearest",
    align_corners: bool = False,
) -> jax.Array:
    """Resample each feature map at `scale` times its resolution.

    Along each axis output element ``i`` lies at the place ``u`` of the input, and is a weighted sum
    of the elements near it; beyond an end the last element is repeated. A scale below 1 shrinks
    the axis, without a filter against aliasing::

        nearest                u = i / scale                 x[floor(u)]
        linear                 u = (i + 1/2) / scale - 1/2   2 elements, weights 1 - |u - j|
        cubic                  u as for linear               4 elements, Keys' weights with a = -3/4
        with align_corners     u = i * (n - 1) / (out - 1)   the ends stay the ends

    All as PyTorch's ``interpolate`` with a ``scale_factor``, which leaves a linear axis as it is if
    ``floor(n * scale)`` is ``n``.

    ```
    >>> import jax.numpy as jnp
    >>> x = jnp.array([0.0, 4.0])[:, None]
    >>> upsample(x, (2,)).ravel()
    Array([0., 0., 4., 4.], dtype=float32)
    >>> upsample(x, (2,), method="linear").ravel()
    Array([0., 1., 3., 4.], dtype=float32)

    ```

    Args:
        x: (*batch, *spatial, channels), any number of batch axes; of floats, but for ``"nearest"``.
        scale: one positive number per spatial axis; its length is the spatial rank.
        method: ``"nearest"``, ``"linear"`` (bilinear for images) or ``"cubic"``.
        align_corners: lay the centers of the first and of the last elements of input and output on
            each other, instead of the outer edges of these elements. Not for ``"nearest"``.

    Returns:
        (*batch, *floor(spatial * scale), channels), of the dtype of `x`. bfloat16 and float16 are
        summed in float32 and rounded once.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if `scale` leaves nothing of an axis, or options do not fit together.

    References:
        Keys, *Cubic convolution interpolation for digital image processing*, 1981.
    """
    x, scale = checks.array("x", x), _checked_scale(scale)
    spatial = checks.spatial_axes(x, len(scale), f"`scale` {scale}")
    arguments.one_of("method", method, _METHODS)
    if arguments.flag("align_corners", align_corners) and method == "nearest":
        raise ValueError(f"`align_corners` must be False with `method` {method!r}; got True.")
    if method != "nearest" and not jnp.issubdtype(x.dtype, jnp.inexact):
        raise TypeError(
            f"`x` must hold floats with `method` {method!r}; got {x.dtype}: convert it first."
        )
    size = tuple(math.floor(min(n * s, 2.0**53)) for n, s in zip(spatial, scale))
    geometry.check_size("scale", size, f"{scale} times {spatial}")
    if 0 in size:
        raise ValueError(
            f"`scale` must leave an element on every axis: {scale} times {spatial} is {size}; "
            f"got `x` {x.shape}."
        )
    y, first = x.astype(sum_dtype(x.dtype)), x.ndim - 1 - len(scale)
    for axis, (n, out, s) in enumerate(zip(spatial, size, scale), start=first):
        y = _resampled(y, axis, *_METHODS[method](n, out, s, align_corners))
    return y.astype(x.dtype)


def _resampled(y: jax.Array, axis: int, indices: np.ndarray, weights: np.ndarray) -> jax.Array:
    """sum over k of weights[k, i] * y[indices[k, i]], for each i of the new `axis`.

    A term of weight zero is left out: 0 times inf would be NaN.
    """
    n, other_axes = y.shape[axis], [i for i in range(y.ndim) if i != axis]

    def read(index: np.ndarray) -> jax.Array:
        times = len(index) // n
        if np.array_equal(index, np.arange(n).repeat(times)):
            # The gradient of `take` is a scatter: on a CPU 4 times as slow, for 2 x 2 "nearest".
            return jnp.repeat(y, times, axis)
        return jnp.take(y, index, axis, mode="clip", indices_are_sorted=True)

    def term(index: np.ndarray, weight: np.ndarray) -> jax.Array:
        if (weight == 1).all():
            return read(index)
        weight = np.expand_dims(weight, other_axes).astype(y.dtype)
        return jnp.where(weight == 0, jnp.zeros((), y.dtype), weight * read(index))

    first, *rest = map(term, indices, weights)
    return sum(rest, start=first)


def _nearest(n: int, out: int, scale: float, align_corners: bool) -> Reads:
    places = np.floor(np.arange(out) / scale).astype(np.int32)
    return np.minimum(places, n - 1)[None], np.ones((1, out))


def _linear(n: int, out: int, scale: float, align_corners: bool) -> Reads:
    if out == n:
        return np.arange(n, dtype=np.int32)[None], np.ones((1, n))
    places = np.clip(_places(n, out, scale, align_corners), 0, n - 1)
    before = np.floor(places).astype(np.int32)
    fraction = places - before
    return np.stack([before, np.minimum(before + 1, n - 1)]), np.stack([1 - fraction, fraction])


def _cubic(n: int, out: int, scale: float, align_corners: bool) -> Reads:
    places = _places(n, out, scale, align_corners)
    indices = np.floor(places).astype(np.int32) + np.arange(-1, 3, dtype=np.int32)[:, None]
    return np.clip(indices, 0, n - 1), _keys(np.abs(places - indices))


def _keys(distance: np.ndarray, a: float = -0.75) -> np.ndarray:
    """Keys' piecewise cubic kernel, zero at the distances 1 and 2; `a` is its slope at 1."""
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = a * (((distance - 5) * distance + 8) * distance - 4)
    return np.where(distance <= 1, near, far)


def _places(n: int, out: int, scale: float, align_corners: bool) -> np.ndarray:
    """The place of each of the `out` new elements on an axis of `n` elements."""
    if align_corners:
        return np.arange(out) * (n - 1) / max(out - 1, 1)
    return (np.arange(out) + 0.5) / scale - 0.5


def _checked_scale(scale: object) -> tuple[float, ...]:
    rule = arguments.not_a_tuple("scale", "one positive number", scale, 2)
    if not isinstance(scale, tuple | list):
        raise TypeError(rule)
    try:
        numbers = [arguments.number("scale", entry, above=0) for entry in scale]
    except (TypeError, ValueError) as error:
        raise type(error)(rule) from None
    whole = map(arguments.as_int, scale)  # an int times a length is exact
    return tuple(s if n is None else n for s, n in zip(numbers, whole))


_METHODS = {"nearest": _nearest, "linear": _linear, "cubic": _cubic}
