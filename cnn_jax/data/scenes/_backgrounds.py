"""What lies behind the garments: crops of photographs, as they are or altered, or smooth noise."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from cnn_jax import arguments
from cnn_jax.arguments import shown
from cnn_jax.data.photos import Joined

from ._shapes import NUMBERS, shape

Background = Callable[[jax.Array], jax.Array]
GRIDS = {2: 0.5, 5: 0.3, 16: 0.15, 48: 0.05}  # cells of the noise on each axis: their strength


def background(backgrounds: Any, size: int) -> Background:
    """Return `key -> (size, size, 3)` in [0, 1]: a function as it is, photographs by `crops`.

    Args:
        backgrounds: such a function, photographs, or None for smooth noise.
        size: height and width.
    """
    if backgrounds is None:
        return noise(size)
    return (
        cast(Background, backgrounds)
        if callable(backgrounds)
        else _crops("backgrounds", backgrounds, size)
    )


def noise(size: int) -> Background:
    """Return `key -> (size, size, 3)` in [0, 1]: smooth noise, coarse and fine, in color."""
    weights = {cells: jnp.asarray(_linear(size, cells)) for cells in GRIDS}
    numbers = sum((cells + 1) ** 2 for cells in GRIDS)

    def draw(key):
        total = jnp.full((size, size, 3), 0.5)
        values = jax.random.normal(key, (numbers, 4))
        values = 0.5 * values[:, :1] + 0.25 * values[:, 1:]  # gray, and color
        for cells, strength in GRIDS.items():
            corners = values[: (cells + 1) ** 2].reshape(cells + 1, cells + 1, 3)
            values = values[(cells + 1) ** 2 :]
            rows = jnp.einsum("hi,ijc->hjc", weights[cells], strength * corners)
            total = total + jnp.einsum("wj,hjc->hwc", weights[cells], rows)
        return jnp.clip(total, 0, 1)

    return draw


def crops(photographs: Any, size: int) -> Background:
    """Return `key -> (size, size, 3)` in [0, 1]: a part of a photograph, perhaps mirrored.

    Raises:
        TypeError, ValueError: `photographs` are no uint8 images of that size or more.
    """
    return _crops("photographs", photographs, size)


def _crops(name: str, photographs: Any, size: int) -> Background:
    joined = Joined.of([_in_color(name, image, size) for image in _listed(name, photographs)])

    def draw(key):
        drawn = jax.random.uniform(key, (4,))
        part = joined.drawn(drawn[:3], size)
        part = jnp.where(drawn[3] < 0.5, part[:, ::-1], part)
        return part.astype(jnp.float32) / 255

    return draw


def altered(photographs: Any, size: int, shapes: int = 8) -> Background:
    """Return `key -> (size, size, 3)` in [0, 1]: as `crops`, altered, to see more than there are.

    A part of a photograph is shown at half to twice its size, in any of eight positions (mirrored,
    turned by a quarter), with its colors mixed, with another contrast, at times as a negative, and
    under smooth noise. Ellipses, rectangles and lattices lie on it. A network that has seen a few
    photographs only as they are takes what is round or bright in others for an object.

    Args:
        photographs: uint8, (n, height, width, 3) or a list of images of several sizes.
        size: height and width of what is shown.
        shapes: how many at most.

    Raises:
        TypeError, ValueError: `photographs` are no uint8 images of that size or more.
    """
    shapes = arguments.integer("shapes", shapes, at_least=0)
    name = "photographs"
    images = [_in_color(name, image, size) for image in _listed(name, photographs)]
    joined, smooth = Joined.of(images), noise(size)
    side = min(2 * size, *(min(image.shape[:2]) for image in images))

    def part(drawn):
        """A part of a photograph of 22 numbers."""
        place, zoom, shift, turn, look, mix = jnp.split(drawn, np.cumsum([3, 1, 2, 3, 4]))
        scale = (size / side) * (2 * side / size) ** zoom[0]  # the whole square, to twice as large
        start = shift * (size / scale - side)
        shown = joined.drawn(place, side).astype(jnp.float32) / 255
        shown = jax.image.scale_and_translate(
            shown, (size, size, 3), (0, 1), jnp.stack([scale, scale]), start * scale, "linear"
        )
        for flip, axis in ((turn[0], 0), (turn[1], 1)):
            shown = jnp.where(flip < 0.5, jnp.flip(shown, axis), shown)
        shown = jnp.where(turn[2] < 0.5, shown.swapaxes(0, 1), shown)
        mixed = mix.reshape(3, 3) / mix.reshape(3, 3).sum(0, keepdims=True)
        mixed = look[0] * jnp.eye(3) + (1 - look[0]) * mixed
        shown = jnp.einsum("hwc,cd->hwd", shown, mixed, precision="highest")
        contrast = (0.4 + 0.8 * look[1]) * jnp.where(look[2] < 0.25, -1, 1)
        return 0.5 + contrast * (shown - 0.5) + 0.3 * (look[3] - 0.5)

    def draw(key):
        key, noise_key = jax.random.split(key)
        drawn = jax.random.uniform(key, (46 + NUMBERS * shapes,))
        image, other = jax.vmap(part)(drawn[:44].reshape(2, 22))
        covers, paints = jax.vmap(shape, (0, None))(drawn[46:].reshape(shapes, NUMBERS), other)
        count = jnp.floor(drawn[44] * (shapes + 1)).astype(jnp.int32)
        for number in range(shapes):
            seen = covers[number] & (number < count)
            image = jnp.where(seen[..., None], paints[number], image)
        return jnp.clip(image + 0.6 * drawn[45] * (smooth(noise_key) - 0.5), 0, 1)

    return draw


def _linear(size: int, cells: int) -> np.ndarray:
    """Weights (size, cells + 1) with which pixels lie between the corners of cells."""
    places = (np.arange(size) + 0.5) / size * cells
    return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(cells + 1))).astype(np.float32)


def _listed(name: str, photographs: Any) -> Sequence[Any]:
    images = list(photographs) if hasattr(photographs, "__len__") else []
    if not images:
        raise ValueError(
            f"`{name}` must be images, (n, height, width, 3) or a list of images; got "
            f"{shown(photographs)}."
        )
    return images


def _in_color(name: str, image: Any, size: int) -> np.ndarray:
    array = np.asarray(image)
    array = array[..., None] if array.ndim == 2 else array
    if array.dtype != np.uint8:
        raise TypeError(f"`{name}` must hold uint8; got {array.dtype}.")
    if array.ndim != 3 or array.shape[-1] not in (1, 3) or min(array.shape[:2]) < size:
        raise ValueError(
            f"`{name}` must be images (height, width, 3) of at least {size} x {size}; got "
            f"{np.shape(image)}."
        )
    return np.broadcast_to(array, (*array.shape[:2], 3))
