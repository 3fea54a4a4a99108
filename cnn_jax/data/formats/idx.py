"""IDX, the file format of MNIST and its relatives: read with every check, and written.

A file is ``0 0 8 rank``, then ``rank`` big-endian uint32 sizes, then the bytes themselves, row by
row (8 stands for uint8, the only type used here), and all of it gzipped.

References:
    Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits (1998),
    section "File formats", http://yann.lecun.com/exdb/mnist/.
"""

import gzip
import hashlib
import io
import math
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from .._errors import DamagedFileError
from .._found import Found

MOST = 2**30  # bytes of a file, unzipped; the largest, EMNIST's, has 0.55 * 10**9


class Readable(Protocol):
    """A file that can be read as a whole: a path, a resource, a member of an archive.

    Example:
        >>> def size(file: Readable) -> int:
        ...     return len(file.read_bytes())
    """

    def read_bytes(self) -> bytes:
        """Return the content."""
        ...


class Pair(NamedTuple):
    """The two files of one split: their names, and the SHA-256 of what they hold when unzipped.

    The gzipped bytes may differ: Debian's files have the original content, compressed anew. A
    SHA-256 that is None is not compared: then that of the gzipped file has been.

    Example:
        >>> pair = Pair("images.gz", "labels.gz", images_sha256="81c6...", labels_sha256="0f12...")
        >>> pair.images
        'images.gz'
    """

    images: str
    labels: str
    images_sha256: str | None = None
    labels_sha256: str | None = None


MNIST_PAIRS = {
    "train": Pair("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": Pair("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}
"""MNIST's four files, whose names other sets have taken over."""


def reader(
    pairs: Mapping[str, Pair], *, classes: int
) -> Callable[[Found, str], dict[str, np.ndarray]]:
    """Return the function that reads one split of a set of such pairs.

    Args:
        pairs: the files of each split.
        classes: labels must lie in [0, classes).

    Returns:
        A function of `Found` and a split, which returns ``image`` uint8 (n, height, width, 1) and
        ``label`` int32 (n,).

    Example:
        >>> read = reader(MNIST_PAIRS, classes=10)
    """

    def read_split(found: Found, split: str) -> dict[str, np.ndarray]:
        images, labels = read_pair(found.files, pairs[split], classes=classes, remedy=found.remedy)
        return {"image": images, "label": labels}

    return read_split


def read_pair(
    files: Mapping[str, Readable], pair: Pair, *, classes: int, remedy: str
) -> tuple[np.ndarray, np.ndarray]:
    """Read the images and labels of one split, or raise.

    Args:
        files: where each file lies, by the names in ``pair``.
        pair: the two names and checksums.
        classes: labels must lie in [0, classes).
        remedy: one sentence for the error message: what the user can do about a bad file.

    Returns:
        ``images`` uint8 (n, height, width, 1) and ``labels`` int32 (n,), writable.

    Raises:
        DamagedFileError: a file fails any check of `read`, a label is out of range, or the two
            files do not have the same number of entries.

    Example:
        >>> import tempfile
        >>> images, labels = np.zeros((2, 28, 28), np.uint8), np.array([3, 1], np.uint8)
        >>> folder = Path(tempfile.mkdtemp())
        >>> files = {"i.gz": folder / "i.gz", "l.gz": folder / "l.gz"}
        >>> sums = [write(files["i.gz"], images), write(files["l.gz"], labels)]
        >>> read_pair(files, Pair("i.gz", "l.gz", *sums), classes=10, remedy="Copy it again.")[1]
        array([3, 1], dtype=int32)
    """
    images_file, labels_file = files[pair.images], files[pair.labels]
    images = read(images_file, rank=3, sha256=pair.images_sha256, remedy=remedy)
    labels = read(labels_file, rank=1, sha256=pair.labels_sha256, remedy=remedy)
    if len(images) != len(labels):
        raise DamagedFileError(
            f"{images_file} holds {len(images)} images but {labels_file} {len(labels)} labels. "
            f"{remedy}"
        )
    if (labels >= classes).any():
        raise DamagedFileError(
            f"{labels_file} holds label {labels.max()}; the largest is {classes - 1}. {remedy}"
        )
    return images[..., np.newaxis], labels.astype(np.int32)


def read(file: Readable, *, rank: int, sha256: str | None, remedy: str) -> np.ndarray:
    """Read one gzipped IDX file of uint8, or raise.

    Args:
        file: the file.
        rank: how many axes it must have: 3 for images, 1 for labels.
        sha256: hexadecimal SHA-256 that the unzipped content must have, or None.
        remedy: one sentence for the error message: what the user can do about a bad file.

    Returns:
        uint8 array of the sizes in the header, writable.

    Raises:
        DamagedFileError: the gzip layer is broken or ends early; the header is not that of an IDX
            file of ``rank`` axes; there are fewer or more bytes than the header promises; or the
            SHA-256 differs. The message names the file.
        FileNotFoundError: there is no such file.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "labels.gz"
        >>> sha256 = write(file, np.arange(3, dtype=np.uint8))
        >>> read(file, rank=1, sha256=sha256, remedy="Copy it again.")
        array([0, 1, 2], dtype=uint8)
    """

    def damaged(what: str) -> DamagedFileError:
        return DamagedFileError(f"{file} {what}. {remedy}")

    try:
        with gzip.GzipFile(fileobj=io.BytesIO(file.read_bytes())) as content:
            head = content.read(4 + 4 * rank)
            if len(head) < 4 + 4 * rank or head[:4] != bytes([0, 0, 8, rank]):
                raise damaged(f"is not an IDX file of uint8 with {rank} axes")
            shape = struct.unpack(f">{rank}I", head[4:])
            if math.prod(shape) > MOST:
                raise damaged(f"claims to hold {shape}, more bytes than any set of this kind")
            body = content.read(math.prod(shape))
            surplus = content.read(1)  # at the end of the file, gzip checks its CRC and length
    except EOFError as error:
        raise damaged("is truncated") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise damaged(f"is damaged or not gzipped ({error})") from error
    if len(body) < math.prod(shape):
        raise damaged(f"is truncated: {len(body)} bytes of {shape}")
    if surplus:
        raise damaged(f"has bytes beyond its {shape}")
    if sha256 is not None and hashlib.sha256(head + body).hexdigest() != sha256:
        raise damaged("is damaged or another data set's: its content has the wrong SHA-256")
    return np.frombuffer(body, np.uint8).reshape(shape).copy()


def write(file: Path, array: np.ndarray) -> str:
    """Write an array as gzipped IDX; the same array gives the same bytes.

    Args:
        file: where to write.
        array: uint8, any number of axes.

    Returns:
        Hexadecimal SHA-256 of the unzipped content, for `Pair`.

    Raises:
        TypeError: ``array`` is not uint8.

    Example:
        >>> import tempfile
        >>> write(Path(tempfile.mkdtemp()) / "labels.gz", np.arange(3, dtype=np.uint8))[:8]
        'b42326e5'
    """
    if array.dtype != np.uint8:
        raise TypeError(f"`array` must be uint8; got {array.dtype}.")
    content = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()
    zipped = io.BytesIO()
    # No name or time in the header: that of gzip.compress depends on the version of Python.
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=zipped, mtime=0) as stream:
        stream.write(content)
    file.write_bytes(zipped.getvalue())
    return hashlib.sha256(content).hexdigest()
