"""`load`, `source`, `info` and `names`: from a name to arrays, examples or facts."""

import os
from dataclasses import replace
from pathlib import Path

from cnn_jax import arguments

from ._dataset import Dataset, collected
from ._info import Info
from ._naming import entry_of
from ._registry import REGISTRY
from .sources import FittedRecords, Source

PathLike = str | os.PathLike[str]


def names() -> tuple[str, ...]:
    """List the sets that `load` knows by itself, without folders of images and TFDS's sets.

    Returns:
        Their names.

    Example:
        >>> names()[:3]
        ('fashion_mnist_small', 'fashion_mnist', 'mnist')
    """
    return tuple(REGISTRY)


def info(name: PathLike, *, folder: PathLike | None = None) -> Info:
    """Tell the facts about a set, without reading an image of it.

    Args:
        name: as for `load`.
        folder: as for `load`.

    Returns:
        Counts, shape, classes, license, homepage and citation.

    Raises:
        ValueError: ``name`` is unknown, or names a folder that is not laid out as it should be.
        FileNotFoundError: there is no such folder, or no such set has been prepared.
        TypeError: ``folder`` is not a path.

    Example:
        >>> facts = info("emnist_letters")
        >>> facts.counts, facts.shape, len(facts.classes)
        ({'train': 124800, 'test': 20800}, (28, 28, 1), 26)
    """
    path = _path(folder)
    return entry_of(name, path).info(path)


def load(
    name: PathLike,
    split: str,
    *,
    folder: PathLike | None = None,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
) -> Dataset:
    """Load one split of a data set into memory.

    ``"fashion_mnist_small"`` is part of the package and needs nothing else: the first 6,000
    training and the first 1,000 test images of Fashion-MNIST (under 0.1 s).

    ``"mnist1d"`` is made when it is loaded (0.2 s): 4,000 and 1,000 signals, ``images`` float32 (n,
    40, 1), bit for bit those that its authors published. ``"mnist1d_shuffled"`` has their 40
    positions in another order.

    **The other sets of `names`** are prepared by their first load (``"fashion_mnist"``: 3 s plus a
    download of 31 MB where needed), from the first of these that exists:

    1. ``folder``, with the original files under their original names,
    2. for ``"fashion_mnist"``: ``/usr/share/datasets/fashion-mnist``, from Debian's package
       ``dataset-fashion-mnist``,
    3. the server that has them.

    The prepared set is kept in ``$CNN_JAX_DATA``, by default the folder ``datasets`` in the cache
    folder (``$CNN_JAX_CACHE`` or ``~/.cache/cnn_jax``). Each load checks its checksums; 60,000
    images of 28x28 take 2 to 3 s.

    **Your own images** are named by their folder, ``"./pets"`` or ``Path("pets")``, and lie in
    ``pets/SPLIT/CLASS/``, or in ``pets/CLASS/``; then 10 % of them are ``"test"`` and the others
    ``"train"``, by a hash of each file's path in the folder, so that adding images moves no other.
    Classes are the sorted names of the folders. JPEG, PNG, GIF, BMP, TIFF, WebP and PPM are
    decoded, as RGB; EXIF's orientation is applied. Hidden files and other files are skipped; links
    must stay inside of the folder.

    **Any other set that TFDS has prepared** (in array_record files; no TensorFlow is needed to read
    them) has TFDS's name: ``"coco"``, ``"coco/2017"`` or ``"coco/2017:1.1.0"``. It lies in
    ``folder``, by default ``$TFDS_DATA_DIR`` or ``~/tensorflow_datasets``, or is named by its own
    folder, ``Path("/data/coco/2017/1.1.0")``. Its examples have TFDS's features as they are.

    Args:
        name: one of `names`, a path, or the name of a set that TFDS has prepared.
        split: ``"train"``, ``"test"``, or what else ``info(name).splits`` has.
        folder: where the original files are; they are checked even when the set has been prepared
            before. For a set that TFDS has prepared, the folder that has it. Not for
            ``"fashion_mnist_small"``, ``"mnist1d"`` nor a path.
        size: height and width that every image gets, or one int for both; needed where they differ
            in size. Of each image the largest part with these proportions is kept, from its center,
            and resized with antialiasing. Not for sets with masks or boxes.
        channels: 1 makes gray images, 3 makes RGB. By default image files are RGB, gray ones too,
            and other sets are as they are.

    Returns:
        A `Dataset` with ``images`` uint8 (n, height, width, channels), or float32 (n, length,
        channels) for signals, and ``labels`` int32 (n,).

    Raises:
        ValueError: ``name`` or ``split`` is unknown; ``folder``, ``size`` or ``channels`` does not
            go with the set; the folder is not laid out as above; the images differ in size.
        TypeError: ``folder`` is not a path, or ``size`` no ints.
        FileNotFoundError: there is no such folder, or a file is missing in ``folder``, or TFDS has
            not prepared the set; then the message says how to.
        DamagedFileError: a file, named in the message, is damaged, truncated or another one.
        DownloadError: the set had to be downloaded and could not be.

    References:
        ``info(name).citation``.

    Example:
        >>> test = load("fashion_mnist_small", "test")
        >>> test.images.shape, test.labels[:4]
        ((1000, 28, 28, 1), array([9, 2, 1, 1], dtype=int32))
        >>> load("fashion_mnist_small", "test", size=32, channels=3).images.shape
        (1000, 32, 32, 3)
        >>> load("fashion_mnist_small", "tets")
        Traceback (most recent call last):
        ValueError: `split` must be one of 'train', 'test'; got 'tets'. Did you mean 'test'?
    """
    return collected(source(name, split, folder=folder, size=size, channels=channels))


