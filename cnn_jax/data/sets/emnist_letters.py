"""EMNIST letters: 28x28 gray pictures of handwritten letters, upper and lower case as one class.

Size and SHA-256 are those in TFDS's ``url_checksums/emnist.txt``. The counts are those of the
files (145,600 images); the paper and TFDS name fewer, 88,800 and 14,800. In the files each image
is transposed, and the letters are numbered from 1.
"""

import string

from .._found import Found
from .._info import Info
from ..formats import archives, idx
from ._set import Arrays, Original, Set

INFO = Info(
    name="emnist_letters",
    title="EMNIST letters",
    description="28x28 gray pictures of handwritten letters, upper and lower case as one class.",
    counts={"train": 124_800, "test": 20_800},
    shape=(28, 28, 1),
    labels={"label": tuple(string.ascii_uppercase)},
    homepage="https://www.nist.gov/itl/products-and-services/emnist-dataset",
    citation=(
        "G. Cohen, S. Afshar, J. Tapson, A. van Schaik, EMNIST: Extending MNIST to handwritten "
        "letters (2017), arXiv:1702.05373."
    ),
)

ARCHIVE = Original(
    "gzip.zip",
    561753746,
    "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
)

PAIRS = {
    split: idx.Pair(
        f"gzip/emnist-letters-{split}-images-idx3-ubyte.gz",
        f"gzip/emnist-letters-{split}-labels-idx1-ubyte.gz",
    )
    for split in INFO.splits
}


def read(found: Found, split: str) -> Arrays:
    """Read one split from the archive.

    Args:
        found: where the archive is.
        split: ``"train"`` or ``"test"``.

    Returns:
        ``image`` uint8 (n, 28, 28, 1), upright, and ``label`` int32 (n,), from 0.

    Raises:
        DamagedFileError: the archive, or a file in it, is damaged or not the expected one.

    Example:
        >>> from pathlib import Path
        >>> read(Found({"gzip.zip": Path("/nowhere/gzip.zip")}, "Copy it again."), "test")
        Traceback (most recent call last):
        FileNotFoundError: [Errno 2] No such file or directory: '/nowhere/gzip.zip'
    """
    pair = PAIRS[split]
    names = (pair.images, pair.labels)
    members = archives.zip_members(found.files[ARCHIVE.name], names, remedy=found.remedy)
    images, labels = idx.read_pair(members, pair, classes=27, remedy=found.remedy)
    return {"image": images.swapaxes(1, 2), "label": labels - 1}


SET = Set(
    INFO,
    url="https://biometrics.nist.gov/cs_links/EMNIST/",
    originals=(ARCHIVE,),
    read=read,
)
