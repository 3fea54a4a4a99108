"""`load`, `source`, `info` and `names`: from a name to arrays, examples or facts."""

import os
from pathlib import Path

from cnn_jax import arguments

from ._dataset import Dataset, collected
from ._info import Info
from ._registry import REGISTRY, Entry
from .sources import Source


def names() -> tuple[str, ...]:
    """List the sets that `load` knows.

    Returns:
        Their names.

    Example:
        >>> names()[:3]
        ('fashion_mnist_small', 'fashion_mnist', 'mnist')
    """
    return tuple(REGISTRY)


def info(name: str, *, folder: str | os.PathLike[str] | None = None) -> Info:
    """Tell the facts about a set, without reading an image of it.

    Args:
        name: one of `names`.
        folder: as for `load`.

    Returns:
        Counts, shape, classes, license, homepage and citation.

    Raises:
        ValueError: ``name`` is unknown.
        TypeError: ``folder`` is not a path.

    Example:
        >>> facts = info("emnist_letters")
        >>> facts.counts, facts.shape, len(facts.classes)
        ({'train': 124800, 'test': 20800}, (28, 28, 1), 26)
    """
    return _entry(name).info(_path(folder))


def load(name: str, split: str, *, folder: str | os.PathLike[str] | None = None) -> Dataset:
    """Load one split of a data set into memory.

    ``"fashion_mnist_small"`` is part of the package and needs nothing else: the first 6,000
    training and the first 1,000 test images of Fashion-MNIST (under 0.1 s).

    The other sets are prepared by their first load (``"fashion_mnist"``: 3 s plus a download of
    31 MB where needed), from the first of these that exists:

    1. ``folder``, with the original files under their original names,
    2. for ``"fashion_mnist"``: ``/usr/share/datasets/fashion-mnist``, from Debian's package
       ``dataset-fashion-mnist``,
    3. the server that has them.

    The prepared set is kept in ``$CNN_JAX_DATA``, by default the folder ``datasets`` in the cache
    folder (``$CNN_JAX_CACHE`` or ``~/.cache/cnn_jax``). Each load checks its checksums; 60,000
    images of 28x28 take 2 to 3 s.

    Args:
        name: one of `names`.
        split: ``"train"`` or ``"test"``.
        folder: where the original files are. They are checked even when the set has been prepared
            before. Not for ``"fashion_mnist_small"``.

    Returns:
        A `Dataset` with ``images`` uint8 (n, height, width, channels) and ``labels`` int32 (n,).

    Raises:
        ValueError: ``name`` or ``split`` is unknown, or ``folder`` was given for the small set.
        TypeError: ``folder`` is not a path.
        FileNotFoundError: a file is missing in ``folder``.
        DamagedFileError: a file, named in the message, is damaged, truncated or another one.
        DownloadError: the set had to be downloaded and could not be.

    References:
        ``info(name).citation``.

    Example:
        >>> test = load("fashion_mnist_small", "test")
        >>> test.images.shape, test.labels[:4]
        ((1000, 28, 28, 1), array([9, 2, 1, 1], dtype=int32))
        >>> load("fashion_mnist_small", "tets")
        Traceback (most recent call last):
        ValueError: `split` must be one of 'train', 'test'; got 'tets'. Did you mean 'test'?
    """
    return collected(source(name, split, folder=folder))


def source(name: str, split: str, *, folder: str | os.PathLike[str] | None = None) -> Source:
    """Open one split of a data set; each example is read when it is asked for.

    Args:
        name: one of `names`.
        split: ``"train"`` or ``"test"``.
        folder: as for `load`.

    Returns:
        A `Source`: ``len(source)``, and ``source[i]`` with ``image`` uint8 (height, width,
        channels) and ``label`` int32. It can be pickled.

    Raises:
        ValueError, TypeError, FileNotFoundError, DamagedFileError, DownloadError: as `load`.

    Example:
        >>> train = source("fashion_mnist_small", "train")
        >>> train.classes[train[0]["label"]]
        'Ankle boot'
    """
    entry, path = _entry(name), _path(folder)
    facts = entry.info(path)
    arguments.one_of("split", split, facts.splits)
    return Source(facts, split, entry.open(split, path))


def _entry(name: str) -> Entry:
    return REGISTRY[arguments.one_of("name", name, REGISTRY)]


def _path(folder: str | os.PathLike[str] | None) -> Path | None:
    if folder is not None and not isinstance(folder, str | os.PathLike):
        raise TypeError(f"`folder` must be a path; got {arguments.shown(folder)}.")
    return None if folder is None else Path(folder).expanduser()
