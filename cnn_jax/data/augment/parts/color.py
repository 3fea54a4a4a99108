"""What changes the colors of one picture: pixels `(h, w, c)` of floats in [0, 1] in, the same out.

Each is the operation of the same name in PIL, which the papers used, without its rounding.
"""

import jax
import jax.numpy as jnp
import numpy as np

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as PIL
LEVELS = 256


def blend(first: jax.Array, second: jax.Array, share: jax.Array) -> jax.Array:
    """From the first picture at 0 to the second at 1, and beyond; clipped to [0, 1]."""
    share = share.astype(second.dtype)
    return jnp.clip((1 - share) * first + share * second, 0, 1)


def gray(image: jax.Array) -> jax.Array:
    """Brightness as one sees it, `(h, w, 1)`."""
    if image.shape[-1] == 1:
        return image
    return jnp.sum(image * np.array(LUMA, image.dtype)[None, None], -1, keepdims=True)


def brightness(image: jax.Array, factor: jax.Array) -> jax.Array:
    """Black at 0."""
    return blend(jnp.zeros_like(image), image, factor)


def contrast(image: jax.Array, factor: jax.Array) -> jax.Array:
    """The mean gray at 0."""
    return blend(jnp.full_like(image, 1.0) * gray(image).mean(), image, factor)


def saturation(image: jax.Array, factor: jax.Array) -> jax.Array:
    """Without color at 0."""
    return blend(jnp.broadcast_to(gray(image), image.shape), image, factor)


def sharpness(image: jax.Array, factor: jax.Array) -> jax.Array:
    """Smooth at 0: inside, the mean of 3 x 3 pixels with 5 times the one in the middle."""
    height, width, _ = image.shape
    if min(height, width) < 3:
        return image
    around = sum(image[i : height - 2 + i, j : width - 2 + j] for i in range(3) for j in range(3))
    inside = slice(1, -1), slice(1, -1)
    smooth = image.at[inside].set((around + 4 * image[inside]) / 13)
    return blend(smooth, image, factor)


def solarize(image: jax.Array, level: jax.Array) -> jax.Array:
    """Invert what has at least this level, of 0 to 255."""
    return jnp.where(_levels(image) < level.astype(image.dtype), image, 1 - image)


def posterize(image: jax.Array, bits: jax.Array) -> jax.Array:
    """Keep so many high bits of 8."""
    step = 2.0 ** (8 - bits.astype(image.dtype))
    kept = jnp.floor(_levels(image) / step) * step / (LEVELS - 1)
    return jnp.where(bits == 8, image, kept)


def auto_contrast(image: jax.Array) -> jax.Array:
    """Stretch each channel to go from 0 to 1; a channel of one value stays."""
    low, high = image.min((0, 1), keepdims=True), image.max((0, 1), keepdims=True)
    return jnp.where(high > low, (image - low) / jnp.where(high > low, high - low, 1), image)


def equalize(image: jax.Array) -> jax.Array:
    """Make each channel's 256 levels about equally frequent; a channel of one level stays."""
    levels = _levels(image).astype(jnp.int32)
    new = jax.vmap(_equalized, -1, -1)(levels).astype(image.dtype)
    return jnp.where(new < 0, image, new / (LEVELS - 1))


def _equalized(levels: jax.Array) -> jax.Array:
    """The new levels of one channel, or -1 where they stay: PIL's rule."""
    counts = jnp.zeros(LEVELS, jnp.int32).at[levels.ravel()].add(1)
    last = counts[levels.max()]
    step = (levels.size - last) // (LEVELS - 1)
    below = jnp.cumsum(counts) - counts
    table = jnp.minimum((below + step // 2) // jnp.maximum(step, 1), LEVELS - 1)
    return jnp.where(step == 0, -1, table)[levels]


def _levels(image: jax.Array) -> jax.Array:
    return jnp.clip(jnp.round(image * (LEVELS - 1)), 0, LEVELS - 1)


def shift_hue(image: jax.Array, turn: jax.Array) -> jax.Array:
    """Turn the color circle by a share of it: red to green is a third."""
    high, low = image.max(-1), image.min(-1)
    chroma = high - low
    red, green, blue = image[..., 0], image[..., 1], image[..., 2]
    safe = jnp.where(chroma > 0, chroma, 1)
    sixth = jnp.where(
        high == red,
        (green - blue) / safe,
        jnp.where(high == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    sixth = sixth + 6 * turn.astype(image.dtype)
    places = [(n + sixth) % 6 for n in (5, 3, 1)]
    return jnp.stack([high - chroma * jnp.clip(jnp.minimum(k, 4 - k), 0, 1) for k in places], -1)
