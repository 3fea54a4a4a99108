"""What the networks check of their arguments and of the images that they are given."""

from collections.abc import Iterable

import jax
import numpy as np

from cnn_jax import arguments


def one_of(name: str, value: object, known: Iterable[object]) -> None:
    """Check that `value` is one of those known.

    Raises:
        ValueError: if it is none of them.
    """
    if value not in tuple(known):
        raise ValueError(f"`{name}` must be one of {', '.join(map(repr, known))}; got {value!r}.")


def probability(name: str, value: float) -> None:
    """Check that `value` may be the probability of dropping something.

    Raises:
        TypeError: if it is no number.
        ValueError: if it is not in [0, 1).
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating):
        raise TypeError(f"`{name}` must be a probability in [0, 1); got {value!r}.")
    if not 0 <= value < 1:
        raise ValueError(f"`{name}` must be a probability in [0, 1); got {value!r}.")


def positive(name: str, value: float) -> None:
    """Check that `value` is a number above 0.

    Raises:
        TypeError: if it is no number.
        ValueError: if it is not above 0, or not finite.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"`{name}` must be a number above 0; got {value!r}.")
    if not (value > 0 and np.isfinite(value)):
        raise ValueError(f"`{name}` must be a number above 0; got {value!r}.")


def sizes(num_classes: int, in_channels: int) -> None:
    """Check that these are positive ints.

    Raises:
        TypeError: if one is no int.
        ValueError: if one is below 1.
    """
    arguments.integer("num_classes", num_classes, at_least=1)
    arguments.integer("in_channels", in_channels, at_least=1)


def images(images: jax.Array, channels: int, least: tuple[int, ...], layer: str = "") -> None:
    """Check that `images` have the network's rank and channels, and are large enough for it.

    Args:
        images: what the network was called with.
        channels: of the images that the network was made for.
        least: the smallest spatial lengths that leave something for every layer.
        layer: the first for which nothing is left below that.

    Raises:
        ValueError: if not.
    """
    axes = {1: "time", 2: "height, width", 3: "time, height, width"}[len(least)]
    expected = f"`images` must be (*batch, {axes}, {channels}), as the network was made"
    shape, rank = np.shape(images), len(least)
    if len(shape) <= rank or shape[-1] != channels:
        raise ValueError(f"{expected}; got shape {shape}.")
    if any(n < smallest for n, smallest in zip(shape[-1 - rank : -1], least)):
        size = "x".join(map(str, least))
        why = f": a smaller one leaves nothing for its layer {layer!r}" if layer else ""
        raise ValueError(f"{expected}, and at least {size}{why}; got shape {shape}.")


def image_size(images: jax.Array, size: tuple[int, ...]) -> None:
    """Check that `images` have the one size that the network was made for.

    Args:
        images: what the network was called with.
        size: spatial lengths, then channels.

    Raises:
        ValueError: if not.
    """
    shape = np.shape(images)
    if len(shape) < len(size) or shape[len(shape) - len(size) :] != size:
        raise ValueError(
            f"`images` must be (*batch, {', '.join(map(str, size))}), as the network was made; "
            f"got shape {shape}."
        )
