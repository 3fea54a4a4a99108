"""Files of named arrays: safetensors and NumPy's .npz. Reading one runs nothing that is in it.

Shapes and dtypes come from the headers, and are checked against the size of the file. An array is
read only when asked for, so a false header cannot cause a large allocation.
"""

import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from safetensors import SafetensorError

from . import _npz, _safetensors
from ._replace import replacing
from ._stored import ArrayFile, Damaged

PICKLES = (".pt", ".pth", ".bin", ".ckpt")
KINDS = {".safetensors": _safetensors, ".npz": _npz}
# What the readers raise for bytes that they cannot interpret.
DAMAGES = (SafetensorError, zipfile.BadZipFile, zlib.error, EOFError, Damaged)


@contextmanager
def array_file(file: str | os.PathLike[str]) -> Iterator[ArrayFile]:
    """Open a file of arrays; they can be read while the context is open.

    A .safetensors file that `write_arrays` wrote has a SHA-256 checksum, which is compared now; the
    arrays of an .npz have a CRC-32 each, which is compared when the array is read.

    Args:
        file: ``.safetensors``, or ``.npz`` without pickles.

    Yields:
        What the file holds.

    Raises:
        TypeError: if `file` is no path.
        FileNotFoundError: if it does not exist.
        ValueError: if it is of another kind, or damaged.

    Example:
        >>> import tempfile
        >>> path = f"{tempfile.mkdtemp()}/lines.safetensors"
        >>> write_arrays(path, {"slope": np.arange(3.0)}, {"made by": "hand"})
        >>> with array_file(path) as found:
        ...     found.arrays["slope"].shape, found.arrays["slope"].read(), found.metadata
        ((3,), array([0., 1., 2.]), {'made by': 'hand'})
    """
    path = _checked(file)
    if not path.exists():
        raise FileNotFoundError(f"`file` {path} does not exist.")
    if not path.is_file():
        raise ValueError(f"`file` {path} is no file; give the file that is in it.")
    try:
        with KINDS[path.suffix.lower()].reading(path) as found:
            yield found
    except DAMAGES as error:
        raise _damaged(path, error) from error
    except OSError as error:
        if error.filename is not None:
            raise
        raise _damaged(path, error) from error  # a position outside of the file, most likely


def read_arrays(file: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read all arrays of a file.

    Args:
        file: ``.safetensors``, or ``.npz`` without pickles.

    Returns:
        The arrays by name.

    Raises:
        TypeError: if `file` is no path.
        FileNotFoundError: if it does not exist.
        ValueError: if it is of another kind, or damaged.

    Example:
        >>> import tempfile
        >>> path = f"{tempfile.mkdtemp()}/lines.npz"
        >>> write_arrays(path, {"slope": np.arange(3.0)})
        >>> read_arrays(path)
        {'slope': array([0., 1., 2.])}
    """
    with array_file(file) as found:
        return {name: stored.read() for name, stored in found.arrays.items()}


def write_arrays(
    file: str | os.PathLike[str],
    arrays: Mapping[str, np.ndarray],
    metadata: Mapping[str, str] = {},
) -> None:
    """Write arrays to a file, which appears under its name only when complete.

    Args:
        file: to write: ``.safetensors`` or ``.npz``. An old file stays until the new is complete.
        arrays: by name.
        metadata: texts by name, for ``.safetensors`` only.

    Raises:
        TypeError: if `file` is no path, or an entry of `metadata` no text.
        FileNotFoundError: if its folder does not exist.
        ValueError: if it is of another kind, or cannot hold the metadata or an array's dtype.

    Example:
        >>> import tempfile
        >>> write_arrays(f"{tempfile.mkdtemp()}/lines.npz", {"slope": np.arange(3.0)})
    """
    path = _checked(file)
    for text in (*metadata, *metadata.values()):
        if not isinstance(text, str):
            raise TypeError(f"`metadata` must hold texts only; got {text!r}.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"`file` {path}: the folder {path.parent} does not exist; make it.")
    if path.is_dir():
        raise ValueError(f"`file` {path} is a folder.")
    with replacing(path) as new:
        KINDS[path.suffix.lower()].write(new, arrays, metadata)


def _checked(file: str | os.PathLike[str]) -> Path:
    """The path of a file of arrays, checked to be of a known kind."""
    if not isinstance(file, str | os.PathLike):
        raise TypeError(f"`file` must be a path; got one of type {type(file).__name__}.")
    path = Path(file)
    if path.suffix.lower() in PICKLES:
        raise ValueError(
            f"`file` {path} is PyTorch's pickle, which can run any code when it is read. Convert "
            f"it once, where PyTorch is: safetensors.torch.save_file(torch.load({path.name!r}, "
            f"weights_only=True), {path.with_suffix('.safetensors').name!r})"
        )
    if path.suffix.lower() not in KINDS:
        raise ValueError(f"`file` must end in {' or '.join(KINDS)}; got {str(path)!r}.")
    return path


def _damaged(path: Path, error: Exception) -> ValueError:
    kind = path.suffix.lower()
    return ValueError(f"`file` {path} is no whole {kind} file ({error}); download or save it anew.")
