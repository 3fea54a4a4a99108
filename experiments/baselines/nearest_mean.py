"""What needs no network: the class whose mean training image is the nearest."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from cnn_jax import data

SIDE = 32  # larger images are averaged to squares of about so many pixels a side
MOST = 20_000  # training images that are read of a stream
AT_ONCE = 250  # images


def nearest_mean(train: data.Dataset | data.Source, test: data.Dataset | data.Source) -> float:
    """Return the accuracy on `test` of the class whose mean image of `train` is the nearest.

    Images of more than 32 pixels a side are averaged in squares before; of a stream 20,000 training
    images are read.

    Example:
        >>> splits = (data.load("fashion_mnist_small", split) for split in ("train", "test"))
        >>> round(nearest_mean(*splits), 3)
        0.669
    """
    classes = len(train.classes)
    sums, counts = 0.0, np.zeros(classes)
    most = len(train) if isinstance(train, data.Dataset) else MOST
    for images, labels in chunks(train, most):
        one_hot = (labels[:, None] == np.arange(classes)).astype(np.float64)
        sums = sums + one_hot.T @ images
        counts += one_hot.sum(0)
    seen = np.flatnonzero(counts)
    means = (np.asarray(sums)[seen] / counts[seen, None]).astype(np.float32)
    right = 0
    for images, labels in chunks(test, len(test)):
        nearest = ((means**2).sum(1) - 2 * images @ means.T).argmin(1)
        right += int((seen[nearest] == labels).sum())
    return right / len(test)


def chunks(split: Any, most: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Flat images (n, numbers) float32 and labels (n,), spread evenly over a split.

    Args:
        split: arrays in memory, or a source.
        most: how many examples.
    """
    indices = np.unique(np.linspace(0, len(split) - 1, min(most, len(split))).astype(int))
    for first in range(0, len(indices), AT_ONCE):
        chosen = indices[first : first + AT_ONCE]
        if isinstance(split, data.Dataset):
            images, labels = split.images[chosen], split.labels[chosen]
        else:
            examples = split.__getitems__(chosen)
            images = np.stack([example["image"] for example in examples])
            labels = np.stack([example["label"] for example in examples])
        yield averaged(images).reshape(len(images), -1), labels


def averaged(images: np.ndarray) -> np.ndarray:
    """Images (n, height, width, channels) averaged in squares, as float32.

    Example:
        >>> averaged(np.ones((1, 96, 70, 3), np.uint8)).shape
        (1, 32, 23, 3)
    """
    side = max(max(images.shape[1:3]) // SIDE, 1)
    height, width = images.shape[1] // side, images.shape[2] // side
    cut = images[:, : height * side, : width * side].astype(np.float32)
    return cut.reshape(len(cut), height, side, width, side, -1).mean((2, 4))
