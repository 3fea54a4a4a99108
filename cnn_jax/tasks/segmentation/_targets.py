"""`targets`: the class of each pixel, of the masks of objects."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike


def targets(batch: Mapping[str, ArrayLike]) -> dict[str, jax.Array]:
    """Return the class of each pixel, of the masks of objects.

    Where masks overlap, the object in the later place counts: it lies on top.

    Args:
        batch: `masks` (n, m, height, width) bools, `boxes_valid` (n, m) bools, which of them
            count, and `classes` (n, m) integers from 0.

    Returns:
        `label` (n, height, width) int32: 0 where no object is, 1 + the class where one is.

    Raises:
        TypeError, ValueError: the batch is wrong.
    """
    masks, valid, classes = checked(batch)
    label = jnp.zeros((masks.shape[0], *masks.shape[2:]), jnp.int32)
    for place in range(masks.shape[1]):
        seen = masks[:, place] & valid[:, place, None, None]
        label = jnp.where(seen, 1 + classes[:, place, None, None].astype(jnp.int32), label)
    return {"label": label}


def checked(batch: Mapping[str, ArrayLike]) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The masks of a batch, which are valid, and their classes."""
    missing = [name for name in ("masks", "boxes_valid", "classes") if name not in batch]
    if missing:
        raise ValueError(f"`batch` must have `masks`, `boxes_valid` and `classes`; no {missing}.")
    masks, valid, classes = (jnp.asarray(batch[n]) for n in ("masks", "boxes_valid", "classes"))
    if masks.ndim != 4 or masks.dtype != jnp.bool_:
        raise ValueError(
            f"`masks` must be bools (n, m, height, width); got {masks.dtype} {masks.shape}."
        )
    for name, array in (("boxes_valid", valid), ("classes", classes)):
        if array.shape != masks.shape[:2]:
            raise ValueError(
                f"`{name}` must have one entry for each of `masks` {masks.shape}; got "
                f"{array.shape}."
            )
    if valid.dtype != jnp.bool_:
        raise TypeError(f"`boxes_valid` must hold bools; got {valid.dtype}.")
    if not jnp.issubdtype(classes.dtype, jnp.integer):
        raise TypeError(f"`classes` must hold integers; got {classes.dtype}.")
    return masks, valid, classes
