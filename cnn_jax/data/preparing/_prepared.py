"""A set on disk: prepared once, completely or not at all; checked whenever it is opened.

$CNN_JAX_DATA, by default the folder datasets in the cache folder (~/.cache/cnn_jax)
    NAME/1.0.0/             array_record shards, TFDS's description of them, SHA256SUMS
    preparing-.../          what a process is preparing; left there if the process is killed
"""

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import tensorflow_datasets as tfds
from tensorflow_datasets.core.utils import tqdm_utils

from cnn_jax import files

from .._errors import DamagedFileError
from ..sets import Set
from ._builder import Builder, builder_of
from ._originals import in_folder


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


def remade(place: Path) -> str:
    """Say what to do about a prepared set that is damaged.

    Example:
        >>> remade(Path("/data/mnist/1.0.0"))
        'Delete /data/mnist/1.0.0: the next load prepares it anew.'
    """
    return f"Delete {place}: the next load prepares it anew."


def prepared(
    facts: Set,
    folder: Path | None = None,
    *,
    root: Path | None = None,
    builder: type[Builder] | None = None,
) -> Path:
    """Return the folder of a prepared set, after preparing it if need be.

    Args:
        facts: the set.
        folder: where the original files are; they are checked even if the set has been prepared
            before.
        root: where prepared sets are kept; by default `default_root`.
        builder: by default the set's own.

    Returns:
        A folder that TFDS reads. Every file in it has its checksum (40 MB take 0.03 s).

    Raises:
        FileNotFoundError, DamagedFileError, DownloadError: as `cnn_jax.data.load` says.

    Example:
        >>> from cnn_jax.data.sets import SETS
        >>> prepared(SETS["fashion_mnist"], Path("/nowhere"))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        FileNotFoundError: `folder` must hold the four files of Fashion-MNIST; /nowhere lacks ...
    """
    root = root or default_root()
    place = root / facts.info.name / str(Builder.VERSION)
    if not place.exists():
        _prepare(place, root, folder, builder or builder_of(facts))
    elif folder is not None:
        found = in_folder(folder, facts)
        for split in facts.info.splits if facts.checks_content else ():
            facts.arrays(found, split)
    if wrong := files.damage(place):
        raise DamagedFileError(f"{place / wrong[0]}. {remade(place)}")
    return place


def _prepare(place: Path, root: Path, folder: Path | None, builder: type[Builder]) -> None:
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
        place.parent.mkdir(exist_ok=True)
        try:
            os.rename(making.data_dir, place)
        except OSError:
            if not place.exists():  # otherwise another process was first, with the same result
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
