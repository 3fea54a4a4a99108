"""Figures of kernels, of feature maps and of filtered images."""

import math
from collections.abc import Mapping
from os import PathLike
from typing import Any

import jax.numpy as jnp
import numpy as np
from matplotlib.cbook import get_sample_data
from matplotlib.figure import Figure
from PIL import Image

from cnn_jax import functional as F
from cnn_jax.arguments import integer

from ._figures import COLORS, bare, figure, finished, pixels

# A tile's side, in inches.
TILE = 1.0

# An average, Sobel's edges (1968), Laplace's operator, and an image minus that.
FILTERS: dict[str, np.ndarray] = {
    "blur": np.full((9, 9), 1 / 81),
    "horizontal edges": np.array([[1.0, 2.0, 1.0], [0.0, 0.0, 0.0], [-1.0, -2.0, -1.0]]),
    "vertical edges": np.array([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]]),
    "all edges": np.array([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]),
    "sharpen": np.array([[0.0, -1.0, 0.0], [-1.0, 5.0, -1.0], [0.0, -1.0, 0.0]]),
}


def photo() -> np.ndarray:
    """A photo that comes with Matplotlib: (600, 512, 3) of float32 from 0 to 1.

    Grace Hopper, portrayed by the United States Navy in 1984; in the public domain.

    ```
    >>> photo().shape
    (600, 512, 3)

    ```
    """
    path = str(get_sample_data("grace_hopper.jpg", asfileobj=False))
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), np.float32) / 255


def plot_kernels(kernel: Any, *, most: int = 64, path: str | PathLike | None = None) -> Figure:
    """Draw the kernels of a convolution, in color if it has three input channels.

    ```
    >>> import jax
    >>> kernel = jax.random.normal(jax.random.key(0), (5, 5, 3, 8))
    >>> len(plot_kernels(kernel).axes)
    8

    ```

    Args:
        kernel: (*window, in_channels, out_channels) with one or two axes of the window. Three input
            channels are red, green and blue; otherwise each has a tile of its own.
        most: how many tiles to draw at most, the first ones.
        path: where to write the picture, if anywhere.

    Returns:
        The figure. Gray is zero; each output channel has a scale of its own.

    Raises:
        TypeError: if `kernel` is no array, or `most` no int.
        ValueError: if `kernel` has other axes, or `most` is below 1.
    """
    kernel = pixels("kernel", kernel, "`layer.kernel[...]`")
    if kernel.ndim not in (3, 4) or 0 in kernel.shape:
        raise ValueError(
            "`kernel` must be (*window, in_channels, out_channels) with one or two axes of the "
            f"window; got shape {kernel.shape}."
        )
    kernel = kernel[None] if kernel.ndim == 3 else kernel
    largest = np.abs(kernel).max((0, 1, 2))
    shown = 0.5 + 0.5 * kernel / np.where(largest > 0, largest, 1)
    colored = kernel.shape[2] == 3
    if colored:
        tiles = [shown[..., o] for o in range(shown.shape[-1])]
    else:
        tiles = [shown[..., i, o] for o in range(shown.shape[-1]) for i in range(shown.shape[2])]
    made, grid = _tiles(len(tiles), most, kernel.shape[:2])
    for ax, tile in zip(grid, tiles):
        ax.imshow(tile, cmap=None if colored else "gray", vmin=0, vmax=1)
    return finished(made, path)


