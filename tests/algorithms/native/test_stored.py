"""Compiled kernels on disk: used only when they are whole, ours, and of the same everything."""

import os
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm
import pytest

from cnn_jax.algorithms.native.llvm import stored
from cnn_jax.algorithms.native.llvm.compiler import Kernel
from cnn_jax.algorithms.native.llvm.machine import host

KERNEL = Kernel("dense", (), 3, ("float32", 14))
needs_users = pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has no such modes")


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    """The cache folder of a test."""
    monkeypatch.setenv("CNN_JAX_CACHE", str(tmp_path / "cache"))
    stored._version.cache_clear()
    yield tmp_path / "cache"
    stored._version.cache_clear()


def fetched(code=b"machine code", kernel=KERNEL, machine=None):
    """What is fetched, and whether it was compiled."""
    compiled = []

    def compile_():
        compiled.append(True)
        return code

    return stored.fetch(kernel, machine or host(), compile_), bool(compiled)


def only_file(folder):
    (file,) = folder.rglob("*.o")
    return file


def test_a_kernel_is_compiled_once_and_leaves_one_file(folder):
    assert fetched() == (b"machine code", True)
    assert fetched(b"other") == (b"machine code", False)
    assert [path for path in folder.rglob("*") if path.is_file()] == [only_file(folder)]


@pytest.mark.parametrize("what", ["traits", "kind", "cpu", "llvmlite", "LLVM", "source"])
def test_whatever_matters_is_a_part_of_the_key(what, monkeypatch, tmp_path):
    kernel, machine = KERNEL, host()
    source = tmp_path / "sources" / "stored.py"
    source.parent.mkdir()
    source.write_text("first")
    monkeypatch.setattr(stored, "__file__", str(source))
    fetched()
    if what == "traits":
        kernel = replace(kernel, traits=("float32", 13))
    elif what == "kind":
        kernel = replace(kernel, name="pools")
    elif what == "cpu":
        machine = replace(machine, features=machine.features + ",+other")
    elif what == "llvmlite":
        monkeypatch.setattr(llvmlite, "__version__", "0.0")
    elif what == "LLVM":
        monkeypatch.setattr(llvm, "llvm_version_info", (1, 2, 3))
    else:
        source.write_text("second")
    stored._version.cache_clear()  # another process
    assert fetched(b"other", kernel, machine) == (b"other", True)


def cut_short(content):
    return content[:-1]


def one_bit_other(content):
    return content[:-1] + bytes([content[-1] ^ 1])


def emptied(content):
    return b""


def of_another_kernel(content):
    code = b"code of another kernel"
    return stored._checksum(b"cnn_jax.native.pools.float32", code) + code


@pytest.mark.parametrize("damaged", [cut_short, one_bit_other, emptied, of_another_kernel])
def test_a_damaged_file_is_not_used_and_is_mended(folder, damaged):
    fetched()
    file = only_file(folder)
    file.write_bytes(damaged(file.read_bytes()))
    assert fetched(b"compiled anew") == (b"compiled anew", True)
    assert fetched(b"other") == (b"compiled anew", False)


@needs_users
@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_can_write_is_not_used_and_is_replaced(folder, mode):
    fetched()
    only_file(folder).chmod(mode)
    assert fetched(b"compiled anew") == (b"compiled anew", True)
    assert only_file(folder).stat().st_mode & 0o777 == 0o600
    assert fetched(b"other") == (b"compiled anew", False)


@needs_users
@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_a_folder_that_others_can_write_is_not_used(folder, mode):
    fetched()
    only_file(folder).parent.chmod(mode)
    assert fetched(b"compiled anew") == (b"compiled anew", True)


@needs_users
def test_files_of_another_user_are_not_used(monkeypatch):
    fetched()
    user = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: user + 1)
    assert fetched(b"compiled anew") == (b"compiled anew", True)


@needs_users
def test_nobody_else_can_write_what_is_stored_whatever_the_mask(folder):
    before = os.umask(0)
    try:
        fetched()
    finally:
        os.umask(before)
    file = only_file(folder)
    assert [path.stat().st_mode & 0o777 for path in (file, file.parent)] == [0o600, 0o700]
    assert fetched(b"other") == (b"machine code", False)


def test_a_folder_that_cannot_be_made_costs_only_time(folder):
    folder.write_text("a file is where the folder should be")
    assert fetched() == (b"machine code", True)
    assert fetched() == (b"machine code", True)


def test_a_folder_that_cannot_be_written_costs_only_time(folder, monkeypatch):
    def refused(path, *arguments, **options):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "write_bytes", refused)
    assert fetched() == (b"machine code", True)
    assert not list(folder.rglob("*.o"))


PROGRAM = """
import numpy as np
from cnn_jax import functional as F
x, kernel = np.ones((2, 5, 5, 3), np.float32), np.ones((3, 3, 3, 4), np.float32)
assert float(F.conv(x, kernel, algorithm="native").sum()) == 2 * 9 * 4 * 27
"""
COMPILES_NOTHING = """
from cnn_jax.algorithms.native.llvm import compiler
compiler.compiled = None
"""


def test_two_processes_at_once_and_a_third_that_compiles_nothing(folder):
    first = [subprocess.Popen([sys.executable, "-c", PROGRAM]) for _ in range(2)]
    assert [process.wait(120) for process in first] == [0, 0]
    before = only_file(folder).stat().st_mtime_ns
    run = partial(subprocess.run, timeout=120)
    assert run([sys.executable, "-c", COMPILES_NOTHING + PROGRAM]).returncode == 0
    assert only_file(folder).stat().st_mtime_ns == before
    only_file(folder).unlink()
    without = run([sys.executable, "-c", COMPILES_NOTHING + PROGRAM], stderr=subprocess.PIPE)
    assert without.returncode != 0
    assert b"NoneType" in without.stderr
