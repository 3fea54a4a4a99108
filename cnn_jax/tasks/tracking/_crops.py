"""`context` and `crop`: squares around boxes, cut out at any size."""

import jax
import jax.numpy as jnp

from cnn_jax import arguments
from cnn_jax import functional as F


def context(boxes: jax.Array, amount: float = 0.5) -> tuple[jax.Array, jax.Array]:
    """Return the squares that an exemplar is cut out of: a box with context, as a square.

    `side = sqrt((h + p) (w + p))` with `p = amount * (h + w)`.

    Args:
        boxes: (..., 4).
        amount: 1/2 in the paper: a quarter of `h + w` on each side.

    Returns:
        Centers (..., 2), down and right, and sides (...,), in pixels.

    Raises:
        TypeError, ValueError: an argument is wrong.

    References:
        Bertinetto et al. 2016, section 3.1, "Dataset curation".
    """
    arguments.number("amount", amount, at_least=0)
    boxes = checked_boxes("boxes", boxes)
    sizes = jnp.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    padded = sizes + amount * sizes.sum(-1, keepdims=True)
    return (boxes[..., :2] + boxes[..., 2:]) / 2, jnp.sqrt(padded.prod(-1))


def crop(images: jax.Array, centers: jax.Array, sides: jax.Array, size: int) -> jax.Array:
    """Cut a square out of each image, and show it in `size` x `size` pixels.

    Outside of an image is its mean color. Pixels are interpolated between two neighbors on each
    axis, which aliases where a square is much larger than `size`.

    Args:
        images: (n, height, width, channels) floats.
        centers: (n, 2): of the squares, in pixels from the corner of the image.
        sides: (n,), in pixels.
        size: of the results.

    Returns:
        (n, size, size, channels).

    Raises:
        TypeError, ValueError: an argument is wrong.

    Example:
        >>> image = jnp.arange(16.0).reshape(1, 4, 4, 1)
        >>> crop(image, jnp.array([[2.0, 3.0]]), jnp.array([2.0]), 2)[0, :, :, 0].tolist()
        [[6.0, 7.0], [10.0, 11.0]]
    """
    size = arguments.integer("size", size, at_least=1)
    if images.ndim != 4 or centers.shape != (len(images), 2) or sides.shape != (len(images),):
        raise ValueError(
            "`images` must be (n, height, width, channels), with `centers` (n, 2) and `sides` "
            f"(n,); got {images.shape}, {centers.shape} and {sides.shape}."
        )
    places = (jnp.arange(size, dtype=jnp.float32) + 0.5) / size - 0.5
    grid = jnp.stack(jnp.meshgrid(places, places, indexing="ij"), -1)
    points = centers[:, None, None] + grid[None] * sides[:, None, None, None]
    mean = images.mean((1, 2), keepdims=True)
    return F.sample(images - mean, points - 0.5) + mean  # the first pixel's middle is at 1/2


def checked_boxes(name: str, boxes: jax.Array) -> jax.Array:
    """Boxes (..., 4) in float32."""
    boxes = jnp.asarray(boxes)
    if boxes.ndim == 0 or boxes.shape[-1] != 4:
        raise ValueError(f"`{name}` must be (..., 4), corners of boxes; got {boxes.shape}.")
    if not jnp.issubdtype(boxes.dtype, jnp.floating):
        raise TypeError(f"`{name}` must hold floats; got {boxes.dtype}.")
    return boxes.astype(jnp.float32)
