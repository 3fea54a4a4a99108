"""Compiled kernels on disk, for the next process."""

import functools
import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path

from cnn_jax import files

from .machine import Machine


def fetch(kernel, machine: Machine, compile_: Callable[[], bytes]) -> bytes:
    """The object code of a kernel, from disk if it is there and whole, else compiled and stored."""
    folder = files.cache_folder() / "kernels" / _version(machine)
    file = folder / f"{kernel.name}-{hashlib.sha256(kernel.target.encode()).hexdigest()[:32]}.o"
    found = _read(file)
    if found is not None:
        return found
    code = compile_()
    _write(file, code)
    return code


@functools.cache
def _version(machine: Machine) -> str:
    """What must be the same for compiled code to be used: sources, LLVM and the processor."""
    import llvmlite

    digest = hashlib.sha256(repr((llvmlite.__version__, machine)).encode())
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:32]


def _read(file: Path) -> bytes | None:
    """The code in a file that is ours, that nobody else can write, and that is whole."""
    try:
        with open(file, "rb") as stream:
            status = os.fstat(stream.fileno())
            if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o022):
                return None
            digest, code = stream.read(64), stream.read()
    except OSError:
        return None
    return code if files.sha256(io.BytesIO(code)).encode() == digest else None


def _write(file: Path, code: bytes) -> None:
    """Store code after its checksum; a folder that cannot be written costs only time."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        files.replace(file, files.sha256(io.BytesIO(code)).encode() + code)
        os.chmod(file, 0o600)
    except OSError:
        pass
