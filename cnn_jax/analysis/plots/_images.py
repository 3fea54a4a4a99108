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
    """Draw the kernels of a convolution: bars along one axis, tiles on two.

    ```
    >>> import jax
    >>> kernel = jax.random.normal(jax.random.key(0), (5, 5, 3, 8))
    >>> len(plot_kernels(kernel).axes)
    8

    ```

    Args:
        kernel: (*window, in_channels, out_channels) with one or two axes of the window. On two,
            three input channels are red, green and blue; otherwise each has a tile of its own.
        most: how many tiles to draw at most, the first ones.
        path: where to write the picture, if anywhere.

    Returns:
        The figure. Gray is zero, or the line from which bars go up and down; each output channel
        has a scale of its own.

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
    largest = np.abs(kernel).max(tuple(range(kernel.ndim - 1)))
    scaled = kernel / np.where(largest > 0, largest, 1)
    if kernel.ndim == 3:
        return finished(_bars(scaled, most), path)
    shown = 0.5 + 0.5 * scaled
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
    features: Any,
    *,
    image: int = 0,
    most: int = 16,
    spatial: int = 2,
    path: str | PathLike | None = None,
) -> Figure:
    """Draw the feature maps of one image, or of one signal, a tile for each channel.

    ```
    >>> import jax
    >>> features = jax.random.normal(jax.random.key(0), (2, 12, 12, 6))
    >>> len(plot_feature_maps(features, image=1).axes)
    6

    ```

    Args:
        features: (height, width, channels), or (images, height, width, channels); of signals
            (time, channels), or (signals, time, channels).
        image: which of the images.
        most: how many channels to draw at most, the first ones.
        spatial: the number of spatial axes: 2, or 1 for signals, which are drawn as curves.
        path: where to write the picture, if anywhere.

    Returns:
        The figure. Dark is low; each channel has a scale of its own. Curves of signals have one
        scale.

    Raises:
        TypeError: if `features` is no array, or `most` no int.
        ValueError: if `features` has other axes, there is no such image, `most` is below 1, or
            `spatial` neither 1 nor 2.
    """
    features = pixels("features", features, "one of those that `trace_features` returns")
    axes = {1: "time", 2: "height, width"}[integer("spatial", spatial, at_least=1, at_most=2)]
    if features.ndim not in (spatial + 1, spatial + 2) or 0 in features.shape:
        raise ValueError(
            f"`features` must be ({axes}, channels) or (images, {axes}, channels); "
            f"got shape {features.shape}."
        )
    if features.ndim == spatial + 2:
        features = features[integer("image", image, at_least=0, at_most=len(features) - 1)]
    if spatial == 1:
        return finished(_curves(features, most), path)
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


def _bars(kernel: np.ndarray, most: int) -> Figure:
    """Weights along one axis, from -1 to 1: a tile for each pair of channels."""
    taps, channels, outputs = kernel.shape
    made, grid = _tiles(channels * outputs, most, (1, 1))
    pairs = [(i, o) for o in range(outputs) for i in range(channels)]
    for ax, (i, o) in zip(grid, pairs):
        ax.axhline(0, color="0.6", linewidth=0.8)
        ax.bar(range(taps), kernel[:, i, o], width=0.8, color="#3b6ea8")
        ax.set(ylim=(-1.1, 1.1), xlim=(-0.7, taps - 0.3))
    return made


def _curves(features: np.ndarray, most: int) -> Figure:
    """Signals (time, channels): a tile for each channel."""
    made, grid = _tiles(features.shape[-1], most, (1, 2), columns=4, tile=2.0)
    low, high = features.min(), features.max()
    margin = 0.05 * (high - low) or 1
    for channel, ax in enumerate(grid):
        ax.plot(features[:, channel], color="black", linewidth=1, marker=".", markersize=3)
        bare(ax, str(channel))
        ax.set_ylim(low - margin, high + margin)
    return made


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
