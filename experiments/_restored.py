"""Photographs to restore; how good restored ones are, and pictures of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from cnn_jax.training import Record
from experiments import _pictures


class Score(NamedTuple):
    """How like the clean photograph a restored one is.

    Attributes:
        psnr: peak signal-to-noise ratio in dB.
        ssim: structural similarity, 1 for equal ones.
    """

    psnr: float
    ssim: float


def halved(photograph: np.ndarray) -> np.ndarray:
    """Return the mean of every 2 x 2 pixels: the same things, smaller and sharper, to train on.

    Args:
        photograph: uint8 (height, width, channels).

    Example:
        >>> halved(np.full((5, 6, 3), 7, np.uint8)).shape
        (2, 3, 3)
    """
    height, width = (n // 2 for n in photograph.shape[:2])
    squares = photograph[: 2 * height, : 2 * width].reshape(height, 2, width, 2, -1)
    return squares.mean((1, 3)).round().astype(np.uint8)


def score(clean: np.ndarray, restored: np.ndarray, crop: int = 0) -> Score:
    """Compare two gray photographs by scikit-image, SSIM with the weights of its paper.

    Args:
        clean: (height, width), in [0, 1].
        restored: likewise.
        crop: pixels at each edge that do not count.

    Example:
        >>> clean = np.random.default_rng(0).uniform(size=(32, 32))
        >>> round(score(clean, clean + 0.1).psnr, 2)
        20.0
    """
    inside = (slice(crop, clean.shape[0] - crop), slice(crop, clean.shape[1] - crop))
    one, two = (np.asarray(picture, np.float64)[inside] for picture in (clean, restored))
    ssim = structural_similarity(
        one, two, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    return Score(float(peak_signal_noise_ratio(one, two, data_range=1)), float(ssim))


def means(scores: Mapping[str, Score]) -> dict[str, float]:
    """The mean of each measure over the photographs.

    Example:
        >>> means({"camera": Score(30, 0.9), "coins": Score(20, 0.7)})
        {'psnr': 25.0, 'ssim': 0.8}
    """
    values = np.array(list(scores.values()), np.float64)
    return {name: float(mean) for name, mean in zip(Score._fields, values.mean(0).round(12))}


def detail(clean: np.ndarray, side: int) -> tuple[slice, slice]:
    """The square of a photograph where neighbors differ most, of a grid of such squares.

    Example:
        >>> clean = np.zeros((8, 8))
        >>> clean[5, 2] = 1
        >>> detail(clean, 4)
        (slice(4, 8, None), slice(0, 4, None))
    """
    side = min(side, *clean.shape)
    rows, columns = (n // side * side for n in clean.shape)
    steps = sum(np.abs(np.diff(clean, axis=axis, prepend=0)) for axis in (0, 1))
    steps[0], steps[:, 0] = 0, 0
    grid = steps[:rows, :columns].reshape(rows // side, side, columns // side, side).sum((1, 3))
    row, column = np.unravel_index(grid.argmax(), grid.shape)
    top, left = int(row) * side, int(column) * side
    return slice(top, top + side), slice(left, left + side)


def compare(
    file: Path, rows: Sequence[tuple[str, Mapping[str, np.ndarray], Mapping[str, Score]]]
) -> None:
    """Draw pictures side by side, those of a photograph in a row.

    Args:
        file: to write.
        rows: for each photograph its name; pictures (height, width) in [0, 1] by what they are; and
            the scores of some of them, of the whole photograph.
    """
    columns = max(len(pictures) for _, pictures, _ in rows)
    figure = Figure(figsize=(2.9 * columns, 3.2 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for line, (name, pictures, scores) in zip(grid, rows):
        for axes in line:
            axes.set(xticks=[], yticks=[], frame_on=False)
        for axes, (what, picture) in zip(line, pictures.items()):
            axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            found = scores.get(what)
            about = f"{found.psnr:.2f} dB, SSIM {found.ssim:.3f}" if found else ""
            axes.set_title(f"{what}\n{about}", fontsize=9)
        line[0].set_ylabel(name)
    _pictures.save(figure, file)


def curves(file: Path, history: Sequence[Record]) -> None:
    """Draw loss and PSNR of training and held-out patches, by epoch."""
    _pictures.curves(file, history, {"loss": "", "psnr": " (dB)"})
