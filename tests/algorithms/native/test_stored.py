"""Compiled kernels on disk: whole, ours and of this version, or compiled again."""

import os
import subprocess
import sys

import pytest

from cnn_jax.algorithms.native import stored
from cnn_jax.algorithms.native.compiler import Kernel
from cnn_jax.algorithms.native.machine import host

KERNEL = Kernel("some", (), 1, ("float32", 3))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CNN_JAX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def fetch(code=b"code"):
    """What is fetched, and whether it was compiled."""
    compiled = []
    found = stored.fetch(KERNEL, host(), lambda: compiled.append(1) or code)
    return found, bool(compiled)


def only_file(folder):
    (file,) = (path for path in folder.rglob("*") if path.is_file())
    return file


def test_a_kernel_is_compiled_once(folder):
    assert fetch() == (b"code", True)
    assert fetch(b"other") == (b"code", False)
    assert only_file(folder).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b"", lambda b: b[:70] + b"?" + b[71:]]
)
def test_a_damaged_file_is_not_used_and_mended(folder, damage):
    fetch(b"a longer piece of code")
    file = only_file(folder)
    file.write_bytes(damage(file.read_bytes()))
    assert fetch(b"compiled again") == (b"compiled again", True)
    assert fetch() == (b"compiled again", False)


def test_a_file_that_others_can_write_is_not_used(folder):
    fetch()
    only_file(folder).chmod(0o666)
    assert fetch(b"mine") == (b"mine", True)
    assert fetch() == (b"mine", False)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have no owners here")
def test_a_file_of_somebody_else_is_not_used(folder, monkeypatch):
    fetch()
    somebody = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: somebody)
    assert fetch(b"mine") == (b"mine", True)


def test_another_version_of_anything_has_a_folder_of_its_own(folder, monkeypatch):
    import dataclasses

    import llvmlite

    fetch()
    older = dataclasses.replace(host(), cpu="i486")
    assert stored.fetch(KERNEL, older, lambda: b"older") == b"older"
    monkeypatch.setattr(llvmlite, "__version__", "0.0")
    stored._version.cache_clear()
    assert fetch(b"by another LLVM") == (b"by another LLVM", True)
    stored._version.cache_clear()
    assert len({path.parent for path in folder.rglob("*.o")}) == 3


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("CNN_JAX_CACHE", str(tmp_path / "file"))
    assert fetch() == (b"code", True) == fetch()


def test_processes_share_what_one_compiled(tmp_path):
    text = """
import jax.numpy as jnp
from cnn_jax import functional as F
from cnn_jax.algorithms.native import compiler
made = []
whole = compiler.compiled
compiler.compiled = lambda *given: made.append(1) or whole(*given)
F.conv(jnp.ones((2, 8, 8, 4)), jnp.ones((3, 3, 4, 4)), algorithm="native")
print(len(made))
"""
    environment = os.environ | {"CNN_JAX_CACHE": str(tmp_path)}
    command = [sys.executable, "-c", text]
    counts = [
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert [int(count) for count in counts] == [1, 0]
