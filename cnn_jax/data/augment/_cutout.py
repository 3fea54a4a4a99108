"""Pictures with a hole: `cutout`."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from cnn_jax import arguments
from cnn_jax.arguments import with_hints

from .parts.batch import Augmentation, as_stored, per_example
from .parts.options import share, size_of


@with_hints
def cutout(
    size: int | Sequence[int], *, probability: float = 1.0, fill: float = 0.0
) -> Augmentation:
    """Hide a rectangle of each picture, at a place of its own. Only pixels change.

    Its center is any pixel of the picture, so that part of it may lie outside.

    Args:
        size: in pixels, or `(height, width)`.
        probability: with which a picture is changed.
        fill: value of the hidden pixels. The mean of the data is usual.

    Returns:
        `(key, batch) -> batch`.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, the batch is.

    References:
        DeVries and Taylor, *Improved Regularization of Convolutional Neural Networks with Cutout*,
        2017, arXiv:1708.04552.

    Example:
        >>> batch = {"image": jnp.ones((8, 32, 32, 3))}
        >>> image = cutout(16)(jax.random.key(0), batch)["image"]
        >>> int((image == 0).sum((1, 2, 3)).max()) <= 16 * 16 * 3
        True
    """
    sides = size_of(size)
    share("probability", probability)
    arguments.number("fill", fill)

    def one(key, example):
        coin, key = jax.random.split(key)
        image = example["image"]
        do = jax.random.uniform(coin) < probability
        center = jax.random.randint(key, (2,), 0, jnp.array(image.shape[:2]))
        rows, columns = (
            covered(image.shape[axis], center[axis] - side // 2, side)
            for axis, side in enumerate(sides)
        )
        hidden = (rows[:, None] & columns[None] & do)[..., None]
        return {"image": jnp.where(hidden, as_stored(fill, image), image)}

    return per_example(one)


def covered(n: int, start: jax.Array, length: jax.Array | int) -> jax.Array:
    """Which of `n` places lie in the `length` places from `start` on."""
    at = jnp.arange(n)
    return (at >= start) & (at < start + length)
