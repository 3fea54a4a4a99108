"""Pictures and parts of them at another size: `random_resized_crop` and `resize`.

A pixel is a mean, with triangular weights, of the pixels below it, as wide as the scale asks for,
so that smaller pictures have no alias. Its weights along one axis are a matrix, and a crop is two
matrix products, which accelerators like better than the gathers of `functional.sample`.
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from cnn_jax.arguments import with_hints

from .parts import geometry
from .parts.batch import Augmentation, Example, as_float, as_stored, per_example, without_key
from .parts.moving import came_from, labels, places
from .parts.options import pair, share, size_of

TRIES = 10


@with_hints
def random_resized_crop(
    size: int | Sequence[int],
    *,
    scale: Sequence[float] = (0.08, 1.0),
    ratio: Sequence[float] = (3 / 4, 4 / 3),
    min_visible: float = 0.0,
) -> Augmentation:
    """Cut out a part of each picture, of an area and a shape of its own, and bring it to `size`.

    The share of the area is uniform in `scale`, the logarithm of width over height uniform in that
    of `ratio`, and the place uniform, in whole pixels. What does not fit is drawn again, up to 10
    times; then it is the largest part in the middle whose shape is in `ratio`.

    Args:
        size: of the result in pixels, or `(height, width)`.
        scale: smallest and largest share of the picture's area.
        ratio: smallest and largest width over height.
        min_visible: the share of a box that must be left in the picture, else it is not valid.

    Returns:
        `(key, batch) -> batch`, with pictures of the new size. Masks have the nearest label.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, the batch is.

    References:
        Szegedy et al., *Going Deeper with Convolutions*, 2015, arXiv:1409.4842, section 6.

    Example:
        >>> batch = {"image": jnp.ones((2, 300, 200, 3), jnp.uint8)}
        >>> random_resized_crop(224)(jax.random.key(0), batch)["image"].shape
        (2, 224, 224, 3)
    """
    size = size_of(size)
    scale = pair("scale", scale, above=0, at_most=1)
    ratio = pair("ratio", ratio, above=0)
    share("min_visible", min_visible)

    def one(key, example):
        height, width = example["image"].shape[:2]
        top, left, rows, columns = _drawn_part(key, height, width, scale, ratio)
        stretch = size[0] / rows, size[1] / columns
        return _resized(example, (top, left), stretch, size, min_visible)

    return per_example(one)


@with_hints
def resize(size: int | Sequence[int]) -> Augmentation:
    """Bring pictures to `size`, whatever their shape was. It draws nothing: the key may be None.

    Args:
        size: in pixels, or `(height, width)`.

    Returns:
        `(key, batch) -> batch`. Masks have the nearest label.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, the batch is.

    Example:
        >>> batch = {"image": jnp.array([0.0, 4, 8, 12]).reshape(1, 1, 4, 1)}
        >>> resize((1, 2))(None, batch)["image"].ravel().round(2).tolist()
        [2.859999895095825, 9.139999389648438]
    """
    size = size_of(size)

    def one(example):
        height, width = example["image"].shape[:2]
        stretch = (jnp.float32(size[0] / height), jnp.float32(size[1] / width))
        return _resized(example, (0.0, 0.0), stretch, size, 0.0)

    return without_key(one)


def _drawn_part(key, height, width, scale, ratio):
    """Top, left, rows and columns of a part, float32."""
    drawn = jax.random.uniform(key, (2 * TRIES + 2,))
    low, high = scale
    areas = height * width * (low + (high - low) * drawn[:TRIES])
    low, high = (math.log(side) for side in ratio)
    shapes = jnp.exp(low + (high - low) * drawn[TRIES:-2])
    rows, columns = jnp.round(jnp.sqrt(areas / shapes)), jnp.round(jnp.sqrt(areas * shapes))
    fits = (rows > 0) & (rows <= height) & (columns > 0) & (columns <= width)
    first = jnp.argmax(fits)
    rows, columns = rows[first], columns[first]
    room = jnp.stack([height - rows, width - columns])
    corner = jnp.floor(drawn[-2:] * (room + 1))
    top, left = jnp.minimum(corner, room)
    middle = _middle(height, width, ratio)
    drawn = jnp.stack([top, left, rows, columns])
    return jnp.where(fits.any(), drawn, jnp.asarray(middle, jnp.float32))


def _middle(height: int, width: int, ratio: tuple[float, float]) -> tuple[int, int, int, int]:
    """Top, left, rows and columns of the largest part in the middle with a shape in `ratio`."""
    shape = float(np.clip(width / height, *ratio))
    rows = min(height, max(1, round(width / shape)))
    columns = min(width, max(1, round(height * shape)))
    return (height - rows) // 2, (width - columns) // 2, rows, columns


def _resized(example: Example, corner, stretch, size, min_visible) -> Example:
    """The part that begins at `corner`, stretched, as a picture of `size`."""
    image, homography = example["image"], geometry.stretched(corner, stretch)
    moved = places(example, homography, size, min_visible)
    pixels = as_float(image)
    scales = jnp.stack(stretch).astype(pixels.dtype)
    moved["image"] = as_stored(
        jax.image.scale_and_translate(
            pixels,
            (*size, image.shape[-1]),
            (0, 1),
            scales,
            -jnp.stack([jnp.asarray(side, pixels.dtype) for side in corner]) * scales,
            "linear",
        ),
        image,
    )
    if "mask" in example:
        points = came_from(homography, size)
        last = jnp.asarray(image.shape[:2], jnp.float32)[None, None] - 1
        moved["mask"] = labels(example["mask"], jnp.clip(points, 0, last), 0)
    return moved
