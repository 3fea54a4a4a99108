"""What a tracker makes of held-out videos: its figures, and pictures of the best and the worst."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cnn_jax.tasks import tracking
from cnn_jax.tasks.tracking import OVERLAPS
from cnn_jax.training import Record
from experiments.data import video_files
from experiments.drawing import plots

AT_ONCE = 32  # videos
PRECISE = 20 / 320  # of a frame's width: 20 pixels in the smallest frames of OTB
Setting = Mapping[str, Any]
SETTINGS: list[Setting] = [
    {"scales": s, "window": w} for s in (1, 3) for w in (0.0, 0.1, 0.2, 0.35, 0.5)
]
# (videos, boxes, scales=, window=) -> boxes
Follow = Callable[..., Any]
Found = Mapping[str, np.ndarray]


def follower(embed: Any, respond: Any, look: Callable[[Any], Any], **options: Any) -> Follow:
    """Return a compiled tracker of one object in each of 32 videos.

    Args:
        embed: see `tracking.track`.
        respond: likewise.
        look: from uint8 videos to what these two take.
        options: of `tracking.track`.
    """

    def follow(videos, boxes, window, scales):
        given = look(videos), boxes
        return tracking.track(embed, respond, *given, window=window, scales=scales, **options)

    compiled = jax.jit(follow, static_argnames="scales")

    def over_all(videos, boxes, *, scales, window):
        found = []
        for start in range(0, len(videos), AT_ONCE):
            part = np.arange(start, start + min(AT_ONCE, len(videos)))
            part = np.minimum(part, len(videos) - 1)  # all parts of one size: one program
            found.append(compiled(videos[part], boxes[part], np.float32(window), scales))
        return np.concatenate([jax.device_get(f) for f in found])[: len(videos)]

    return over_all


def first_object(truth: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Of each video what is true of its first object, where that one is wholly seen at first."""
    clear = (truth["visible"][:, 0, 0] > 0.8) & truth["boxes_valid"][:, 0, 0]
    kept = {name: truth[name][clear][:, :, 0] for name in ("boxes", "boxes_valid", "visible")}
    likes = truth["alike"][clear].any(1)
    # The given first frame does not count.
    kept["boxes_valid"] = kept["boxes_valid"] & (np.arange(kept["boxes_valid"].shape[1]) > 0)
    return {**kept, "video": truth["video"][clear], "alike": likes}


def figures(found: np.ndarray, truth: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Success and precision, and success where it is hard: while hidden, and with look-alikes."""
    counts, pixels = truth["boxes_valid"], PRECISE * truth["video"].shape[2]
    hidden, likes = truth["visible"] < 0.5, truth["alike"][:, None]
    named = {"while half hidden": hidden, "with look-alikes": likes}

    def success(which):
        return tracking.score(found, truth["boxes"], counts & which, pixels=pixels)["success"]

    whole = tracking.score(found, truth["boxes"], counts, pixels=pixels)
    return {**whole, **{f"success {name}": success(which) for name, which in named.items()}}


def tuned(follow: Follow, truth: Mapping[str, np.ndarray], settings: Sequence[Setting]) -> Setting:
    """The setting of a tracker with the largest success."""

    def success(setting):
        found = follow(truth["video"], truth["boxes"][:, 0], **setting)
        return figures(found, truth)["success"]

    return max(settings, key=success)


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
        return video_files.marked(truth["video"][video, time], here, zoom)

    times = range(counts.shape[1])
    animated = [[marked(video, time, 3) for video in chosen] for time in times]
    sheets = [video_files.sheet(shown, each, list(boxes)) for shown in animated]
    video_files.animate(folder / "tracks.gif", sheets)
    shown = np.linspace(0, len(times) - 1, min(8, len(times))).round().astype(int)
    figure = Figure(figsize=(13, 1.7 * len(chosen)), layout="constrained")
    for axes, video in zip(figure.subplots(len(chosen), 1, squeeze=False)[:, 0], chosen):
        # One picture for all frames: axes take long to lay out.
        axes.imshow(np.concatenate([np.asarray(marked(video, time, 2)) for time in shown], 1))
        axes.set(xticks=[], yticks=[], ylabel=f"overlap {means[video]:.2f}")
    who = ", ".join(f"{video_files.COLORS[name]}: {name}" for name in boxes)
    frames = ", ".join(map(str, shown))
    figure.suptitle(f"the best videos above, the worst below; frames {frames}; {who}", fontsize=9)
    plots.save(figure, folder / "tracks.png")


def film(file: Path, frames: np.ndarray, found: Found) -> None:
    """Write a user's video as an animated picture, with the boxes (t, 4) of all trackers."""
    images = [
        video_files.marked(frame, {name: boxes[time] for name, boxes in found.items()})
        for time, frame in enumerate(frames)
    ]
    video_files.animate(file, [video_files.sheet([image], 1, list(found)) for image in images])
