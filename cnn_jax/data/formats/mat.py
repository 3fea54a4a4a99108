"""MATLAB's files (version 5), as SVHN has them: images in ``X``, their labels in ``y``.

SciPy, which JAX depends on, reads them. The names, types and sizes are looked at first, so that
nothing but two arrays of numbers is read: no objects, no functions, no cells.
"""

import math
from pathlib import Path

import numpy as np

from .._errors import DamagedFileError

MOST = 2**31  # bytes of an array; SVHN's largest, "extra", has 1.6 * 10**9
NUMBERS = ("double", "single", *(f"{u}int{bits}" for u in ("", "u") for bits in (8, 16, 32, 64)))


def read(file: Path, *, remedy: str) -> tuple[np.ndarray, np.ndarray]:
    """Read the images and labels of one file.

    Args:
        file: with ``X`` uint8 (height, width, channels, n) and ``y`` (n, 1), whole numbers.
        remedy: one sentence for the error message: what the user can do about a bad file.

    Returns:
        ``images`` uint8 (n, height, width, channels) and ``labels`` int32 (n,).

    Raises:
        DamagedFileError: it is damaged, or holds something else under these names.
        FileNotFoundError: there is no such file.

    Example:
        >>> import tempfile
        >>> import scipy.io
        >>> file = Path(tempfile.mkdtemp()) / "test.mat"
        >>> scipy.io.savemat(file, {"X": np.zeros((4, 4, 3, 2), np.uint8), "y": [[10], [1]]})
        >>> read(file, remedy="Copy it again.")[0].shape
        (2, 4, 4, 3)
    """
    import scipy.io  # 0.1 s that few need

    def damaged(what: str) -> DamagedFileError:
        return DamagedFileError(f"{file} {what}. {remedy}")

    try:
        with file.open("rb") as stream:
            held = {name: (shape, kind) for name, shape, kind in scipy.io.whosmat(stream)}
            (x_shape, x_kind), (y_shape, y_kind) = held.get("X", ((), "")), held.get("y", ((), ""))
            if len(x_shape) != 4 or x_kind != "uint8":
                raise damaged("must hold images as `X`, uint8 with 4 axes")
            if y_shape != (x_shape[3], 1) or y_kind not in NUMBERS:
                raise damaged(f"must hold {x_shape[3]} numbers as `y`, one for each image")
            if math.prod(x_shape) > MOST:
                raise damaged(f"claims to hold {x_shape}, more bytes than any set of this kind")
            stream.seek(0)
            arrays = scipy.io.loadmat(stream, variable_names=("X", "y"))
    except (DamagedFileError, FileNotFoundError):
        raise
    except Exception as error:  # SciPy's readers raise a dozen kinds
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise damaged(f"is damaged or no MATLAB file of version 5 ({reason})") from error
    images = np.ascontiguousarray(arrays["X"].transpose(3, 0, 1, 2))
    labels = arrays["y"][:, 0]
    if not np.array_equal(labels, np.round(labels)):
        raise damaged("must hold whole numbers as `y`")
    return images, labels.astype(np.int32)
