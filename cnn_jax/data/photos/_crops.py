"""`crops`: square patches of photographs, drawn by a key on the device."""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import ArrayLike

from cnn_jax import arguments
from cnn_jax.arguments import with_hints

from ._joined import Joined


@with_hints
def crops(key: jax.Array, photographs: Sequence[ArrayLike], count: int, size: int) -> jax.Array:
    """Cut out square patches, each at a place of its own in one of the photographs.

    Each photograph is equally likely, however large it is, and so is each place in it. Shapes do
    not depend on what is drawn: it works inside of `jit`.

    Args:
        key: typed, such as `jax.random.key(0)`.
        photographs: (height, width, channels) each, of any sizes, but all with as many channels
            and of one dtype.
        count: how many patches.
        size: their height and width.

    Returns:
        (count, size, size, channels), of the dtype of the photographs.

    Raises:
        TypeError: `count` or `size` is no int.
        ValueError: there is no photograph, one is smaller than a patch, or they differ in channels
            or dtype.

    Example:
        >>> from cnn_jax.data import photos
        >>> gray = photos.load("train", channels=1)
        >>> patches = crops(jax.random.key(0), list(gray.values()), 64, 40)
        >>> patches.shape, patches.dtype
        ((64, 40, 40, 1), dtype('uint8'))
    """
    count = arguments.integer("count", count, at_least=1)
    size = arguments.integer("size", size, at_least=1)
    arrays = [_array(photograph) for photograph in photographs]
    _check(arrays, size)
    joined = Joined.of(arrays)

    which_key, place_key = jax.random.split(key)
    which = jax.random.randint(which_key, (count,), 0, len(arrays), jnp.int32)
    places = joined.sizes[which] - (size - 1)
    corners = jax.random.randint(place_key, (count, 2), 0, places, jnp.int32)
    return jax.vmap(partial(joined.cut, size=size))(which, corners)


def _array(photograph: ArrayLike) -> jax.Array | np.ndarray:
    if isinstance(photograph, Tracer):
        return photograph
    array = np.asarray(photograph)
    return array.astype(jax.dtypes.canonicalize_dtype(array.dtype), copy=False)


def _check(arrays: Sequence[jax.Array | np.ndarray], size: int) -> None:
    kinds = {(a.shape[2:], a.dtype.name) for a in arrays}
    if len(kinds) != 1 or arrays[0].ndim != 3:
        found = ", ".join(f"{a.dtype.name} {a.shape}" for a in arrays) or "none"
        raise ValueError(
            "`photographs` must be one or more arrays (height, width, channels) with as many "
            f"channels and of one dtype; got {found}."
        )
    smallest = min(min(a.shape[:2]) for a in arrays)
    if smallest < size:
        raise ValueError(
            f"`size` must be at most the shortest side of `photographs`, {smallest}; got {size}."
        )
    if sum(a.shape[0] * a.shape[1] for a in arrays) >= 2**31:
        raise ValueError("`photographs` must have fewer than 2**31 pixels together.")
