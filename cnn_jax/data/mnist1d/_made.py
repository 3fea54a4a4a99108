"""The signals: the published numbers drawn in the published order, put through the stages."""

from functools import cache
from typing import NamedTuple

import numpy as np

from ._facts import INFO, LENGTH
from ._stages import moved, resampled, sheared, smoothed, stretched
from ._templates import templates

SEED = 42
EXAMPLES = sum(INFO.counts.values())
ZEROS = (36, 60)  # that follow a template: at least, at most
TIME = 12 + ZEROS[1]  # the length of a signal until the last stage
SCALE = 0.4  # from 1 - SCALE / 2 to 1 + SCALE / 2
STEPS = 48  # a signal moves by fewer
SHEAR = 0.75
SMOOTH_NOISE, SIGMA = 0.25, 2.0  # before it is smoothed: standard deviation, window
NOISE = 0.02

Arrays = dict[str, np.ndarray]


class Draws(NamedTuple):
    """Random numbers, for all examples at once.

    Attributes:
        zeros: after the template, (n,).
        scale: of the template, (n,).
        steps: to the right, (n,).
        noise: normal, (n, 2, time): what is smoothed, and what is not.
        slope: of the line that is subtracted, (n,).
        order: a permutation, (n,).
    """

    zeros: np.ndarray
    scale: np.ndarray
    steps: np.ndarray
    noise: np.ndarray
    slope: np.ndarray
    order: np.ndarray


def drawn() -> Draws:
    """Draw what the authors' program draws, in its order.

    NumPy keeps the numbers of `RandomState` the same in all versions.

    Example:
        >>> drawn().zeros[:5].tolist()
        [45, 53, 52, 36, 51]
    """
    random = np.random.RandomState(SEED)
    low, high = ZEROS
    uniform, steps = np.empty((3, EXAMPLES)), np.empty(EXAMPLES, int)
    noise = np.empty((EXAMPLES, 2, TIME))
    for i in range(EXAMPLES):  # one example after the other: another order is another set
        uniform[0, i] = random.rand()
        uniform[1, i] = random.rand()
        steps[i] = random.randint(STEPS)
        noise[i] = random.randn(2, TIME)
        uniform[2, i] = random.rand()
    return Draws(
        zeros=low + (uniform[0] * (high - low + 1)).astype(int),
        scale=1 + SCALE * (uniform[1] - 0.5),
        steps=steps,
        noise=noise,
        slope=SHEAR * (uniform[2] - 0.5),
        order=random.permutation(EXAMPLES),
    )


@cache
def _all() -> tuple[np.ndarray, np.ndarray]:
    """Signals float32 (5000, 40) and labels int32 (5000,), the training examples first."""
    draws = drawn()
    labels = np.repeat(np.arange(10, dtype=np.int32), EXAMPLES // 10)
    # Not exactly 0 anywhere, so that the zeros after it are known from it.
    curves = (templates() + 1e-8)[labels]
    x = stretched(curves, draws.zeros, TIME) * draws.scale[:, None]
    x = moved(x, draws.steps)
    x = np.where(x == 0, smoothed(SMOOTH_NOISE * draws.noise[:, 0], SIGMA), x)
    x = sheared(x + NOISE * draws.noise[:, 1], draws.slope)
    x = resampled(x, LENGTH)[draws.order]
    x, labels = ((x - x.mean()) / x.std()).astype(np.float32), labels[draws.order]
    for array in (x, labels):
        array.flags.writeable = False  # every caller gets these
    return x, labels


def made(split: str) -> Arrays:
    """Make one split, once in a process (0.2 s).

    Args:
        split: ``"train"`` or ``"test"``.

    Returns:
        ``image`` float32 (n, 40, 1), of mean 0 and variance 1 over both splits, and ``label`` int32
        (n,); both read-only.

    Example:
        >>> arrays = made("test")
        >>> arrays["image"].shape, arrays["label"][:5].tolist()
        ((1000, 40, 1), [2, 6, 3, 9, 4])
    """
    first = INFO.counts["train"]
    part = {"train": slice(first), "test": slice(first, None)}[split]
    signals, labels = _all()
    return {"image": signals[part, :, None], "label": labels[part]}


def shuffled(split: str) -> Arrays:
    """Make one split with its positions in the order that the authors' benchmark has.

    Example:
        >>> np.array_equal(shuffled("test")["image"][:, 0], made("test")["image"][:, 19])
        True
    """
    arrays = made(split)
    order = np.random.RandomState(SEED).permutation(LENGTH)
    return {**arrays, "image": arrays["image"][:, order]}
