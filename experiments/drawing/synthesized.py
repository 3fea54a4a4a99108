"""Pictures of made garments: by class, beside the nearest real ones, and on the way to others."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from cnn_jax.tasks import synthesis
from experiments.drawing import plots
from experiments.running.judging import Judge, nearest

ACROSS = 12

Images = Callable[[np.ndarray], np.ndarray]


def sheet(
    file: Path,
    rows: Sequence[tuple[str, np.ndarray]],
    titles: Sequence[Sequence[str]] | None = None,
    about: str = "",
) -> None:
    """Draw rows of images, each with its name.

    Args:
        file: to write.
        rows: a name, and images (n, height, width, 1) in [0, 1].
        titles: a short text above each image, or none.
        about: the whole sheet.
    """
    across, side = max(len(images) for _, images in rows), rows[0][1].shape[1]
    wide, high = side + 3, side + (3 if titles is None else 9)
    canvas = np.ones((high * len(rows), wide * across))
    # One picture with texts on it: axes for every image take a minute to lay out.
    size = 1.3 + 0.8 * across, 0.8 * len(rows) * high / wide + 0.4
    figure = Figure(figsize=size)
    axes = figure.add_axes((1.2 / size[0], 0.02, 1 - 1.3 / size[0], 1 - 0.35 / size[1] - 0.02))
    axes.set_axis_off()
    for row, (name, images) in enumerate(rows):
        bottom = (row + 1) * high
        axes.text(-3, bottom - side / 2, name, ha="right", va="center", fontsize=8)
        for column, image in enumerate(images):
            left = column * wide
            canvas[bottom - side : bottom, left : left + side] = image[..., 0]
            if titles is not None:
                text = titles[row][column]
                axes.text(left + side / 2, bottom - side - 1.5, text, ha="center", fontsize=7)
    axes.imshow(canvas, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_title(about, fontsize=9)
    plots.save(figure, file)


def by_class(file: Path, images: np.ndarray, judge: Judge, classes: Sequence[str]) -> None:
    """Draw the first made images of each class, as the classifier sees them, and the least sure."""
    probabilities = judge.look(images)[1]
    seen, sure = probabilities.argmax(1), probabilities.max(1)
    rows = []
    for number, name in enumerate(classes):
        share = (seen == number).mean()
        rows.append((f"{name}\n{share:.0%}", images[seen == number][:ACROSS]))
    rows.append(("least sure", images[np.argsort(sure)[:ACROSS]]))
    about = "made images by the class that the classifier sees; not chosen, the first of each"
    sheet(file, rows, about=about)


def neighbors(file: Path, images: np.ndarray, train: np.ndarray) -> None:
    """Draw made images, and below each the three training images that are the nearest to it."""
    order, distances = nearest(images[:ACROSS], train, 3)
    rows = [("made", images[:ACROSS])]
    rows += [(f"nearest {n + 1}", train[order[:, n]]) for n in range(3)]
    none = [""] * len(distances)
    titles = [none, *([f"{d:.2f}" for d in distances[:, n]] for n in range(3))]
    about = "the nearest training images, with the root mean square of the difference of pixels"
    sheet(file, rows, titles, about)


def walks(
    file: Path,
    images_of: Images,
    ends: np.ndarray,
    judge: Judge,
    classes: Sequence[str],
    real: np.ndarray | None = None,
) -> None:
    """Draw what lies between latents, and what the classifier sees in it.

    Args:
        file: to write.
        images_of: latents (n, latent) to images.
        ends: pairs of latents, (walks, 2, latent).
        judge: of images.
        classes: their names.
        real: what the latents are of, (walks, 2, 28, 28, 1), if they are of real images.
    """
    shares = np.linspace(0, 1, ACROSS, dtype=np.float32)
    rows, titles = [], []
    for number, (start, end) in enumerate(ends):
        made = images_of(np.asarray(synthesis.slerp(start, end, shares)))
        seen = judge.look(made)[1].argmax(1)
        names = [classes[k].split("/")[0] for k in seen]
        if real is not None:
            made = np.concatenate([real[number, :1], made, real[number, 1:]])
            names = ["real", *names, "real"]
        rows.append((f"walk {number + 1}", made))
        titles.append([name if name != before else "" for name, before in zip(names, ["", *names])])
    sheet(file, rows, titles, "from one garment to another along an arc of latents")


def far_apart(probabilities: np.ndarray, count: int) -> np.ndarray:
    """Pairs of images that are surely of different classes, (count, 2), in the order they are in.

    Example:
        >>> far_apart(np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]), 1)
        array([[0, 1]])
    """
    surest = np.argsort(-probabilities.max(1), kind="stable")[: 8 * count]
    seen, pairs, left = probabilities.argmax(1), [], sorted(surest.tolist())
    while left and len(pairs) < count:
        one = left.pop(0)
        other = next((k for k in left if seen[k] != seen[one]), left[0] if left else one)
        pairs.append((one, other))
        left = [k for k in left if k != other]
    return np.array(pairs)


def restored(file: Path, images: np.ndarray, made: np.ndarray, losses: np.ndarray) -> None:
    """Draw held-out images above what a network made of them: the best, and then the worst."""
    order = np.argsort(losses)
    best, worst = order[:ACROSS], order[::-1][:ACROSS]
    rows = [("best", images[best]), ("restored", made[best])]
    rows += [("worst", images[worst]), ("restored", made[worst])]
    nats = [[f"{losses[k]:.0f}" for k in chosen] for chosen in (best, worst)]
    none = [""] * len(best)
    sheet(
        file,
        rows,
        [nats[0], none, nats[1], none],
        "held-out images, with their loss in nats",
    )


def compared(file: Path, kinds: Mapping[str, np.ndarray]) -> None:
    """Draw the first images of each kind, a row for each."""
    sheet(file, [(name, images[:ACROSS]) for name, images in kinds.items()])
