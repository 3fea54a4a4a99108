"""Feature maps at given points: `sample`."""

import math
from functools import partial, reduce
from itertools import product
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from cnn_jax import arguments, geometry
from cnn_jax.algorithms import sum_dtype
from cnn_jax.arguments import with_hints
from cnn_jax.geometry import PaddingMode

from . import _checks as checks

Method = Literal["nearest", "linear", "cubic"]
TAPS = {"nearest": (0,), "linear": (0, 1), "cubic": (-1, 0, 1, 2)}  # beside the element below
A = -0.75  # of Keys' weights, as PyTorch's
FAR = 2**20  # farther outside a point counts as that far, so that its index is an int32


@with_hints
def sample(
    x: ArrayLike,
    points: ArrayLike,
    *,
    method: Method = "linear",
    padding_mode: PaddingMode = "zeros",
    normalized: bool = False,
    align_corners: bool = False,
) -> jax.Array:
    """Interpolate each feature map at points between its elements.

    At the point ``u``, one number for each axis, it is a weighted sum of the elements ``j`` near
    it, with the product over the axes of these weights::

        nearest    1 for the element that u rounds to, halves to the even one
        linear     1 - |u - j| for the 2 elements around it (bilinear for images)
        cubic      Keys' weights with a = -3/4 for 4 elements

    Element ``j`` of an axis of ``n`` lies at ``j``. With `normalized`, -1 and 1 stand for the outer
    edges of the first and last element, at ``-1/2`` and ``n - 1/2``; with `align_corners` too, for
    their centers, at 0 and ``n - 1``. Outside of the map `padding_mode` says what there is.

    It is PyTorch's ``grid_sample`` with `normalized`, whose grid has the last axis first:
    ``grid[..., ::-1]``. Warps by an affine map or a flow, spatial transformers and rotations of
    images are samples at computed points.

    ```
    >>> import jax.numpy as jnp
    >>> x = jnp.array([0.0, 10.0, 20.0])[:, None]
    >>> sample(x, jnp.array([[0.5], [1.25], [-0.5]])).ravel()
    Array([ 5. , 12.5,  0. ], dtype=float32)
    >>> sample(x, jnp.array([[-0.5], [9.0]]), padding_mode="replicate").ravel()
    Array([ 0., 20.], dtype=float32)

    ```

    Args:
        x: (*batch, *spatial, channels), any number of batch axes; of floats, but for ``"nearest"``.
        points: (*batch, *positions, rank) of floats, with the batch axes of `x`, any number of
            axes of positions, and one coordinate for each spatial axis, in the order of the axes.
        method: ``"nearest"``, ``"linear"`` or ``"cubic"``.
        padding_mode: what lies outside: ``"zeros"``; the nearest element (``"replicate"``); the map
            mirrored (``"reflect"``) at its outer edges, or with `align_corners` at the centers of
            the elements at its ends; or the map again (``"circular"``).
        normalized: whether coordinates run from -1 to 1, instead of counting elements.
        align_corners: whether -1 and 1 are centers, and where a reflection has its mirrors.

    Returns:
        (*batch, *positions, channels), of the dtype of `x`. bfloat16 and float16 are summed in
        float32 and rounded once. The derivative by `points` is that of the piece that a point lies
        in, and 0 with ``"nearest"``.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if shapes or options do not fit together, or a feature map has no element.

    References:
        Jaderberg et al., *Spatial transformer networks*, 2015, arXiv:1506.02025, section 3.3.
    """
    x, points = checks.array("x", x), checks.ordered("points", points)
    if not jnp.issubdtype(points.dtype, jnp.floating):
        raise TypeError(f"`points` must hold floats; got {points.dtype}: convert it first.")
    arguments.one_of("method", method, TAPS)
    mode = geometry.padding_mode(padding_mode)
    normalized = arguments.flag("normalized", normalized)
    align_corners = arguments.flag("align_corners", align_corners)
    if method != "nearest" and not jnp.issubdtype(x.dtype, jnp.inexact):
        raise TypeError(
            f"`x` must hold floats with `method` {method!r}; got {x.dtype}: convert it first."
        )
    rank = points.shape[-1] if points.ndim else 0
    spatial = checks.spatial_axes(x, rank, f"`points` {points.shape}")
    batch = x.shape[: x.ndim - rank - 1]
    if rank == 0 or points.shape[: len(batch)] != batch or points.ndim <= len(batch):
        raise ValueError(
            "`points` must be (*batch, *positions, rank), with the batch axes of `x` "
            f"(*batch, *spatial, channels); got `x` {x.shape}, `points` {points.shape}."
        )
    if 0 in spatial:
        raise ValueError(f"each feature map of `x` must have an element; got `x` {x.shape}.")

    maps = x.astype(sum_dtype(x.dtype)).reshape(math.prod(batch), *spatial, x.shape[-1])
    dtype = sum_dtype(points.dtype)
    positions = points.shape[len(batch) : -1]
    places = points.astype(dtype).reshape(len(maps), math.prod(positions), rank)
    if normalized:
        places = _in_elements(places, np.array(spatial, dtype)[None, None], align_corners)
    y = jax.vmap(lambda x, at: at_points(x, at, method, mode, align_corners))(maps, places)
    return y.reshape(*batch, *positions, x.shape[-1]).astype(x.dtype)


