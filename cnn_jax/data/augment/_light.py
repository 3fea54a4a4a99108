"""Pictures in another light, and as networks take them: `color_jitter` and `normalize`."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from cnn_jax import arguments
from cnn_jax.arguments import shown, with_hints

from .parts import color
from .parts.batch import Augmentation, as_float, as_stored, per_example, without_key
from .parts.options import Range, around_one, symmetric


@with_hints
def color_jitter(
    *,
    brightness: Range = 0.0,
    contrast: Range = 0.0,
    saturation: Range = 0.0,
    hue: Range = 0.0,
) -> Augmentation:
    """Change brightness, contrast, saturation and hue of each picture, in this order.

    A factor of 0 makes it black, of its mean gray, or without color; 1 changes nothing. Only pixels
    change. Results are clipped to [0, 1], or 0 to 255.

    Args:
        brightness: the factor is uniform in `(1 - brightness, 1 + brightness)`, not below 0, or in
            a pair `(low, high)`.
        contrast: likewise.
        saturation: likewise; without effect on pictures of one channel.
        hue: the color circle is turned by a share of it, uniform in `(-hue, hue)`, at most 0.5, or
            in a pair; without effect on pictures of one channel.

    Returns:
        `(key, batch) -> batch`, for pictures of 1 or 3 channels: uint8, or floats in [0, 1].

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, the batch is.

    References:
        Howard, *Some Improvements on Deep Convolutional Neural Network Based Image Classification*,
        2013, arXiv:1312.5402, section 2; hue as in Szegedy et al. 2014, arXiv:1409.4842. PyTorch's
        transform draws the order too.

    Example:
        >>> batch = {"image": jnp.full((1, 2, 2, 3), 100, jnp.uint8)}
        >>> augment = color_jitter(brightness=(1.5, 1.5))
        >>> augment(jax.random.key(0), batch)["image"].max().item()
        150
    """
    steps = [
        (color.brightness, around_one("brightness", brightness), 1.0),
        (color.contrast, around_one("contrast", contrast), 1.0),
        (color.saturation, around_one("saturation", saturation), 1.0),
        (color.shift_hue, symmetric("hue", hue, at_most=0.5), 0.0),
    ]

    def one(key, example):
        image = example["image"]
        colored = check_channels(image.shape)
        pixels = unit(image)
        for own, (change, (low, high), nothing) in zip(jax.random.split(key, 4), steps):
            of_color = change in (color.saturation, color.shift_hue)
            if low == high == nothing or (of_color and not colored):
                continue
            pixels = change(pixels, jax.random.uniform(own, minval=low, maxval=high))
        return {"image": as_stored(from_unit(pixels, image), image)}

    return per_example(one)


@with_hints
def normalize(mean: float | Sequence[float], std: float | Sequence[float]) -> Augmentation:
    """Return `(image - mean) / std`, with uint8 brought to [0, 1] first.

    It draws nothing: the key may be None.

    Args:
        mean: of the data in [0, 1]: one number, or one for each channel.
        std: likewise, positive.

    Returns:
        `(key, batch) -> batch`. uint8 becomes float32; floats keep their dtype and are not divided
        by 255.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, the batch is.

    Example:
        >>> batch = {"image": jnp.array([0, 255], jnp.uint8).reshape(1, 1, 2, 1)}
        >>> normalize(0.5, 0.5)(None, batch)["image"].ravel().round(3).tolist()
        [-1.0, 1.0]
    """
    means = _per_channel("mean", mean, arguments.number)
    stds = _per_channel("std", std, lambda name, value: arguments.number(name, value, above=0))

    def one(example):
        image = example["image"]
        pixels, channels = unit(image), image.shape[-1]
        for name, entries in (("mean", means), ("std", stds)):
            if len(entries) not in (1, channels):
                raise ValueError(
                    f"`{name}` must have one entry, or one for each of {channels} channels; got "
                    f"{len(entries)}."
                )
        by_channel = (np.array(entries, pixels.dtype)[None, None] for entries in (means, stds))
        middle, spread = by_channel
        new = (pixels - middle) / spread
        return {"image": new if image.dtype == jnp.uint8 else new.astype(image.dtype)}

    return without_key(one)


def check_channels(shape: tuple[int, ...]) -> bool:
    """Whether a picture has colors; refuse one that has neither 1 nor 3 channels."""
    if shape[-1] not in (1, 3):
        raise ValueError(f"`image` must have 1 channel, or red, green and blue; got {shape}.")
    return shape[-1] == 3


def unit(image: jax.Array) -> jax.Array:
    """Pixels as floats, those of uint8 in [0, 1]."""
    return as_float(image) / 255 if image.dtype == jnp.uint8 else as_float(image)


def from_unit(pixels: jax.Array, image: jax.Array) -> jax.Array:
    """The way back to the range of an image, not yet to its dtype."""
    return pixels * 255 if image.dtype == jnp.uint8 else pixels


def _per_channel(
    name: str, value: float | Sequence[float], check: Callable[[str, object], float]
) -> list[float]:
    entries = value if isinstance(value, tuple | list) else [value]
    if not entries:
        raise ValueError(f"`{name}` must have an entry; got {shown(value)}.")
    return [check(name, entry) for entry in entries]
