"""Pictures of what trackers make of held-out videos: the best ones and the worst."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cnn_jax.tasks import tracking
from cnn_jax.tasks.tracking import OVERLAPS
from cnn_jax.training import Record
from experiments.drawing import films, plots

Found = Mapping[str, np.ndarray]


def curves(file: Path, history: list[Record], found: Found, truth: Mapping[str, Any]) -> None:
    """Draw the loss by epoch, and the success plot of all trackers."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [record["epoch"] for record in history]
    for name, style in (("train_loss", "--"), ("test_loss", "-")):
        left.plot(epochs, [record[name] for record in history], style, marker=".", label=name)
    left.set(xlabel="epoch", ylabel="loss (nats)")
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    for name, boxes in found.items():
        overlaps = tracking.overlap(boxes, truth["boxes"])
        plot = tracking.success(overlaps, truth["boxes_valid"])
        right.plot(OVERLAPS, plot, label=f"{name}: {plot.mean():.3f}")
    right.set(xlabel="overlap", ylabel="share of frames above it", ylim=(0, 1.02))
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend()
    plots.save(figure, file)


def pictures(folder: Path, found: Found, truth: Mapping[str, Any], each: int = 4) -> None:
    """Write held-out videos with boxes: the best of the first tracker, and below its worst.

    Args:
        folder: to write tracks.gif, animated, and tracks.png into.
        found: boxes (n, t, 4) of each tracker; the first one decides which videos are shown.
        truth: from `first_object`.
        each: how many of the best, and of the worst.
    """
    overlaps = tracking.overlap(next(iter(found.values())), truth["boxes"])
    counts = truth["boxes_valid"]
    means = (overlaps * counts).sum(1) / np.maximum(counts.sum(1), 1)
    order = np.argsort(-means, kind="stable")
    chosen = [*order[:each], *order[-each:]] if len(order) >= 2 * each else [*order]
    boxes = {"truth": truth["boxes"], **found}

    def marked(video, time, zoom):
        here = {name: b[video, time] for name, b in boxes.items()}
        return films.marked(truth["video"][video, time], here, zoom)

    times = range(counts.shape[1])
    animated = [[marked(video, time, 3) for video in chosen] for time in times]
    sheets = [films.sheet(shown, each, list(boxes)) for shown in animated]
    films.animate(folder / "tracks.gif", sheets)
    shown = np.linspace(0, len(times) - 1, min(8, len(times))).round().astype(int)
    figure = Figure(figsize=(13, 1.7 * len(chosen)), layout="constrained")
    for axes, video in zip(figure.subplots(len(chosen), 1, squeeze=False)[:, 0], chosen):
        # One picture for all frames: axes take long to lay out.
        axes.imshow(np.concatenate([np.asarray(marked(video, time, 2)) for time in shown], 1))
        axes.set(xticks=[], yticks=[], ylabel=f"overlap {means[video]:.2f}")
    who = ", ".join(f"{films.COLORS[name]}: {name}" for name in boxes)
    frames = ", ".join(map(str, shown))
    figure.suptitle(f"the best videos above, the worst below; frames {frames}; {who}", fontsize=9)
    plots.save(figure, folder / "tracks.png")


def film(file: Path, frames: np.ndarray, found: Found) -> None:
    """Write a user's video as an animated picture, with the boxes (t, 4) of all trackers."""
    images = [
        films.marked(frame, {name: boxes[time] for name, boxes in found.items()})
        for time, frame in enumerate(frames)
    ]
    films.animate(file, [films.sheet([image], 1, list(found)) for image in images])
