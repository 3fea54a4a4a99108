"""Restored photographs, what `denoise` and `superresolve` do alike: scores and pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from cnn_jax.data import augment
from experiments.drawing import plots
from experiments.running.run import Result, Run

EACH = 20  # photographs at most whose own figures are told
_flip = augment.chain(augment.flip(), augment.flip(axis="vertical"))


class Score(NamedTuple):
    """How like the clean photograph a restored one is.

    Attributes:
        psnr: peak signal-to-noise ratio in dB.
        ssim: structural similarity, 1 for equal ones.
    """

    psnr: float
    ssim: float


def clean(batch: Mapping[str, jax.Array], key: jax.Array | None) -> jax.Array:
    """The patches of a batch in [0, 1], in training (with a key) mirrored at random."""
    stored = batch["clean"]
    if key is not None:
        stored = _flip(key, {"image": stored})["image"]
    return stored.astype(jnp.float32) / 255


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


def finish(
    run: Run,
    pictures: Mapping[str, Mapping[str, np.ndarray]],
    ours: str,
    others: Sequence[str],
    *,
    also: Sequence[str] = (),
    side: int,
    crop: int = 0,
) -> Result:
    """Score pictures, draw those where the network gains most and least, and finish the run.

    Args:
        run: trained.
        pictures: of each held-out photograph by name, what is to be drawn by name, (height, width)
            in [0, 1]; one is ``"clean"``. Smaller ones than that are drawn and not scored.
        ours: which one the network made.
        others: which ones it is compared with. The best of them by PSNR is the baseline.
        also: more that the network made, whose scores are told beside.
        side: of the part that is drawn, in pixels.
        crop: pixels at each edge that do not count for the scores.
    """
    ways = (*others, *also, ours)
    scores = {
        name: {way: score(of["clean"], of[way], crop) for way in ways}
        for name, of in pictures.items()
    }
    mean = {way: means({n: of[way] for n, of in scores.items()}) for way in ways}
    best = max(others, key=lambda way: mean[way]["psnr"])
    gains = {name: of[ours].psnr - of[best].psnr for name, of in scores.items()}
    chosen = (max(gains, key=gains.__getitem__), min(gains, key=gains.__getitem__))
    rows = [(name, parts(pictures[name], side), scores[name]) for name in chosen]
    compare(run.workdir / "held_out.png", rows)
    if run.records:
        measures = {"loss": "", "psnr": " (dB)"}
        plots.curves(run.workdir / "curves.png", run.records, measures)
    each = scores if len(scores) <= EACH else {}
    metrics, baseline = (
        {**mean[way], **{f"psnr of {name}": of[way].psnr for name, of in each.items()}}
        for way in (ours, best)
    )
    for told, beside in ((metrics, also), (baseline, others)):
        for way in beside:
            told |= {f"{what} of {way}": value for what, value in mean[way].items()}
    return run.finish("psnr", metrics, baseline)


def parts(pictures: Mapping[str, np.ndarray], side: int) -> dict[str, np.ndarray]:
    """The same part of all pictures of a photograph, where most is to be seen; see `detail`.

    Example:
        >>> pictures = {"clean": np.eye(12), "small": np.eye(4)}
        >>> {name: part.shape for name, part in parts(pictures, 6).items()}
        {'clean': (6, 6), 'small': (2, 2)}
    """
    window, found = detail(pictures["clean"], side), {}
    for way, picture in pictures.items():
        scale = len(pictures["clean"]) // len(picture)
        found[way] = picture[tuple(slice(s.start // scale, s.stop // scale) for s in window)]
    return found


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
    plots.save(figure, file)
