"""Pictures of semantic segmentation: its curves, and the classes of pixels laid over scenes."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from cnn_jax.training import Record
from experiments.drawing import plots

EACH = 6  # scenes above, and below


def curves(file: Path, history: Sequence[Record]) -> None:
    """Draw the loss and the intersection over union by epoch, of each class and their mean."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [record["epoch"] for record in history]
    for name, style in (("train_loss", "--"), ("test_loss", "-")):
        left.plot(epochs, [record[name] for record in history], style, label=name)
    start = "test_iou of "
    for number, name in enumerate(n for n in history[0] if n.startswith(start)):
        values = [record[name] for record in history]
        right.plot(epochs, values, color=hue(number), linewidth=1, label=name.removeprefix(start))
    means = [record["test_miou"] for record in history]
    right.plot(epochs, means, "k-", linewidth=2.5, label="mean")
    left.set(xlabel="epoch", ylabel="loss", yscale="log")
    right.set(xlabel="epoch", ylabel="intersection over union, held-out scenes", ylim=(0, 1))
    left.legend()
    right.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
    plots.save(figure, file)


def hue(label: int) -> tuple[float, float, float]:
    """The color of a class: gray for the background."""
    red, green, blue, _ = mpl.colormaps["tab10"]((label - 1) % 10)
    return (red, green, blue) if label else (0.5, 0.5, 0.5)


def overlaid(image: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Lay the colors of the classes over an image (h, w, 3) uint8; the background stays."""
    colors = np.array([hue(number) for number in range(int(label.max()) + 1)])
    gray = image.mean(-1, keepdims=True) / 255
    return np.where(label[..., None] > 0, 0.7 * colors[label] + 0.3 * gray, image / 255)


def rightness(true: np.ndarray, said: np.ndarray) -> np.ndarray:
    """The mean over the classes that are in a scene or said to be of their overlap: (n,)."""
    made = []
    for one, other in zip(true, said):
        kinds = np.union1d(one[one > 0], other[other > 0])
        pairs = [((one == k) & (other == k), (one == k) | (other == k)) for k in kinds]
        made.append(np.mean([both.sum() / either.sum() for both, either in pairs] or [1.0]))
    return np.array(made)


def scenes(
    file: Path,
    images: np.ndarray,
    true: np.ndarray,
    said: np.ndarray,
    baseline: np.ndarray,
    names: Sequence[str],
) -> None:
    """Draw scenes, the truth, the network's and the baseline's pixels: best ones, then the worst.

    Args:
        file: to write.
        images: uint8 (n, h, w, 3).
        true: a class for each pixel, (n, h, w).
        said: those of the network.
        baseline: those of another method.
        names: of the classes, the background first.
    """
    right = rightness(true, said)
    kinds = np.array([len(np.unique(label)) for label in true])
    best = np.lexsort((-right, -kinds * (right > 0.85)))[:EACH]
    worst = np.argsort(right, kind="stable")[:EACH]
    columns = [*best, *worst]
    rows = {"scene": None, "truth": true, "network": said, "baseline": baseline}
    figure = Figure(figsize=(1.35 * len(columns), 6.9), layout="constrained")
    grid = figure.subplots(len(rows), len(columns), squeeze=False)
    for line, (name, labels) in zip(grid, rows.items()):
        line[0].set_ylabel(name)
        for axes, scene in zip(line, columns):
            image = images[scene]
            axes.imshow(image if labels is None else overlaid(image, labels[scene]))
            axes.set(xticks=[], yticks=[])
    for axes, scene in zip(grid[0], columns):
        axes.set_title(f"IoU {right[scene]:.2f}", fontsize=8)
    patches = [Patch(color=hue(i), label=name) for i, name in enumerate(names) if i]
    figure.legend(handles=patches, loc="outside lower center", ncols=5, fontsize=8)
    half = "left: many classes, found well; right: the worst"
    figure.suptitle(f"{half}; IoU of the network, mean over a scene's classes", fontsize=9)
    plots.save(figure, file)
