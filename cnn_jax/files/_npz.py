"""NumPy's .npz: a zip archive with a .npy file for each array, and a CRC-32 for each file."""

import math
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from ._stored import ArrayFile, Damaged, Stored

# What NumPy raises for a header that is not a Python dict, such as MemoryError for "-----1".
NO_HEADER = (ValueError, TypeError, KeyError, SyntaxError, MemoryError, OverflowError)
# How many bytes one byte can expand to at most, by the compressions that NumPy writes.
EXPANSION = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: 1032}


@contextmanager
def reading(path: Path) -> Iterator[ArrayFile]:
    """Open a file."""
    try:
        archive = zipfile.ZipFile(path)
    except (ValueError, NotImplementedError) as error:  # a name is no UTF-8; a future version
        raise Damaged(error) from error
    with archive:
        arrays = {}
        for member in archive.infolist():
            if not member.filename.endswith(".npy"):
                raise Damaged(f"{member.filename} in it is no .npy file")
            name = member.filename.removesuffix(".npy")
            if member.comment:  # a flipped bit in its length makes one of the following members
                raise Damaged(f"{name!r} has a comment")
            if name in arrays:
                raise Damaged(f"{name!r} is in it twice")
            try:
                arrays[name] = stored(archive, member)
            except (*NO_HEADER, NotImplementedError, RuntimeError) as error:
                # A header that is not one; an unknown compression; a password.
                raise Damaged(f"{name}: {error or 'its header is none'}") from error
        yield ArrayFile(path, arrays)


def stored(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Stored:
    """The shape and dtype in the header of an archive's member, and how to read its array."""
    if member.compress_type not in EXPANSION:
        raise NotImplementedError(f"compression {member.compress_type} is unknown")
    held = min(member.compress_size, os.path.getsize(str(archive.filename)))
    if member.file_size > EXPANSION[member.compress_type] * held:
        raise ValueError(f"it claims to hold {member.file_size} bytes, in {held}")
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
    return Stored(shape, dtype.name, partial(read, archive, member))


def read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """Read an array and compare its CRC-32."""
    with archive.open(member) as stream:
        try:
            array = np.lib.format.read_array(stream, allow_pickle=False)
        except ValueError as error:
            raise Damaged(f"{member.filename}: {error}") from error
        stream.read()  # at the end, zipfile compares the checksum
        return array


def write(path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write a file.

    Raises:
        ValueError: if such a file cannot hold an array of this dtype, or there is metadata.
    """
    if metadata:
        raise ValueError("`metadata`: .npz holds none; use a .safetensors file.")
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            if array.dtype.kind == "V" or array.dtype.hasobject:
                raise ValueError(
                    f"`file`: {name} is {array.dtype.name}, which .npz cannot hold; use a "
                    ".safetensors file."
                )
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, array, allow_pickle=False)