def plot_feature_maps(
    features: Any, *, image: int = 0, most: int = 16, path: str | PathLike | None = None
) -> Figure:
    """Draw the feature maps of one image, a tile for each channel.

    ```
    >>> import jax
    >>> features = jax.random.normal(jax.random.key(0), (2, 12, 12, 6))
    >>> len(plot_feature_maps(features, image=1).axes)
    6

    ```

    Args:
        features: (height, width, channels), or (images, height, width, channels).
        image: which of the images.
        most: how many channels to draw at most, the first ones.
        path: where to write the picture, if anywhere.

    Returns:
        The figure. Dark is low; each channel has a scale of its own.

    Raises:
        TypeError: if `features` is no array, or `most` no int.
        ValueError: if `features` has other axes, there is no such image, or `most` is below 1.
    """
    features = pixels("features", features, "one of those that `trace_features` returns")
    if features.ndim not in (3, 4) or 0 in features.shape:
        raise ValueError(
            "`features` must be (height, width, channels) or (images, height, width, channels); "
            f"got shape {features.shape}."
        )
    if features.ndim == 4:
        features = features[integer("image", image, at_least=0, at_most=len(features) - 1)]
    made, grid = _tiles(features.shape[-1], most, features.shape[:2])
    for channel, ax in enumerate(grid):
        ax.imshow(features[..., channel], cmap=COLORS)
        bare(ax, str(channel))
    return finished(made, path)


def plot_filtered(
    image: Any,
    filters: Mapping[str, Any] | None = None,
    *,
    path: str | PathLike | None = None,
) -> Figure:
    """Draw an image and the results of filters on it, such as its edges.

    ```
    >>> [ax.get_title() for ax in plot_filtered(photo()).axes][:3]
    ['image', 'blur', 'horizontal edges']

    ```

    Args:
        image: (height, width), or (height, width, 3), of which the mean of the channels is taken.
        filters: an array (taps, taps) for each name; by default `FILTERS`: an average, Sobel's and
            Laplace's edges, and a sharper image.
        path: where to write the picture, if anywhere.

    Returns:
        The figure. Where a filter has negative weights and its sum is zero, gray is zero.

    Raises:
        TypeError: if the image is no array.
        ValueError: if the image or a filter has other axes.
    """
    image = pixels("image", image, "`photo()`")
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[-1] not in (1, 3)):
        raise ValueError(
            f"`image` must be (height, width) or (height, width, 3); got shape {image.shape}."
        )
    gray = image.mean(-1) if image.ndim == 3 else image
    filters = FILTERS if filters is None else filters
    made, grid = _tiles(1 + len(filters), 1 + len(filters), gray.shape, columns=3, tile=2.6)
    grid[0].imshow(gray, cmap="gray")
    bare(grid[0], "image")
    for ax, (name, taps) in zip(grid[1:], filters.items()):
        taps = np.asarray(taps, np.float32)
        if taps.ndim != 2:
            raise ValueError(
                f"`filters` must hold arrays (taps, taps); got shape {taps.shape} for {name!r}."
            )
        kernel = jnp.asarray(taps)[..., None, None]
        found = F.conv(
            jnp.asarray(gray)[..., None], kernel, padding="SAME", padding_mode="replicate"
        )
        found, low, high = np.asarray(found)[..., 0], gray.min(), gray.max()
        if abs(taps.sum()) < 1e-6 * np.abs(taps).sum():
            high = max(np.percentile(np.abs(found), 99), 1e-12)
            low = -high
        ax.imshow(found, cmap="gray", vmin=low, vmax=high)
        bare(ax, name)
    return finished(made, path)


def _tiles(
    number: int, most: int, shape: tuple[int, ...], columns: int = 8, tile: float = TILE
) -> tuple[Figure, list]:
    """A figure with a place for each of at most `most` tiles of that shape."""
    drawn = min(number, integer("most", most, at_least=1))
    columns = min(drawn, columns)
    rows = math.ceil(drawn / columns)
    height = tile * min(max(shape[0] / shape[1], 0.25), 4)
    made, grid = figure(columns * tile + 0.4, rows * (height + 0.25) + 0.4, rows, columns)
    places = list(grid.ravel())
    for ax in places[drawn:]:
        ax.remove()
    for ax in places[:drawn]:
        bare(ax)
    if drawn < number:
        made.suptitle(f"the first {drawn} of {number:,}", fontsize="small")
    return made, places[:drawn]
