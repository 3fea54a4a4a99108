"""The full set on disk: prepared once, completely or not at all; each load checks and reads it.

$CNN_JAX_DATA, by default the folder datasets in the cache folder (~/.cache/cnn_jax)
    fashion_mnist/1.0.0/    array_record shards, TFDS's description of them, SHA256SUMS
    preparing-.../          what a process is preparing; left there if the process is killed
"""

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core.utils import tqdm_utils

from cnn_jax import files

from .. import _idx
from .._errors import DamagedFileError
from . import _files, _sources
from .builder import FashionMnist


def default_root() -> Path:
    """Return where prepared data sets are kept: ``$CNN_JAX_DATA``, or ``datasets`` in the cache.

    Returns:
        An absolute path; the folder need not exist.

    Example:
        >>> default_root().is_absolute()
        True
    """
    root = os.environ.get("CNN_JAX_DATA") or files.cache_folder() / "datasets"
    return Path(root).expanduser().absolute()


def read(
    split: str,
    folder: Path | None = None,
    *,
    root: Path | None = None,
    builder: type[FashionMnist] = FashionMnist,
) -> tuple[np.ndarray, np.ndarray]:
    """Read one split, after preparing the set if need be.

    Args:
        split: ``"train"`` or ``"test"``.
        folder: where the original files are; checked even if the set has been prepared before.
        root: where prepared sets are kept; by default `default_root`.
        builder: `FashionMnist` or a subclass.

    Returns:
        ``images`` uint8 (n, 28, 28, 1) and ``labels`` int32 (n,).

    Raises:
        FileNotFoundError, DamagedFileError, DownloadError: as `cnn_jax.data.load` says.

    Example:
        >>> read("train", Path("/nowhere"))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        FileNotFoundError: `folder` must hold the four files of Fashion-MNIST; /nowhere lacks ...
    """
    if folder is not None:  # 0.5 s; a bad file is reported even if the set was prepared before
        source, pair = _sources.in_folder(folder, builder.files), builder.files[split]
        _idx.read_pair(source.files, pair, classes=len(_files.CLASSES), remedy=source.remedy)
    root = root or default_root()
    prepared = root / builder.name / str(builder.VERSION)
    if not prepared.exists():
        _prepare(prepared, root, folder, builder)
    if found := files.damage(prepared):
        raise DamagedFileError(
            f"{prepared / found[0]}. Delete {prepared}: the next load prepares it anew."
        )
    examples = builder(data_dir=root).as_data_source(split)  # pyright: ignore[reportCallIssue]
    records = examples.__getitems__(range(len(examples)))
    images = np.stack([record["image"] for record in records])
    labels = np.array([record["label"] for record in records], np.int32)
    return images, labels


def _prepare(prepared: Path, root: Path, folder: Path | None, builder: type[FashionMnist]) -> None:
    """Prepare in a temporary folder, then rename it: a folder with the final name is complete."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(prefix="preparing-", dir=root)
    except OSError as error:
        error.add_note(f"Prepared data go to {root}; set CNN_JAX_DATA to keep them elsewhere.")
        raise
    with temporary as workshop:
        making = builder(folder=folder, data_dir=workshop)
        with _quiet():
            making.download_and_prepare(
                file_format="array_record",
                download_dir=Path(workshop) / "downloads",
                download_config=tfds.download.DownloadConfig(
                    try_download_gcs=False, force_checksums_validation=True
                ),
            )
        files.write_checksums(Path(making.data_dir))
        prepared.parent.mkdir(exist_ok=True)
        try:
            os.rename(making.data_dir, prepared)
        except OSError:
            if not prepared.exists():  # otherwise another process was first, with the same result
                raise


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress TFDS's progress bars and messages."""
    active = tqdm_utils._active
    tqdm_utils.display_progress_bar(False)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        tqdm_utils.display_progress_bar(active)
