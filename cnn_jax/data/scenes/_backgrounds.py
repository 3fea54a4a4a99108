"""What lies behind the garments: crops of photographs, or smooth noise."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cnn_jax.arguments import shown
from cnn_jax.data.photos import Joined

Background = Callable[[jax.Array], jax.Array]
GRIDS = {2: 0.5, 5: 0.3, 16: 0.15, 48: 0.05}  # cells of the noise on each axis: their strength


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
    images = [_in_color(image, size) for image in _listed(photographs)]
    joined = Joined.of(images)

    def draw(key):
        drawn = jax.random.uniform(key, (4,))
        part = joined.drawn(drawn[:3], size)
        part = jnp.where(drawn[3] < 0.5, part[:, ::-1], part)
        return part.astype(jnp.float32) / 255

    return draw


def _linear(size: int, cells: int) -> np.ndarray:
    """Weights (size, cells + 1) with which pixels lie between the corners of cells."""
    places = (np.arange(size) + 0.5) / size * cells
    return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(cells + 1))).astype(np.float32)


def _listed(photographs: Any) -> Sequence[Any]:
    images = list(photographs) if hasattr(photographs, "__len__") else []
    if not images:
        raise ValueError(
            "`backgrounds` must be images, (n, height, width, 3) or a list of images; got "
            f"{shown(photographs)}."
        )
    return images


def _in_color(image: Any, size: int) -> np.ndarray:
    array = np.asarray(image)
    array = array[..., None] if array.ndim == 2 else array
    if array.dtype != np.uint8:
        raise TypeError(f"`backgrounds` must hold uint8; got {array.dtype}.")
    if array.ndim != 3 or array.shape[-1] not in (1, 3) or min(array.shape[:2]) < size:
        raise ValueError(
            f"`backgrounds` must be images (height, width, 3) of at least {size} x {size}; got "
            f"{np.shape(image)}."
        )
    return np.broadcast_to(array, (*array.shape[:2], 3))