def _in_elements(points: jax.Array, n: np.ndarray, align_corners: bool) -> jax.Array:
    """Points from -1 to 1 as numbers of elements, on axes of n."""
    return (points + 1) * (n - 1) / 2 if align_corners else ((points + 1) * n - 1) / 2


@partial(jax.jit, static_argnums=(2, 3, 4))  # op by op a first call takes seconds
def at_points(
    x: jax.Array,
    points: jax.Array,
    method: str = "linear",
    mode: str = "zeros",
    centers: bool = False,
) -> jax.Array:
    """One feature map (*spatial, c) at points (number, rank), in elements: (number, c)."""
    *spatial, channels = x.shape
    flat = x.reshape(-1, channels)
    axes = [_reads(points[:, axis], n, method, mode, centers) for axis, n in enumerate(spatial)]
    strides = [math.prod(spatial[axis + 1 :]) for axis in range(len(spatial))]
    y = jnp.zeros((len(points), channels), x.dtype)
    for taps in product(*axes):
        place = sum(tap.element * stride for tap, stride in zip(taps, strides))
        weight = reduce(jnp.multiply, (tap.weight for tap in taps)).astype(x.dtype)[:, None]
        exists = reduce(jnp.logical_and, (tap.exists for tap in taps))[:, None]
        element = jnp.take(flat, place, axis=0, mode="clip")
        # An element of weight 0 must not count, but 0 times inf or NaN is NaN.
        unseen = ~exists | ((weight == 0) & ~jnp.isfinite(element))
        y = y + jnp.where(unseen, 0, weight) * jnp.where(unseen, 0, element)
    return y


class _Tap(NamedTuple):
    """What the points read along one axis by one tap: one entry of each for every point."""

    element: jax.Array
    weight: jax.Array
    exists: jax.Array


def _reads(u: jax.Array, n: int, method: str, mode: str, centers: bool) -> list[_Tap]:
    """What points at u read along an axis of n elements."""
    u = jnp.clip(u, -FAR, n + FAR)
    if method == "nearest":
        u = _mirrored(u, n, centers) if mode == "reflect" else u
        first, weights = jnp.round(u), [jnp.ones_like(u)]
    else:
        first = jnp.floor(u)
        weights = [_weight(u - first - tap, method) for tap in TAPS[method]]
    taps = []
    for offset, weight in zip(TAPS[method], weights):
        place = first + offset
        exists = (place >= 0) & (place < n) if mode == "zeros" else jnp.full(place.shape, True)
        taps.append(_Tap(_element(place, n, mode, centers), weight, exists))
    return taps


def _weight(distance: jax.Array, method: str) -> jax.Array:
    """Of an element at this distance; Keys 1981, equation 4, for a cubic."""
    d = jnp.abs(distance)
    if method == "linear":
        return 1 - d
    near = ((A + 2) * d - (A + 3)) * d * d + 1
    return jnp.where(d <= 1, near, ((d - 5) * d + 8) * d * A - 4 * A)


def _element(place: jax.Array, n: int, mode: str, centers: bool) -> jax.Array:
    """The element that stands at a whole number, which may be outside."""
    if mode == "circular":
        place = place % n
    if mode == "reflect":
        place = _mirrored(place, n, centers)
    return jnp.clip(place, 0, n - 1).astype(np.int32)


def _mirrored(u: jax.Array, n: int, centers: bool) -> jax.Array:
    """A place on the endless axis that two mirrors make, seen between them."""
    if centers:
        last = max(n - 1, 1)
        return jnp.abs((u + last) % (2 * last) - last)
    u = (u + 0.5) % (2 * n)  # from the mirror at the first element's outer edge
    return jnp.minimum(u, 2 * n - u) - 0.5
