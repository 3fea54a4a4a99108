"""What a batch may hold; and a function of one example made into an augmentation of a batch."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from cnn_jax.arguments import shown

Batch = Mapping[str, Any]
Example = dict[str, Any]
Augmentation = Callable[[Any, Batch], Example]

LAYOUTS = {
    "image": ("(n, h, w, c)", (4,), None),
    "mask": ("(n, h, w) or (n, h, w, k)", (3, 4), None),
    "boxes": ("(n, m, 4)", (3,), 4),
    "boxes_valid": ("(n, m)", (2,), None),
    "keypoints": ("(n, m, 2)", (3,), 2),
    "keypoints_visible": ("(n, m)", (2,), None),
}
"""By name: its shape in words, its numbers of axes, and the length of its last axis."""


def per_example(one: Callable[[jax.Array, Example], Example]) -> Augmentation:
    """Return the augmentation that lets each example of a batch draw for itself.

    The example's number in the batch is folded into the key, so that what it draws does not depend
    on how many others there are.

    Args:
        one: `(key, example) -> example`, where an example is what a batch holds of `image`, `mask`,
            `boxes`, `boxes_valid`, `keypoints` and `keypoints_visible`, without the axis `n`. It
            returns what has changed.

    Returns:
        `(key, batch) -> batch`.

    Example:
        >>> noise = per_example(
        ...     lambda key, example: {
        ...         "image": example["image"] + jax.random.normal(key, example["image"].shape)
        ...     }
        ... )
        >>> noise(jax.random.key(0), {"image": jnp.zeros((2, 4, 4, 1)), "label": 3})["label"]
        3
    """

    @jax.jit  # op by op a first call takes seconds
    def mapped(key, parts):
        return jax.vmap(one)(keys_of(key, len(parts["image"])), parts)

    def augment(key, batch):
        parts = checked(batch)
        return {**batch, **mapped(checked_key(key), parts)}

    return augment


def without_key(one: Callable[[Example], Example]) -> Augmentation:
    """Return the augmentation that does the same to each example, and needs no key."""

    mapped = jax.jit(jax.vmap(one))

    def augment(key, batch):
        del key
        parts = checked(batch)
        return {**batch, **mapped(parts)}

    return augment


def keys_of(key: Any, n: int) -> jax.Array:
    """A key for each example of a batch."""
    return jax.vmap(partial(jax.random.fold_in, key))(jnp.arange(n))


def checked_key(key: Any) -> jax.Array:
    """`key`, if it can be one."""
    if key is None or isinstance(key, Mapping) or not hasattr(key, "dtype"):
        got = "a batch" if isinstance(key, Mapping) else shown(key)
        raise TypeError(
            "`key` must be a JAX random key, and comes before the batch: `augment(key, batch)`; "
            f"got {got}."
        )
    return key


def checked(batch: Batch) -> Example:
    """What belongs to the pictures of a batch, as arrays."""
    if not isinstance(batch, Mapping) or "image" not in batch:
        got = f"one of {sorted(batch)}" if isinstance(batch, Mapping) else shown(batch)
        raise TypeError(f"`batch` must be a dict with an `image`; got {got}.")
    parts = {name: jnp.asarray(batch[name]) for name in LAYOUTS if name in batch}
    for name, part in parts.items():
        words, ranks, last = LAYOUTS[name]
        if part.ndim not in ranks or (last is not None and part.shape[-1] != last):
            raise ValueError(f"`{name}` must have the shape {words}; got {part.shape}.")
        if len(part) != len(parts["image"]):
            raise ValueError(
                f"`{name}` must have the {len(parts['image'])} examples of `image`; "
                f"got {part.shape}."
            )
        _check_dtype(name, part.dtype)
    image = parts["image"].shape
    if 0 in image[1:]:
        raise ValueError(f"`image` must have pixels and channels; got {image}.")
    if "mask" in parts and (mask := parts["mask"].shape)[1:3] != image[1:3]:
        raise ValueError(f"`mask` must have the pixels of `image` {image}; got {mask}.")
    for name, flags in (("boxes", "boxes_valid"), ("keypoints", "keypoints_visible")):
        if flags in parts and name not in parts:
            raise ValueError(f"`{flags}` belongs to `{name}`, which the batch does not have.")
        if flags in parts and parts[flags].shape != parts[name].shape[:2]:
            raise ValueError(
                f"`{flags}` must have one entry for each of `{name}` {parts[name].shape}; "
                f"got {parts[flags].shape}."
            )
    return parts


def _check_dtype(name: str, dtype: Any) -> None:
    """Refuse an array of another kind than its name says."""
    floats, integers = jnp.issubdtype(dtype, jnp.floating), jnp.issubdtype(dtype, jnp.integer)
    if name == "image":
        right, words = floats or dtype == jnp.uint8, "uint8 or floats"
    elif name == "mask":
        right, words = integers, "integers"
    elif name in ("boxes", "keypoints"):
        right, words = floats, "floats"
    else:
        right, words = dtype == jnp.bool_, "bools"
    if not right:
        raise TypeError(f"`{name}` must hold {words}; got {dtype}.")


def as_float(image: jax.Array) -> jax.Array:
    """Pixels in which sums are computed: float32, or float64 if they are."""
    return image.astype(jnp.float64 if image.dtype == jnp.float64 else jnp.float32)


def as_stored(pixels: ArrayLike, image: jax.Array) -> jax.Array:
    """Computed pixels in the dtype of an image: rounded and clipped if that is uint8."""
    pixels = jnp.asarray(pixels)
    if image.dtype == jnp.uint8:
        pixels = jnp.clip(jnp.round(pixels), 0, 255)
    return pixels.astype(image.dtype)
