"""`load`: from a name and a split to NumPy arrays."""

import dataclasses
import os
from pathlib import Path

import numpy as np

from cnn_jax import arguments

from . import fashion_mnist

NAMES = ("fashion_mnist_small", "fashion_mnist")
SPLITS = ("train", "test")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """The images of one split and their labels, in the order of the original files.

    Attributes:
        images: uint8 (n, height, width, channels), 0 to 255.
        labels: int32 (n,), indices into ``classes``.
        classes: the classes' names.

    Example:
        >>> Dataset(np.zeros((5, 28, 28, 1), np.uint8), np.zeros(5, np.int32), ("cat", "dog"))
        Dataset(images=uint8 (5, 28, 28, 1), labels=int32 (5,), 2 classes)
    """

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        images, labels = self.images, self.labels
        return (
            f"Dataset(images={images.dtype} {images.shape}, labels={labels.dtype} {labels.shape}, "
            f"{len(self.classes)} classes)"
        )


def load(name: str, split: str, *, folder: str | os.PathLike[str] | None = None) -> Dataset:
    """Load one split of a data set into memory.

    ``"fashion_mnist_small"`` is part of the package and needs nothing else: the first 6,000
    training and the first 1,000 test images of Fashion-MNIST (under 0.1 s).

    ``"fashion_mnist"`` is the whole set, 60,000 and 10,000. The first load prepares it (3 s plus a
    download of 31 MB where needed), from the first of these that exists:

    1. ``folder``, with the four files ``{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz``,
    2. ``/usr/share/datasets/fashion-mnist``, from Debian's package ``dataset-fashion-mnist``,
    3. the original server.

    The prepared set is kept in ``$CNN_JAX_DATA``, by default the folder ``datasets`` in the cache
    folder (``$CNN_JAX_CACHE`` or ``~/.cache/cnn_jax``). Each load checks its checksums and takes 2
    to 3 s.

    Args:
        name: ``"fashion_mnist_small"`` or ``"fashion_mnist"``.
        split: ``"train"`` or ``"test"``.
        folder: where the original files are; only for ``"fashion_mnist"``. They are checked even
            when the set has been prepared before.

    Returns:
        A `Dataset` with ``images`` uint8 (n, 28, 28, 1) and ``labels`` int32 (n,).

    Raises:
        ValueError: ``name`` or ``split`` is unknown, or ``folder`` was given for the small set.
        TypeError: ``folder`` is not a path.
        FileNotFoundError: a file is missing in ``folder``.
        DamagedFileError: a file, named in the message, is damaged, truncated or another one.
        DownloadError: the set had to be downloaded and could not be.

    References:
        H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking
        Machine Learning Algorithms (2017), arXiv:1708.07747.

    Example:
        >>> test = load("fashion_mnist_small", "test")
        >>> test.images.shape, test.labels[:4]
        ((1000, 28, 28, 1), array([9, 2, 1, 1], dtype=int32))
        >>> load("fashion_mnist_smal", "test")
        Traceback (most recent call last):
        ValueError: `name` must be one of 'fashion_mnist_small', 'fashion_mnist'; got \
'fashion_mnist_smal'. Did you mean 'fashion_mnist_small'?
    """
    arguments.one_of("name", name, NAMES)
    arguments.one_of("split", split, SPLITS)
    if folder is not None and not isinstance(folder, str | os.PathLike):
        raise TypeError(f"`folder` must be a path; got {arguments.shown(folder)}.")
    if name == "fashion_mnist_small":
        if folder is not None:
            raise ValueError(
                f"`folder` is only for 'fashion_mnist'; 'fashion_mnist_small' comes with the "
                f"package; got {folder!r}."
            )
        images, labels = fashion_mnist.read_small(split)
    else:
        from .fashion_mnist import _prepared  # imports TFDS: half a second that few need

        images, labels = _prepared.read(split, None if folder is None else Path(folder))
    return Dataset(images, labels, fashion_mnist.CLASSES)
