"""Compiled kernels on disk, for the next process.

A file is used only if nobody else can have written it, and if it is whole and the kernel it is
named after: its checksum is taken over the kernel's name and code.
"""

import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from cnn_jax import files

from .machine import Machine

CHECKSUM = 64  # bytes, in hexadecimal, at the start of a file


def fetch(kernel, machine: Machine, compile_: Callable[[], bytes]) -> bytes:
    """The object code of a kernel, from disk if it is there and whole, else compiled and stored."""
    folder = files.cache_folder() / "kernels" / _version(machine)
    name = kernel.target.encode()
    file = folder / f"{kernel.name}-{hashlib.sha256(name).hexdigest()[:32]}.o"
    found = _read(file, name)
    if found is not None:
        return found
    code = compile_()
    _write(file, name, code)
    return code


@functools.cache
def _version(machine: Machine) -> str:
    """What must be the same for compiled code to be used: sources, LLVM and the processor."""
    import llvmlite
    import llvmlite.binding as llvm

    used = llvmlite.__version__, llvm.llvm_version_info, machine
    digest = hashlib.sha256(repr(used).encode())
    for source in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:32]


def _read(file: Path, name: bytes) -> bytes | None:
    """The code in a file, if it can be trusted."""
    try:
        if not _ours(os.stat(file.parent)):
            return None
        with open(file, "rb") as stream:
            if not _ours(os.fstat(stream.fileno())):
                return None
            checksum, code = stream.read(CHECKSUM), stream.read()
    except OSError:
        return None
    return code if checksum == _checksum(name, code) else None


def _write(file: Path, name: bytes, code: bytes) -> None:
    """Store code after its checksum; a folder that cannot be written costs only time."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with files.replacing(file) as new:
            new.write_bytes(_checksum(name, code) + code)
            new.chmod(0o600)
    except OSError:
        pass


def _ours(status: os.stat_result) -> bool:
    """Whether a file or folder belongs to this user, and nobody else can write to it."""
    if not hasattr(os, "getuid"):  # Windows
        return True
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


def _checksum(name: bytes, code: bytes) -> bytes:
    return hashlib.sha256(name + b"\0" + code).hexdigest().encode()
