"""Make ``small/``: the first 6,000 training and 1,000 test images of the full files.

    python -m cnn_jax.data.fashion_mnist.make_small [FOLDER]

FOLDER holds the four original files; by default it is that of Debian's package. The content of the
new files is always the same, their gzipped bytes only with the same zlib. It takes 5 s.
"""

from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from ..formats import idx
from ..preparing import in_folder
from ..sets.fashion_mnist import DEBIAN, PAIRS, SET
from ._files import COUNTS

SMALL_FOLDER = Path(__file__).parent / "small"


def make_small(folder: Path, out: Path) -> dict[str, tuple[idx.Pair, np.ndarray]]:
    """Write the four small files.

    Args:
        folder: holds the four original files.
        out: where to write, with the same names; made if it does not exist.

    Returns:
        For each split the new files' names and checksums, and its labels int32 (n,).

    Raises:
        FileNotFoundError: a file is missing in ``folder``.
        DamagedFileError: a file in ``folder`` is not the original.

    Example:
        >>> make_small(Path("/nowhere"), Path("/nowhere"))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        FileNotFoundError: `folder` must hold the four files of Fashion-MNIST; /nowhere lacks ...
    """
    source = in_folder(folder, SET)
    out.mkdir(parents=True, exist_ok=True)
    made = {}
    for split, pair in PAIRS.items():
        images, labels = idx.read_pair(source.files, pair, classes=10, remedy=source.remedy)
        n = COUNTS[split]
        small = pair._replace(
            images_sha256=idx.write(out / pair.images, images[:n, ..., 0]),
            labels_sha256=idx.write(out / pair.labels, labels[:n].astype(np.uint8)),
        )
        made[split] = small, labels[:n]
    return made


def main(folder: tyro.conf.Positional[Path] = DEBIAN.folder) -> None:
    """Make small/ from the four original files; print its class counts and checksums.

    Args:
        folder: holds the original files.
    """
    made = make_small(folder, SMALL_FOLDER)
    counts = Table("class", *made)
    for label, name in enumerate(SET.info.classes):
        counts.add_row(name, *(str((labels == label).sum()) for _, labels in made.values()))
    size = sum(file.stat().st_size for file in SMALL_FOLDER.iterdir())
    console = Console(soft_wrap=True)
    console.print(counts)
    console.print("The checksums, for _files.py:")
    for pair, _ in made.values():
        console.print(f"{pair.images_sha256}  {pair.images}")
        console.print(f"{pair.labels_sha256}  {pair.labels}")
    console.print(f"{size:,} bytes in {SMALL_FOLDER}")


if __name__ == "__main__":
    tyro.cli(main)