def source(
    name: PathLike,
    split: str,
    *,
    folder: PathLike | None = None,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
) -> Source:
    """Open one split of a data set; each example is read when it is asked for.

    Args:
        name: as for `load`, which says what there is.
        split: ``"train"``, ``"test"``, or what else ``info(name).splits`` has.
        folder: as for `load`.
        size: as for `load`.
        channels: as for `load`.

    Returns:
        A `Source`: ``len(source)``, and ``source[i]`` with ``image`` uint8 (height, width,
        channels), ``label`` int32, and what else the set has. It can be pickled.

    Raises:
        ValueError, TypeError, FileNotFoundError, DamagedFileError, DownloadError: as `load`.

    Example:
        >>> train = source("fashion_mnist_small", "train")
        >>> train.classes[train[0]["label"]]
        'Ankle boot'
    """
    path = _path(folder)
    entry = entry_of(name, path)
    facts = entry.info(path)
    arguments.one_of("split", split, facts.splits)
    if channels is not None:
        arguments.one_of("channels", channels, (1, 3))
    if size is None and channels is None:
        return Source(facts, split, entry.open(split, path))
    fitted = None
    if size is not None:
        height, width = arguments.per_axis("size", size, 2, "an image")
        fitted = (height, width)
    shape = _shape_fitted(facts, fitted, channels)
    records = FittedRecords(entry.open(split, path), fitted, channels)
    return Source(replace(facts, shape=shape), split, records)


def _shape_fitted(
    facts: Info, size: tuple[int, ...] | None, channels: int | None
) -> tuple[int | None, ...]:
    if len(facts.shape) != 3:
        raise ValueError(f"`size` and `channels` are for images; {facts.name} has none.")
    if size is not None and (placed := facts.masks + facts.boxes):
        raise ValueError(
            f"`size` must be left out for {facts.name}: it would change `image` alone, and "
            f"{', '.join(placed)} would no longer lie on it."
        )
    return (*(size or facts.shape[:2]), channels or facts.shape[2])


def _path(folder: PathLike | None) -> Path | None:
    if folder is not None and not isinstance(folder, str | os.PathLike):
        raise TypeError(f"`folder` must be a path; got {arguments.shown(folder)}.")
    return None if folder is None else Path(folder).expanduser()
