"""Pictures of a training run: curves, confusion matrix, filters and feature maps."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import jax
import numpy as np
from jax.typing import ArrayLike
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from cnn_jax import files
from cnn_jax.data import Dataset
from cnn_jax.training import Record

PANELS = "Panels"  # the name of the text in a picture that says where its panels are
MAPS_IN_A_LINE = 8
FEW = 30  # classes whose names and numbers can be read in a confusion matrix


ACCURACY = {"loss": " (nats)", "accuracy": ""}


def curves(file: Path, history: Sequence[Record], measures: Mapping[str, str] = ACCURACY) -> None:
    """Draw what was measured on training and test images, by epoch.

    Args:
        file: to write.
        history: the records of the epochs.
        measures: two of them by name, each with its unit.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    epochs = [record["epoch"] for record in history]
    for axes, (what, unit) in zip(figure.subplots(1, 2), measures.items()):
        for split, style in (("train", "--"), ("test", "-"), ("average", ":")):
            if history and f"{split}_{what}" in history[0]:
                values = [record[f"{split}_{what}"] for record in history]
                axes.plot(epochs, values, style, marker=".", label=split)
        axes.set(xlabel="epoch", ylabel=what + unit)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        if history:
            axes.legend()
    if history and "accuracy" in measures:
        figure.suptitle(f"test accuracy {history[-1]['test_accuracy']:.4f}")
    save(figure, file)


