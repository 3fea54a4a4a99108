"""One garment: its silhouette, how it lies in a scene, and the box around a mask."""

import jax
import jax.numpy as jnp

from cnn_jax import functional as F

INK = 10  # of 255: around many garments there is noise of 1 or 2


def silhouette(garment: jax.Array) -> jax.Array:
    """Say which pixels a garment covers: the bright ones, and those that they enclose.

    A pixel is enclosed if there are bright ones above, below, left and right of it. So a black
    print on a shirt belongs to the shirt, and the gap between two legs does not.

    Args:
        garment: (height, width), 0 to 255 on black.

    Returns:
        (height, width) of bools.

    Example:
        >>> rows = [[0, 9, 0, 9, 0], [0, 9, 9, 9, 0], [0, 9, 0, 9, 0], [0, 9, 9, 9, 0]]
        >>> silhouette(20 * jnp.array(rows)).astype(int).tolist()
        [[0, 1, 0, 1, 0], [0, 1, 1, 1, 0], [0, 1, 1, 1, 0], [0, 1, 1, 1, 0]]
    """
    bright = garment > INK
    enclosed = jnp.ones(garment.shape, bool)
    for axis in (0, 1):
        for reverse in (False, True):
            enclosed &= jax.lax.cummax(bright.astype(jnp.int32), axis, reverse) > 0
    return enclosed


def laid(
    garment: jax.Array, size: int, center: jax.Array, scale: jax.Array, degrees: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Lay a garment into an empty picture: turned about its center, then scaled.

    Args:
        garment: (height, width), 0 to 255 on black.
        size: height and width of the picture.
        center: (2,): where the garment's center comes to lie, in pixels from the picture's corner.
        scale: 2 shows it twice as large.
        degrees: counterclockwise.

    Returns:
        How much of each pixel the garment covers, and its brightness times that, both (size, size)
        float32 in [0, 1].
    """
    covers = silhouette(garment).astype(jnp.float32)
    layers = jnp.stack([covers, covers * garment.astype(jnp.float32) / 255], -1)
    middles = jnp.arange(size, dtype=jnp.float32) + 0.5
    pixels = jnp.stack(jnp.meshgrid(middles, middles, indexing="ij"), -1)
    down, right = jnp.moveaxis((pixels - center[None, None]) / scale, -1, 0)
    cos, sin = jnp.cos(jnp.deg2rad(degrees)), jnp.sin(jnp.deg2rad(degrees))
    height, width = garment.shape
    rows = cos * down + sin * right + height / 2 - 0.5
    columns = cos * right - sin * down + width / 2 - 0.5
    sampled = F.sample(layers, jnp.stack([rows, columns], -1))
    return sampled[..., 0], sampled[..., 1]


def boxes_of(masks: jax.Array) -> jax.Array:
    """Return the tight boxes around masks.

    Args:
        masks: (..., height, width) of bools.

    Returns:
        (..., 4) float32: (top, left, bottom, right) in pixels; all 0 for an empty mask.

    Example:
        >>> boxes_of(jnp.zeros((1, 5, 5), bool).at[0, 1:3, 2:4].set(True)).tolist()
        [[1.0, 2.0, 3.0, 4.0]]
    """
    ends = []
    for axis in (-1, -2):  # a row has pixels if any of its columns has
        line = masks.any(axis)
        first = jnp.argmax(line, -1)
        end = line.shape[-1] - jnp.argmax(jnp.flip(line, -1), -1)
        ends.append((first, jnp.where(line.any(-1), end, 0)))
    (top, bottom), (left, right) = ends
    return jnp.stack([top, left, bottom, right], -1).astype(jnp.float32)
