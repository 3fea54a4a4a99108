"""What `fit` is given, checked once on the host, before anything is compiled."""

import jax
import jax.numpy as jnp
import numpy as np


def check_batch_size(batch_size: int, examples: int | None = None) -> None:
    """Refuse a batch size that is no int, under 1, or larger than the data."""
    check_int("batch_size", batch_size, at_least=1)
    if examples is not None and batch_size > examples:
        raise ValueError(
            f"`batch_size` must be at most the number of training examples, {examples}; "
            f"got {batch_size}."
        )


def check_int(name: str, value: int, *, at_least: int) -> None:
    """Refuse a value that is no int or too small."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"`{name}` must be an int; got {value!r} ({type(value).__name__}).")
    if value < at_least:
        raise ValueError(f"`{name}` must be at least {at_least}; got {value}.")


def check_key(key: jax.Array) -> jax.Array:
    """Return the key, unless it is not one typed key."""
    typed = isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    if not typed or key.shape:
        given = f"{key.dtype}{list(key.shape)}" if isinstance(key, jax.Array) else repr(key)
        raise TypeError(f"`key` must be one typed key, as jax.random.key(seed) makes; got {given}.")
    return key


def check_split(name: str, split) -> tuple[jax.Array, jax.Array]:
    """Return images and int32 labels on the device, or say what is wrong with them."""
    if not isinstance(split, tuple | list) or len(split) != 2:
        raise TypeError(f"`{name}` must be a pair (images, labels); got {type(split).__name__}.")
    images, labels = split
    if np.ndim(labels) != 1 or np.ndim(images) < 1:
        raise ValueError(
            f"`{name}` must be images (n, ...) and labels (n,), classes as numbers; "
            f"got {np.shape(images)} and {np.shape(labels)}."
        )
    if len(images) != len(labels):
        raise ValueError(
            f"`{name}` must have one label per image; "
            f"got {len(images)} images and {len(labels)} labels."
        )
    if len(images) == 0:
        raise ValueError(f"`{name}` must hold at least one example; got images {np.shape(images)}.")
    labels = jnp.asarray(labels)
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        raise TypeError(f"The labels of `{name}` must be integers; got {labels.dtype}.")
    return jnp.asarray(images), labels.astype(jnp.int32)


def check_labels(name: str, labels: jax.Array, classes: int) -> None:
    """Refuse labels that the model has no logit for."""
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise ValueError(
            f"The labels of `{name}` must be in [0, {classes}), as the model returns {classes} "
            f"logits; they go from {low} to {high}."
        )