def loss_and_figures(
    file: Path, history: Sequence[Record], what: str, figures: Mapping[str, str]
) -> None:
    """Draw the loss of training and held-out examples by epoch, and figures in [0, 1] beside it.

    Args:
        file: to write.
        history: the records of the epochs.
        what: the figures are.
        figures: what is said of each, by its name in the records.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [record["epoch"] for record in history]
    for name, style in (("train_loss", "--"), ("test_loss", "-")):
        left.plot(epochs, [record[name] for record in history], style, label=name)
    for name, label in figures.items():
        right.plot(epochs, [record[name] for record in history], marker=".", label=label)
    left.set(xlabel="epoch", ylabel="loss", yscale="log")
    right.set(xlabel="epoch", ylabel=what, ylim=(0, 1))
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    save(figure, file)


def confusion(file: Path, counts: np.ndarray, classes: Sequence[str]) -> None:
    """Draw the number of images of each true class (row) by predicted class (column).

    With many classes names and numbers would be too small to read, and are left out.
    """
    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    few = len(classes) <= FEW
    for (row, column), count in np.ndenumerate(counts):
        if count and few:
            color = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=color, fontsize=8)
    if few:
        axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
        axes.set_yticks(range(len(classes)), classes)
    axes.set(xlabel="predicted", ylabel="true")
    figure.colorbar(image, label="share of the true class", shrink=0.8)
    save(figure, file)


def predictions(
    file: Path,
    images: Sequence[np.ndarray],
    names: Sequence[str],
    guesses: Sequence[Sequence[tuple[str, float]]],
) -> None:
    """Draw images, each beside its most likely classes and their probabilities.

    Args:
        file: to write.
        images: uint8 (height, width, channels), as the network sees them.
        names: of the images.
        guesses: for each image classes and probabilities, the most likely first.
    """
    figure = Figure(figsize=(7, 1.9 * len(images)), layout="constrained")
    grid = figure.subplots(len(images), 2, squeeze=False, width_ratios=(1, 2))
    for (left, right), image, name, guessed in zip(grid, images, names, guesses):
        left.imshow(image if image.shape[-1] == 3 else image[..., 0], cmap="gray", vmin=0, vmax=255)
        left.set(xticks=[], yticks=[])
        left.set_title(name if len(name) <= 30 else f"...{name[-27:]}", fontsize=9)
        places = range(len(guessed))
        right.barh(places, [probability for _, probability in guessed], color="tab:blue", alpha=0.4)
        for place, (word, probability) in zip(places, guessed):
            right.text(0.01, place, f"{word}  {probability:.1%}", va="center", fontsize=9)
        right.set(xlim=(0, 1), yticks=[])
        right.invert_yaxis()
    grid[-1, 1].set_xlabel("probability")
    save(figure, file)


def filters(
    file: Path, kernel: ArrayLike, image: ArrayLike, feature_maps: Mapping[str, ArrayLike]
) -> None:
    """Draw the first layer's kernels, an image, and the image's feature maps.

    Args:
        file: to write.
        kernel: (height, width, 1, filters).
        image: (height, width, 1).
        feature_maps: by the name of their stage; those of shape (height, width, channels) are
            drawn, the others ignored.
    """
    rows = [
        ("image", np.asarray(image), "gray"),
        ("kernels", np.asarray(kernel)[:, :, 0], "RdBu_r"),
    ]
    stages = {name: np.asarray(maps) for name, maps in feature_maps.items()}
    rows += [(name, maps, "viridis") for name, maps in stages.items() if maps.ndim == 3]
    lines = [(row, first) for row in rows for first in range(0, row[1].shape[-1], MAPS_IN_A_LINE)]
    figure = Figure(figsize=(MAPS_IN_A_LINE, 1.05 * len(lines)), layout="constrained")
    grid = figure.subplots(len(lines), MAPS_IN_A_LINE, squeeze=False)
    for axes_of_line, ((name, maps, colors), first) in zip(grid, lines):
        high = np.abs(maps).max() or 1
        low = -high if colors == "RdBu_r" else maps.min()
        for channel, axes in enumerate(axes_of_line, first):
            axes.set(xticks=[], yticks=[], frame_on=channel < maps.shape[-1])
            if channel < maps.shape[-1]:
                axes.imshow(maps[..., channel], cmap=colors, vmin=low, vmax=high)
        size = " x ".join(map(str, maps.shape[:2]))
        label = "" if first else f"{name}\n{size}"
        axes_of_line[0].set_ylabel(label, rotation=0, ha="right", va="center")
    save(figure, file)


def signals(file: Path, split: Dataset, predicted: np.ndarray, each: int = 5) -> None:
    """Draw signals: above the first few that are classified rightly, below the first wrongly.

    Args:
        file: to write.
        split: its images are (n, length, 1).
        predicted: a class for each signal, (n,).
        each: how many of both, at most.
    """
    figure = Figure(figsize=(1.8 * each, 4), layout="constrained")
    right = predicted == split.labels
    for line, chosen in zip(figure.subplots(2, each), (right, ~right)):
        indices = np.flatnonzero(chosen)[:each]
        for axes in line:
            axes.set_axis_off()
        for axes, index in zip(line, indices):
            true, guess = split.classes[split.labels[index]], split.classes[predicted[index]]
            color = "tab:blue" if right[index] else "tab:red"
            axes.plot(split.images[index, :, 0], color=color)
            axes.set_title(true if right[index] else f"{true}, not {guess}")
    save(figure, file)


def best_and_worst(
    file: Path,
    title: str,
    wrong: np.ndarray,
    objects: np.ndarray,
    draw: Callable[[Axes, int], None],
) -> None:
    """Draw scenes without a mistake and many objects above, and the worst below if there are more.

    Args:
        file: to write.
        title: above all of them.
        wrong: how many mistakes there are in each scene, (n,).
        objects: how many objects, (n,).
        draw: a scene, by its number.
    """
    across, down = 6, 2
    each = across * down
    best = np.lexsort((-objects, wrong))[:each]
    worst = np.argsort(-wrong, kind="stable")[:each]
    figure = Figure(figsize=(2.2 * across, 2.4 * 2 * down), layout="constrained")
    grid = figure.subplots(2 * down, across).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, scene in zip(grid, [*best, *worst] if len(wrong) >= each else best):
        draw(axes, scene)
        count = f"{wrong[scene]} mistake{'s' * int(wrong[scene] > 1)}"
        axes.set_title(count if wrong[scene] else "all right", fontsize=8)
    figure.suptitle(title, fontsize=9)
    save(figure, file)


def save(figure: Figure, file: Path) -> None:
    """Write a figure as PNG, completely or not at all; it says itself where its `panels` are."""
    if jax.process_index() > 0:  # of several processes the first one draws
        return
    figure.draw_without_rendering()  # which gives the panels their places,
    figure.set_layout_engine("none")  # once: a layout of many panels takes seconds
    shown = [axes for axes in figure.axes if axes.images]
    about = [(a.get_title(), a.get_position().extents.round(4).tolist()) for a in shown]
    with files.replacing(file) as new:
        figure.savefig(new, dpi=120, metadata={PANELS: json.dumps(about)})


def panels(file: Path) -> list[tuple[str, np.ndarray]]:
    """The parts of a figure by `save` that show images: titles, and pixels (h, w, 3), uint8."""
    with Image.open(file) as image:
        about = json.loads(image.info.get(PANELS, "[]"))
        pixels = np.asarray(image.convert("RGB"))
    height, width = pixels.shape[:2]
    parts = []
    for title, (left, bottom, right, top) in about:
        rows = slice(round((1 - top) * height), round((1 - bottom) * height))
        parts.append((title, pixels[rows, round(left * width) : round(right * width)]))
    return parts
