"""The checks that networks make of the images that they are called with."""

import jax
import numpy as np

AXES = {1: "time", 2: "height, width", 3: "time, height, width"}


def check_images(images: jax.Array, channels: int, least: tuple[int, ...], layer: str = "") -> None:
    """Check that `images` have the network's rank and channels, and are large enough for it.

    Args:
        images: what the network was called with.
        channels: of the images that the network was made for.
        least: the smallest spatial lengths with which no layer's input is empty.
        layer: the first layer whose input is empty for smaller images, for the error.

    Raises:
        ValueError: if not.
    """
    shape, rank = np.shape(images), len(least)
    expected = f"`images` must be (*batch, {AXES[rank]}, {channels}), as the network was made"
    if len(shape) <= rank or shape[-1] != channels:
        hint = _if_channels_first(shape, channels, rank)
        raise ValueError(f"{expected}; got shape {shape}.{hint}")
    if any(n < smallest for n, smallest in zip(shape[-1 - rank : -1], least)):
        size = "x".join(map(str, least))
        why = f": a smaller one leaves nothing for its layer {layer!r}" if layer else ""
        raise ValueError(f"{expected}, and at least {size}{why}; got shape {shape}.")


def check_image_size(images: jax.Array, size: tuple[int, ...]) -> None:
    """Check that `images` have the one size that the network was made for.

    Args:
        images: what the network was called with.
        size: spatial lengths, then channels.

    Raises:
        ValueError: if not.
    """
    shape = np.shape(images)
    if len(shape) < len(size) or shape[len(shape) - len(size) :] != size:
        hint = _if_channels_first(shape, size[-1], len(size) - 1)
        raise ValueError(
            f"`images` must be (*batch, {', '.join(map(str, size))}), as the network was made; "
            f"got shape {shape}.{hint}"
        )


def check_latents(latents: jax.Array, count: int, name: str = "latents") -> None:
    """Check that `latents` have the length that the network was made for.

    Args:
        latents: what the network was called with.
        count: of the last axis.
        name: of the argument, for the error.

    Raises:
        ValueError: if not.
    """
    shape = np.shape(latents)
    if not shape or shape[-1] != count:
        raise ValueError(
            f"`{name}` must be (*batch, {count}), as the network was made; got shape {shape}."
        )


def _if_channels_first(shape: tuple[int, ...], channels: int, rank: int) -> str:
    """A hint for the error if the shape looks like channels first; otherwise an empty string."""
    if len(shape) <= rank or shape[-1] == channels or shape[-1 - rank] != channels:
        return ""
    return f" Channels come last here: jnp.moveaxis(images, {-1 - rank}, -1)."
