"""A contact sheet: examples of a set in one picture, with their classes, masks and boxes."""

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .sources import Source

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LONGEST = 18  # letters of a name above an image
TILE = 1.3  # inches
COLORS = 20  # of matplotlib's "tab20"


def sheet(source: Source, count: int) -> "Figure":
    """Draw examples, evenly spaced over the split, so that sorted classes all appear.

    Args:
        source: its examples have an ``image``; ``label``, masks and boxes are drawn if there are.
        count: how many examples there are at most.

    Returns:
        A figure of matplotlib.

    Raises:
        ValueError: there are no images.

    Example:
        >>> from cnn_jax import data
        >>> len(sheet(data.source("fashion_mnist_small", "test"), 10).axes)
        10
    """
    from matplotlib.figure import Figure  # half a second that `load` does not need

    if not source.info.shape or not len(source):
        raise ValueError(
            f"`split` {source.split!r} of {source.info.name} has no images to draw; "
            "`--count 0` draws none."
        )
    indices = spaced(len(source), count)
    columns = math.ceil(math.sqrt(1.5 * len(indices)))
    rows = math.ceil(len(indices) / columns)
    figure = Figure(figsize=(TILE * columns, (TILE + 0.2) * rows), layout="constrained")
    for place, index in enumerate(indices):
        axes = figure.add_subplot(rows, columns, place + 1)
        draw(axes, source, source[index])
    return figure


def spaced(n: int, count: int) -> list[int]:
    """Indices below `n`, `count` of them or all, evenly spaced from the first to the last.

    Example:
        >>> spaced(10, 4), spaced(2, 4)
        ([0, 3, 6, 9], [0, 1])
    """
    return np.linspace(0, n - 1, min(n, count)).round().astype(int).tolist()


def draw(axes: "Axes", source: Source, example: Mapping[str, Any]) -> None:
    """Draw one example: its image, over it masks and boxes, above it the name of its class.

    A signal is drawn as a line for each channel.

    Example:
        >>> from cnn_jax import data
        >>> from matplotlib.figure import Figure
        >>> axes = Figure().subplots()
        >>> test = data.source("fashion_mnist_small", "test")
        >>> draw(axes, test, test[0])
        >>> axes.get_title()
        'Ankle boot'
    """
    from matplotlib.patches import Rectangle

    image = example["image"]
    height, width = image.shape[:2]
    if image.ndim == 2:
        axes.plot(image, linewidth=1)
    else:
        axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    for name in source.info.masks:
        colors = example[name][..., 0] % COLORS
        axes.imshow(
            colors, cmap="tab20", vmin=0, vmax=COLORS - 1, alpha=0.5, interpolation="nearest"
        )
    for number, (box, label) in enumerate(boxes(source, example)):
        top, left, bottom, right = np.asarray(box) * (height, width, height, width) - 0.5
        color = f"C{number % 10}"
        axes.add_patch(
            Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=color)
        )
        if label:
            said = axes.text(left, top, shortened(label), fontsize=5, color="white", va="bottom")
            said.set_bbox({"facecolor": color, "linewidth": 0, "pad": 0.5})
            said.set_parse_math(False)
    name = named(source, "label", example.get("label", -1))
    axes.set_title(shortened(name), fontsize="x-small", parse_math=False)
    axes.set_axis_off()


def boxes(source: Source, example: Mapping[str, Any]) -> Iterator[tuple[np.ndarray, str]]:
    """The boxes of an example with the names of their classes, empty where there are none."""
    for path in source.info.boxes:
        outer = path.rpartition("/")[0]
        found = np.reshape(at(example, path), (-1, 4))
        numbers = at(example, f"{outer}/label") if outer else None
        for box, number in zip(found, [-1] * len(found) if numbers is None else numbers):
            yield box, named(source, f"{outer}/label", number)


def at(example: Mapping[str, Any], path: str) -> Any:
    """What lies at a path such as ``objects/bbox``; None if nothing does."""
    found: Any = example
    for name in path.split("/"):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def named(source: Source, label: str, number: int) -> str:
    """The name of a class; empty if it has none, as a label of -1."""
    names = source.info.labels.get(label, ())
    return names[number] if 0 <= number < len(names) else ""


def shortened(text: str) -> str:
    """A text that fits above an image."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
