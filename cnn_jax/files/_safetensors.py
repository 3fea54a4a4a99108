"""Files of Hugging Face's format safetensors, with a checksum, which the format lacks.

A file is the length of its header (8 bytes), the header (JSON), and the bytes of all arrays.
The checksum is the header's ``__metadata__["cnn_jax.sha256"]``: the SHA-256, in hexadecimal, of
1. ``json.dumps([metadata, arrays], sort_keys=True, separators=(",", ":"))``, where `metadata` is
   ``__metadata__`` without the checksum, and `arrays` maps a name to [dtype, shape] as in the
   header, such as ``[{"model":"lenet"},{"bias":["F32",[6]]}]``;
2. the bytes of each array as they lie in the file, in the order of the sorted names.

It is compared when a file is opened, in blocks; files without one are taken as they are. A name
with one other letter counts as damaged, so a flipped bit anywhere is noticed or changes nothing.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import ml_dtypes as _ml_dtypes  # noqa: F401  # so that NumPy knows "bfloat16"
import numpy as np
from safetensors import safe_open

from ._stored import ArrayFile, Damaged, Stored

METADATA = "__metadata__"
CHECKSUM = "cnn_jax.sha256"
BLOCK = 2**20  # bytes hashed at a time
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


@contextmanager
def reading(path: Path) -> Iterator[ArrayFile]:
    """Open a file, and compare its checksum if it has one."""
    # `safe_open` refuses lengths and offsets that lie outside of the file, overlap or leave gaps.
    with safe_open(path, framework="numpy") as file:
        metadata = verified(path)
        arrays = {}
        for name in file.keys():  # noqa: SIM118 - the file is no dict
            header = file.get_slice(name)
            dtype = str(header.get_dtype())
            read = partial(file.get_tensor, name)
            arrays[name] = Stored(tuple(header.get_shape()), DTYPES.get(dtype, dtype), read)
        yield ArrayFile(path, arrays, metadata)


def verified(path: Path) -> dict[str, str]:
    """The metadata of a file whose header is known to be sound, without its checksum.

    Raises:
        Damaged: if a name occurs twice in the header, or the checksum differs.
    """
    with open(path, "rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(length).decode(), object_pairs_hook=unique)
        metadata = header.get(METADATA) or {}
        if any(is_almost(CHECKSUM, name) for name in metadata):
            raise Damaged("the name of its checksum is damaged")
        if CHECKSUM in metadata:  # 0.05 s for 100 MB, which take 0.04 s to read
            first = 8 + length
            spans = {
                name: (first + entry["data_offsets"][0], first + entry["data_offsets"][1])
                for name, entry in header.items()
                if name != METADATA
            }
            if checksum(header, lambda name: blocks(stream, *spans[name])) != metadata[CHECKSUM]:
                raise Damaged(
                    "its SHA-256 is not the one that it was saved with: it is damaged by flipped "
                    "bits, or software changed it and kept its metadata"
                )
    return {name: text for name, text in metadata.items() if name != CHECKSUM}


def is_almost(name: str, other: str) -> bool:
    """Whether two names of one length differ in one letter."""
    return len(name) == len(other) and sum(a != b for a, b in zip(name, other)) == 1


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A dict of a JSON object's pairs, whose names must be distinct."""
    entries = {}
    for name, value in pairs:
        if name in entries:
            raise Damaged(f"{name!r} is in it twice")
        entries[name] = value
    return entries


def blocks(stream: BinaryIO, begin: int, end: int) -> Iterator[bytes]:
    """The bytes of a file from `begin` to `end`."""
    stream.seek(begin)
    while begin < end and (block := stream.read(min(BLOCK, end - begin))):
        begin += len(block)
        yield block


def checksum(header: Mapping[str, Any], data: Callable[[str], Iterable[bytes | memoryview]]) -> str:
    """The checksum of a file by its header and the bytes of its arrays; see above."""
    metadata = {n: text for n, text in (header.get(METADATA) or {}).items() if n != CHECKSUM}
    arrays = {n: [e["dtype"], list(e["shape"])] for n, e in header.items() if n != METADATA}
    text = json.dumps([metadata, arrays], sort_keys=True, separators=(",", ":"))
    total = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        for block in data(name):
            total.update(block)
    return total.hexdigest()


def write(path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write a file with its checksum.

    Raises:
        ValueError: if such a file cannot hold an array of this dtype, or a name is its own.
    """
    codes = {dtype: code for code, dtype in DTYPES.items()}
    if METADATA in arrays:
        raise ValueError(f"`file`: {METADATA} is no name for an array in safetensors.")
    if CHECKSUM in metadata:
        raise ValueError(f"`metadata` must leave {CHECKSUM} to the checksum.")
    header: dict[str, Any] = {METADATA: dict(metadata)}
    end = 0
    for name, array in arrays.items():
        if array.dtype.name not in codes:
            raise ValueError(f"`file`: {name} is {array.dtype}, which safetensors cannot hold.")
        begin, end = end, end + array.nbytes
        entry = {"dtype": codes[array.dtype.name], "shape": array.shape}
        header[name] = {**entry, "data_offsets": (begin, end)}
    header[METADATA][CHECKSUM] = checksum(header, lambda name: [raw(arrays[name])])
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the arrays are aligned
    with open(path, "wb") as stream:
        stream.write(len(text).to_bytes(8, "little"))
        stream.write(text)
        for array in arrays.values():
            stream.write(raw(array))


def raw(array: np.ndarray) -> memoryview:
    """The bytes of an array, last axis fastest and little-endian, without a copy where possible."""
    flat = np.ascontiguousarray(array).reshape(-1)
    if flat.dtype.byteorder == ">" or (flat.dtype.byteorder == "=" and sys.byteorder == "big"):
        flat = flat.byteswap()
    return flat.view(np.uint8).data
