"""Checks of the arguments of `training`'s functions, on the host, before anything is compiled."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from cnn_jax import arguments


def check_type(name: str, value: object, kind: type, described: str) -> None:
    """Refuse a value that is no instance of `kind`."""
    if not isinstance(value, kind):
        raise TypeError(f"`{name}` must be {described}; got {_kind(value)}.")


def check_optimizer(optimizer: object) -> None:
    """Refuse what has no `init` and `update`, as every optimizer of optax has."""
    if isinstance(optimizer, type) or not all(
        callable(getattr(optimizer, method, None)) for method in ("init", "update")
    ):
        raise TypeError(
            "`optimizer` must be an optax.GradientTransformation, such as optax.adam(1e-3); "
            f"got {_kind(optimizer)}."
        )


def check_batch_size(batch_size: int, examples: int | None = None) -> None:
    """Refuse a batch size that is no int, under 1, or larger than the data."""
    arguments.integer("batch_size", batch_size, at_least=1)
    if examples is not None and batch_size > examples:
        raise ValueError(
            f"`batch_size` must be at most the number of training examples, {examples}; "
            f"got {batch_size}."
        )


def check_key(key: jax.Array) -> jax.Array:
    """Return the key; refuse what is not one typed key."""
    typed = isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    if not typed or key.shape:
        given = f"{key.dtype}{list(key.shape)}" if isinstance(key, jax.Array) else None
        raise TypeError(
            "`key` must be one typed key, as jax.random.key(seed) makes; "
            f"got {given or arguments.shown(key)}."
        )
    return key


def check_split(name: str, split: Any) -> tuple[jax.Array, jax.Array]:
    """Return images and int32 labels on the device, or say what is wrong with them."""
    if not isinstance(split, tuple | list) or len(split) != 2:
        raise TypeError(f"`{name}` must be a pair (images, labels); got {_kind(split)}.")
    images, labels = split
    images = _array(f"The images of `{name}`", images)
    labels = _array(f"The labels of `{name}`", labels)
    if images.ndim < 1 or labels.ndim != 1:
        raise ValueError(
            f"`{name}` must be images (n, ...) and labels (n,), classes as numbers; "
            f"got {images.shape} and {labels.shape}."
        )
    if len(images) != len(labels):
        raise ValueError(
            f"`{name}` must have one label per image; "
            f"got {len(images)} images and {len(labels)} labels."
        )
    if len(images) == 0:
        raise ValueError(f"`{name}` must hold at least one example; got images {images.shape}.")
    labels = integers(f"The labels of `{name}`", labels)
    return jnp.asarray(images), jnp.asarray(labels)


def integers(what: str, values: ArrayLike) -> np.ndarray | jax.Array:
    """Return integers as int32, a JAX array on its device; refuse other types and larger values."""
    array = _array(what, values)
    if not jnp.issubdtype(array.dtype, jnp.integer):
        raise TypeError(f"{what} must be integers; got {array.dtype}.")
    wide = np.iinfo(array.dtype).max >= 2**31 and array.size
    if wide and not -(2**31) <= array.min() <= array.max() < 2**31:
        low, high = array.min(), array.max()
        raise ValueError(f"{what} must fit into int32; they go from {low} to {high}.")
    return array.astype(np.int32)


def check_examples(images: jax.Array, labels: jax.Array) -> None:
    """Refuse unequal numbers of images and labels: JAX clamps an index to the last label."""
    if labels.ndim != 1 or images.shape[:1] != labels.shape or not len(labels):
        raise ValueError(
            "`images` must have shape (n, ...) and `labels` (n,), with n at least 1; "
            f"got {images.shape} and {labels.shape}."
        )
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        raise TypeError(f"`labels` must be integers; got {labels.dtype}.")


def check_labels(name: str, labels: jax.Array, classes: int) -> None:
    """Refuse labels that the model has no logit for."""
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise ValueError(
            f"The labels of `{name}` must be in [0, {classes}), as the model returns {classes} "
            f"logits; they go from {low} to {high}."
        )


def _array(what: str, values: Any) -> np.ndarray | jax.Array:
    """Return numbers as an array: a JAX array as it is, anything else as a NumPy array."""
    if isinstance(values, jax.Array):
        return values
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:  # lists of unequal lengths
        raise TypeError(f"{what} must be an array; {error}.") from error
    if array.dtype.kind in "OSUMm":
        raise TypeError(f"{what} must be an array of numbers; got {array.dtype}.")
    return array


def _kind(value: object) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
