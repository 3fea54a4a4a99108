"""Figures of receptive fields: `plot_receptive_field` and `plot_effective_field`."""

import math
from collections.abc import Sequence
from os import PathLike
from typing import Any

import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Rectangle

from cnn_jax.arguments import integer

from ..probes import EffectiveField, EffectiveMap, ReceptiveField, SeenAxis
from ._figures import COLORS, figure, finished, found_by, pixels

# An image with more elements per axis is drawn without a grid.
MOST_LINES = 64
# The longer side of a picture, in inches.
SIDE = 5.0
# The height of a picture of one axis, in inches.
STRIP = 0.9
PHOTO = {"cmap": "gray", "vmin": 0, "vmax": 1, "interpolation": "nearest", "zorder": 1}

# The vertical axis of that picture.
_ALL = SeenAxis(0, 0, 1, 0, None, 0, True)


def plot_receptive_field(
    field: ReceptiveField,
    *,
    number: int = 0,
    image: Any = None,
    path: str | PathLike | None = None,
) -> Figure:
    """Draw the receptive field of a unit on the input, with its padding and its center.

    ```
    >>> import numpy as np
    >>> from cnn_jax import functional as F
    >>> from cnn_jax.analysis import receptive_field
    >>> field = receptive_field(lambda x: F.max_pool(x, (3, 3), padding=1), (1, 9, 9, 1))
    >>> plot_receptive_field(field).axes[0].get_title()
    'unit (0, 1, 1, 0) sees 3 x 3, stride 3 x 3'
    >>> len(plot_receptive_field(field, image=np.eye(9)).axes[0].images)
    1

    ```

    Args:
        field: what `receptive_field` returns.
        number: which input to draw. Of more than two spatial axes the last two are drawn.
        image: what the input shows, to be seen through the field: (height, width), (height, width,
            1) or (height, width, 3), of uint8, or of floats from 0 to 1. An input with one spatial
            axis has height 1.
        path: where to write the picture, if anywhere; its ending tells how (``.png``, ``.svg``).

    Returns:
        The figure.

    Raises:
        TypeError: if `field` is something else, or `image` is no array.
        ValueError: if there is no such input, it has no spatial axis, or `image` has another size
            or other values.
    """
    seen = _of_input(found_by("receptive_field", field, ReceptiveField).inputs, number)
    if not seen.spatial:
        raise ValueError(
            f"Input {number} {seen.shape} must have a spatial axis to be drawn, one along which a "
            "window slides; it has none."
        )
    axes = seen.spatial[-2:]
    height, width = [seen.shape[a] for a in axes] if len(axes) == 2 else (1, seen.shape[axes[0]])
    down, across = [seen.axes[a] for a in axes] if len(axes) == 2 else (_ALL, seen.axes[axes[0]])
    (top, bottom), (left, right) = _shown(down), _shown(across)
    picture = None if image is None else _picture(image, height, width)

    low = (min(0, top), min(0, left))
    high = (max(height - 1, bottom), max(width - 1, right))
    spans = [b - a + 1 for a, b in zip(low, high)]
    scale = SIDE / max(spans)
    tall = max(spans[0] * scale, 1) if len(axes) == 2 else STRIP
    made, ((ax,),) = figure(max(spans[1] * scale, 2) + 1, tall + 1)
    if picture is None:
        ax.add_patch(_box(0, height - 1, 0, width - 1, facecolor="0.93", label="image"))
    if top < 0 or left < 0 or bottom >= height or right >= width:
        style = {"hatch": "///", "facecolor": "none", "edgecolor": "0.55", "label": "padding"}
        ax.add_patch(_box(top, bottom, left, right, **style))
    style = {"label": "what the unit sees", "facecolor": "#3b6ea8"}
    if picture is None:
        _grid(ax, height, width)
    else:
        ax.imshow(picture, aspect="auto", **PHOTO)  # hides the padding under it
        style |= {"facecolor": (*to_rgb("#3b6ea8"), 0.25), "edgecolor": "#6fb7ff", "linewidth": 2.5}
    if down.low <= down.high and across.low <= across.high:
        ax.add_patch(_box(down.low, down.high, across.low, across.high, **style))
    ax.add_patch(_box(0, height - 1, 0, width - 1, facecolor="none", edgecolor="black"))
    ax.add_patch(
        _box(top, bottom, left, right, facecolor="none", edgecolor="black", linestyle="--")
    )
    center = ((left + right) / 2, (top + bottom) / 2)
    ax.plot(*center, marker="+", markersize=10, color="white", markeredgewidth=4)
    ax.plot(*center, marker="+", markersize=8, color="black", linestyle="none", label="center")

    margin = 0.03 * max(spans) + 0.5
    ax.set_xlim(low[1] - margin, high[1] + margin)
    ax.set_xlabel(f"axis {axes[-1]}")
    if len(axes) == 2:
        ax.set_ylim(high[0] + margin, low[0] - margin)
        ax.set_aspect("equal")
        ax.set_ylabel(f"axis {axes[0]}")
    else:  # a strip, however long
        ax.set_ylim(0.8, -0.8)
        ax.set_yticks([])
    ax.set_title(_words(field, [seen.axes[a] for a in axes]), fontsize="medium")
    made.legend(loc="outside lower center", ncols=4, frameon=False, fontsize="small")
    return finished(made, path)


