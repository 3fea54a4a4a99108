"""Pictures of how garments move, and of what two networks say about it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cnn_jax.training import Record
from experiments.drawing import plots

COMPASS = {2: ("right", "left"), 4: ("right", "up", "left", "down")}
COMPASS[8] = ("right", "right up", "up", "left up", "left", "left down", "down", "right down")
SHOWN = 5  # clips of each kind


def names_of(directions: int) -> tuple[str, ...]:
    """The names of directions at equal angles, from the right on, counterclockwise.

    Example:
        >>> names_of(4), names_of(6)[:2]
        (('right', 'up', 'left', 'down'), ('0 degrees', '60 degrees'))
    """
    angles = (f"{360 * k / directions:g} degrees" for k in range(directions))
    return COMPASS.get(directions) or tuple(angles)


def counted(true: np.ndarray, found: np.ndarray, classes: int) -> np.ndarray:
    """How often each true class (row) was found to be each class (column).

    Example:
        >>> counted(np.array([0, 1, 1]), np.array([0, 1, 0]), 2).tolist()
        [[1, 0], [1, 1]]
    """
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (true, found), 1)
    return counts


def curves(file: Path, history: Sequence[Record], chance: float) -> None:
    """Draw the accuracies of direction and speed on held-out clips by epoch, of both networks."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    epochs = [record["epoch"] for record in history]
    for axes, what, guess in zip(figure.subplots(1, 2), ("direction", "speed"), (chance, 1 / 3)):
        for name, label in ((what, "windows of 3 frames"), (f"{what} of frames", "single frames")):
            axes.plot(epochs, [r[f"test_{name}"] for r in history], marker=".", label=label)
        axes.axhline(guess, color="gray", linestyle="--", label="chance")
        axes.set(xlabel="epoch", ylabel=f"accuracy of {what}, held out", ylim=(0, 1.02))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    plots.save(figure, file)


def clips(
    file: Path, videos: np.ndarray, true: np.ndarray, found: np.ndarray, names: Sequence[str]
) -> None:
    """Draw clips frame by frame: the first ones, and below those that the 3-D network gets wrong.

    Args:
        file: to write.
        videos: (n, t, h, w, 3) uint8.
        true: (n,): their directions.
        found: (n, 2): those that both networks say.
        names: of the directions.
    """
    wrong = np.flatnonzero(found[:, 0] != true)[:SHOWN]
    first = [i for i in range(len(videos)) if i not in wrong][:SHOWN]
    chosen = [*first, *wrong]
    figure = Figure(figsize=(1.1 * videos.shape[1] + 3.2, 1.15 * len(chosen)), layout="constrained")
    for axes, clip in zip(figure.subplots(len(chosen), 1, squeeze=False)[:, 0], chosen):
        # One picture for all frames: axes take long to lay out.
        gap = np.full((len(videos[clip, 0]), 2, 3), 255, np.uint8)
        axes.imshow(np.concatenate([part for f in videos[clip] for part in (f, gap)], 1))
        axes.set(xticks=[], yticks=[], frame_on=False)
        words = [
            f"{who}: {names[int(said)]}{'' if said == true[clip] else ' (wrong)'}"
            for who, said in zip(("3 frames", "1 frame"), found[clip])
        ]
        text = "\n".join([f"moves {names[true[clip]]}", *words])
        color = "black" if found[clip, 0] == true[clip] else "tab:red"
        axes.set_ylabel(text, rotation=0, ha="right", va="center", fontsize=8, color=color)
    plots.save(figure, file)
