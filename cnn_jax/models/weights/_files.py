"""Files of named arrays: safetensors and NumPy's .npz. Reading one runs nothing that is in it.

Shapes and dtypes come from the headers, and are checked against the size of the file. An array is
read only when asked for, so a false header cannot cause a large allocation.
"""

import json
import math
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from cnn_jax.arguments import shown
from cnn_jax.files import replacing

PICKLES = (".pt", ".pth", ".bin", ".ckpt")
KINDS = (".safetensors", ".npz")
# Names of dtypes in safetensors' headers; others, such as float8, keep safetensors' name.
DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}
# What NumPy raises for a header that is not a Python dict, such as MemoryError for "-----1".
NO_HEADER = (ValueError, TypeError, KeyError, SyntaxError, MemoryError, OverflowError)


@dataclass(frozen=True)
class Stored:
    """An array of a file: what its header says, and how to read it."""

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], np.ndarray]


def checked(file: str | os.PathLike[str]) -> Path:
    """The path of a file of weights, checked to be of a known kind.

    Raises:
        TypeError: if it is no path.
        ValueError: if it has another suffix.
    """
    if not isinstance(file, str | os.PathLike):
        raise TypeError(f"`file` must be a path; got {shown(file)}.")
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


@contextmanager
def contents(path: Path) -> Iterator[dict[str, Stored]]:
    """The arrays of a file by name; they can be read while the context is open.

    Raises:
        FileNotFoundError: if the path does not exist.
        ValueError: if it is not a file, or a damaged one.
    """
    if not path.exists():
        raise FileNotFoundError(f"`file` {path} does not exist.")
    if not path.is_file():
        raise ValueError(f"`file` {path} is no file; give the file that is in it.")
    kind = path.suffix.lower()
    # What the readers raise for bytes that they cannot interpret.
    damages = (SafetensorError, zipfile.BadZipFile, zlib.error, EOFError, Damaged)
    try:
        with (_safetensors if kind == ".safetensors" else _npz)(path) as arrays:
            yield arrays
    except damages as error:
        raise _damaged(path, error) from error
    except OSError as error:
        if error.filename is not None:
            raise
        raise _damaged(path, error) from error  # a position outside of the file, most likely


def _damaged(path: Path, error: Exception) -> ValueError:
    kind = path.suffix.lower()
    return ValueError(f"`file` {path} is no whole {kind} file ({error}); download or save it anew.")


class Damaged(Exception):
    """A file does not hold what it should."""


@contextmanager
def _safetensors(path: Path) -> Iterator[dict[str, Stored]]:
    # `safe_open` refuses lengths and offsets that lie outside of the file, overlap or leave gaps.
    with safe_open(path, framework="numpy") as file:
        _check_unique(path)
        arrays = {}
        for name in file.keys():  # noqa: SIM118 - the file is no dict
            header = file.get_slice(name)
            dtype = str(header.get_dtype())
            read = partial(file.get_tensor, name)
            arrays[name] = Stored(tuple(header.get_shape()), DTYPES.get(dtype, dtype), read)
        yield arrays


def _check_unique(path: Path) -> None:
    """Check that no name occurs twice in the header, which is known to be complete JSON."""

    def refuse_duplicates(pairs: list[tuple[str, object]]) -> None:
        seen = set()
        for name, _ in pairs:
            if name in seen:
                raise Damaged(f"{name!r} is in it twice")
            seen.add(name)

    with open(path, "rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        json.loads(stream.read(length), object_pairs_hook=refuse_duplicates)


@contextmanager
def _npz(path: Path) -> Iterator[dict[str, Stored]]:
    with zipfile.ZipFile(path) as archive:
        arrays = {}
        for member in archive.infolist():
            if not member.filename.endswith(".npy"):
                raise Damaged(f"{member.filename} in it is no .npy file")
            name = member.filename.removesuffix(".npy")
            if name in arrays:
                raise Damaged(f"{name!r} is in it twice")
            try:
                arrays[name] = _npy(archive, member)
            except (*NO_HEADER, NotImplementedError, RuntimeError) as error:
                # A header that is not one; an unknown compression; a password.
                raise Damaged(f"{name}: {error or 'its header is none'}") from error
        yield arrays


def _npy(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Stored:
    """The shape and dtype in the header of an archive's member, and how to read its array."""
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if header is None:
            raise ValueError(f".npy version {version} is unknown")
        shape, _, dtype = header(stream)
        size = stream.tell() + math.prod(shape) * dtype.itemsize
    if dtype.hasobject:
        raise ValueError("it is a pickle, which can run any code when it is read")
    if size != member.file_size:
        raise ValueError(f"its header claims {size} bytes, and there are {member.file_size}")
    return Stored(shape, dtype.name, partial(_read_npy, archive, member))


def _read_npy(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as stream:
        try:
            array = np.lib.format.read_array(stream, allow_pickle=False)
        except ValueError as error:
            raise Damaged(f"{member.filename}: {error}") from error
        stream.read()  # at the end, zipfile compares the checksum
        return array


def write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays to a file, which appears under its name only when complete.

    Raises:
        FileNotFoundError: if its folder does not exist.
        ValueError: if an array's dtype cannot be in such a file.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"`file` {path}: the folder {path.parent} does not exist; make it.")
    if path.is_dir():
        raise ValueError(f"`file` {path} is a folder.")
    writer = _write_safetensors if path.suffix.lower() == ".safetensors" else _write_npz
    with replacing(path) as new:
        writer(new, arrays)


def _write_safetensors(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write the length of the header, the header (JSON), and the bytes of all arrays."""
    codes = {dtype: code for code, dtype in DTYPES.items()}
    header, end = {}, 0
    for name, array in arrays.items():
        if array.dtype.name not in codes:
            raise ValueError(f"`model`: {name} is {array.dtype}, which safetensors cannot hold.")
        begin, end = end, end + array.nbytes
        entry = {"dtype": codes[array.dtype.name], "shape": array.shape}
        header[name] = {**entry, "data_offsets": (begin, end)}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the arrays are aligned
    with open(path, "wb") as stream:
        stream.write(len(text).to_bytes(8, "little"))
        stream.write(text)
        for array in arrays.values():
            stream.write(np.ascontiguousarray(array).tobytes())


def _write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            if array.dtype.kind == "V":
                raise ValueError(
                    f"`model`: {name} is {array.dtype.name}, which .npz cannot hold; use "
                    "a .safetensors file."
                )
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.ascontiguousarray(array), allow_pickle=False)