def _picture(image: Any, height: int, width: int) -> np.ndarray:
    """An image of that size as floats from 0 to 1: (height, width), or with three colors."""
    values = pixels("image", image, "`photo()`")
    sizes = (height, width), (height, width, 1), (height, width, 3)
    if values.shape not in sizes:
        raise ValueError(
            f"`image` must be {sizes[0]}, {sizes[1]} or {sizes[2]}, as large as the input; got "
            f"shape {values.shape}."
        )
    if image.dtype == np.uint8:
        values = values / 255
    elif not jnp.issubdtype(image.dtype, jnp.floating):
        raise ValueError(f"`image` must be of uint8, or of floats from 0 to 1; got {image.dtype}.")
    elif not ((values >= 0) & (values <= 1)).all():
        raise ValueError(
            "`image` must be of uint8, or of floats from 0 to 1; got floats from "
            f"{values.min():g} to {values.max():g}."
        )
    return values[..., 0] if values.shape == sizes[1] else values


def _of_input(inputs: Sequence, number: int):
    return inputs[integer("number", number, at_least=0, at_most=len(inputs) - 1)]


def _shown(axis: SeenAxis) -> tuple[int, int]:
    """The first and the last element to draw, padding included if that is known."""
    low, high = axis.padded
    return (low, high) if axis.low > axis.high else (min(low, axis.low), max(high, axis.high))


def _box(top: float, bottom: float, left: float, right: float, **style) -> Rectangle:
    return Rectangle((left - 0.5, top - 0.5), right - left + 1, bottom - top + 1, **style)


def _grid(ax: Axes, height: int, width: int) -> None:
    if max(height, width) <= MOST_LINES:
        x, y = np.arange(width + 1) - 0.5, np.arange(height + 1) - 0.5
        ax.vlines(x, -0.5, height - 0.5, color="white", linewidth=0.6)
        ax.hlines(y, -0.5, width - 0.5, color="white", linewidth=0.6)


def _words(field: ReceptiveField, axes: Sequence[SeenAxis]) -> str:
    sizes = " x ".join(
        f"{axis.size if axis.size is not None else axis.high - axis.low + 1:,}" for axis in axes
    )
    words = f"unit {field.unit} sees {sizes}"
    if all(axis.stride is not None for axis in axes):
        words += ", stride " + " x ".join(str(axis.stride) for axis in axes)
    return f"{field.output}: {words}" if field.output else words


def plot_effective_field(
    field: EffectiveField, *, number: int = 0, path: str | PathLike | None = None
) -> Figure:
    """Draw how strongly a unit depends on each place of an input, and a Gaussian as wide.

    ```
    >>> import jax
    >>> from cnn_jax import functional as F
    >>> from cnn_jax.analysis import effective_receptive_field
    >>> def f(x):
    ...     return F.avg_pool(x, (3, 3), stride=1)
    >>> field = effective_receptive_field(f, (1, 9, 9, 1), key=jax.random.key(0), samples=2)
    >>> plot_effective_field(field).axes[0].get_title()
    'standard deviation 0.82 x 0.82'

    ```

    Args:
        field: what `effective_receptive_field` returns.
        number: which input to draw. Of more than two axes the last two are drawn, as sums along the
            others.
        path: where to write the picture, if anywhere.

    Returns:
        The figure: a map with an ellipse of two standard deviations; for one axis a curve.

    Raises:
        TypeError: if `field` is something else.
        ValueError: if there is no such input.
    """
    found_by("effective_receptive_field", field, EffectiveField)
    seen: EffectiveMap = _of_input(field.inputs, number)
    rank = seen.magnitude.ndim
    values = seen.magnitude.sum(tuple(range(rank - 2)))
    title = "standard deviation " + " x ".join(f"{w:.2f}" for w in seen.width[-2:])
    if values.ndim < 2:
        return finished(_curve(seen, values.reshape(-1), title), path)
    height, width = values.shape
    scale = SIDE / max(height, width)
    made, ((ax,),) = figure(max(width * scale, 2) + 1.5, max(height * scale, 1) + 0.8)
    image = ax.imshow(values, cmap=COLORS)
    (row, column), (tall, wide) = seen.center[-2:], seen.width[-2:]
    for color, thickness in (("black", 3.0), ("white", 1.5)):
        ellipse = Ellipse((column, row), 4 * wide, 4 * tall, fill=False, edgecolor=color)
        ellipse.set(linewidth=thickness, linestyle="--")
        ax.add_patch(ellipse)
    ax.set(xlabel=f"axis {seen.axes[-1]}", ylabel=f"axis {seen.axes[-2]}")
    ax.set_title(title, fontsize="medium")
    made.colorbar(image, label="mean |gradient|")
    return finished(made, path)


def _curve(seen: EffectiveMap, values: np.ndarray, title: str) -> Figure:
    made, ((ax,),) = figure(6, 3.2)
    places = np.arange(len(values))
    ax.bar(places, values, width=1.0, color="0.75", label="mean |gradient|")
    center, width = seen.center[-1], seen.width[-1]
    if width > 0:
        fine = np.linspace(0, len(values) - 1, 400)
        height = values.sum() / (width * math.sqrt(2 * math.pi))
        bell = height * np.exp(-((fine - center) ** 2) / (2 * width**2))
        ax.plot(fine, bell, color="black", label="Gaussian of that width")
    ax.set_xlabel(f"axis {seen.axes[-1]}")
    ax.set_title(title, fontsize="medium")
    ax.legend(frameon=False, fontsize="small")
    return made
