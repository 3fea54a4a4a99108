"""The splits of a set of images with one class each: in memory, or read while a network trains."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cnn_jax import data
from experiments.running.options import RunError, require, said_of

IN_MEMORY = 2**31  # bytes of a split that is read into memory whole; a larger one is a stream
SAMPLE = 10_000  # training images of which mean and standard deviation are computed
SMOKE = 640  # examples of each split for --smoke

# Of the training images in [0, 1], by channel; those of ImageNet are the ones that everybody uses.
NORMALIZATION = {
    "fashion_mnist_small": ((0.2860,), (0.3530,)),
    "fashion_mnist": ((0.2860,), (0.3530,)),
    "mnist": ((0.1307,), (0.3081,)),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "imagenet2012": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
NAMING = {
    **{"name": "--dataset", "folder": "--folder"},
    **{"size": "--size", "channels": "--channels"},
}

Split = data.Dataset | data.Source


def opened(
    dataset: str,
    split: str,
    *,
    folder: Path | None = None,
    size: Sequence[int] | int | None = None,
    channels: int | None = None,
    stream: bool | None = None,
    most: int | None = None,
    option: str = "--split",
) -> Split:
    """Open a split.

    Args:
        dataset: as `data.load` takes it.
        split: its name.
        folder: of original files or prepared sets, as `data.load` takes it.
        size: that images get; None where they have one.
        channels: that images get; None keeps theirs.
        stream: whether it is read while training; None: if it has more than 2 GiB.
        most: at most so many examples, the first ones.
        option: the option that names the split.

    Returns:
        Arrays in memory; or for a stream, a source.

    Raises:
        RunError: there is no such set or split, it has no classes, or its images differ in size.

    Example:
        >>> opened("fashion_mnist_small", "test", most=100)
        Dataset(images=uint8 (100, 28, 28, 1), labels=int32 (100,), 10 classes)
    """
    size = tuple(size) if isinstance(size, Sequence) else size
    with said_of(**NAMING, split=option):
        source = data.source(dataset, split, folder=folder, size=size, channels=channels)
    shape = source.info.shape
    require(
        "--dataset",
        bool(source.classes) and len(shape) == 3,
        "a set of images with one class each",
        dataset,
    )
    if None in shape:
        raise RunError(f"`--size` must be given: the images of {dataset} differ in size.")
    examples = len(source) if most is None else min(most, len(source))
    source = dataclasses.replace(source, records=Labeled(source.records, examples))
    if stream is None:
        stream = len(source) * np.prod([side or 0 for side in shape], dtype=np.int64) > IN_MEMORY
    return source if stream else in_memory(source)


def in_memory(source: data.Source) -> data.Dataset:
    """Read all images and labels of a source.

    Example:
        >>> in_memory(data.source("fashion_mnist_small", "test"))
        Dataset(images=uint8 (1000, 28, 28, 1), labels=int32 (1000,), 10 classes)
    """
    images = np.empty((len(source), *map(int, shape_of(source))), np.uint8)
    labels = np.empty(len(source), np.int32)
    for first in range(0, len(source), 1000):
        indices = range(first, min(first + 1000, len(source)))
        for index, example in zip(indices, source.__getitems__(indices)):
            images[index], labels[index] = example["image"], example["label"]
    return data.Dataset(images, labels, source.classes)


class Labeled:
    """The first records of another, each with its image and its class alone.

    Other features, such as a file's name, are no numbers that could lie in a batch.

    Example:
        >>> records = Labeled(data.source("fashion_mnist_small", "test").records, 5)
        >>> len(records), sorted(records.read([0])[0])
        (5, ['image', 'label'])
    """

    def __init__(self, records: Any, count: int):
        self.records, self.count = records, count

    def __len__(self) -> int:
        return self.count

    def read(self, indices: list[int]) -> list[dict[str, Any]]:
        """Read these examples."""
        return [
            {"image": example["image"], "label": np.int32(example["label"])}
            for example in self.records.read(indices)
        ]

    def place(self, index: int) -> str:
        """Say where a record lies."""
        return self.records.place(index)


def shape_of(split: Split) -> tuple[int, ...]:
    """Height, width and channels of the images.

    Example:
        >>> shape_of(data.source("fashion_mnist_small", "test"))
        (28, 28, 1)
    """
    return split.images.shape[1:] if isinstance(split, data.Dataset) else split[0]["image"].shape


def some_images(split: Split, most: int) -> np.ndarray:
    """So many images, spread evenly over a split, uint8 (n, height, width, channels).

    Of large images they are fewer: at most 256 MiB.

    Example:
        >>> some_images(data.load("fashion_mnist_small", "test"), 10).shape
        (10, 28, 28, 1)
    """
    most = min(most, len(split), max(2**28 // int(np.prod(shape_of(split))), 1))
    indices = np.unique(np.linspace(0, len(split) - 1, most).astype(int))
    if isinstance(split, data.Dataset):
        return split.images[indices]
    return np.stack([example["image"] for example in split.__getitems__(indices)])


def normalization(dataset: str, train: Split) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The mean and standard deviation of each channel, of training images in [0, 1].

    Known sets have them in a table; for others they are those of 10,000 training images, or
    of 256 MiB.

    Example:
        >>> train = data.load("fashion_mnist_small", "train")
        >>> normalization("fashion_mnist_small", train)
        ((0.286,), (0.353,))
        >>> [round(values[0], 3) for values in normalization("another", train)]
        [0.286, 0.354]
    """
    known = NORMALIZATION.get(dataset)
    if known is not None and len(known[0]) == shape_of(train)[-1]:
        return known
    pixels = some_images(train, SAMPLE)
    values = np.arange(256) / 255
    means, deviations = [], []
    for channel in range(pixels.shape[-1]):
        shares = np.bincount(pixels[..., channel].ravel(), minlength=256) / pixels[..., 0].size
        mean = float(shares @ values)
        means.append(mean)
        deviations.append(max(float(shares @ (values - mean) ** 2) ** 0.5, 1 / 255))
    return tuple(means), tuple(deviations)
