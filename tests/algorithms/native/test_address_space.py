"""Kernels are loaded into a process whose free memory lies in small pieces far apart."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import ctypes
import jax.numpy as jnp
import llvmlite.binding as llvm
from cnn_jax import functional as F
from cnn_jax.algorithms.native.llvm import compiler

libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = 2 * [ctypes.c_size_t] + 3 * [ctypes.c_int] + [ctypes.c_long]
NOTHING, PRIVATE_ANONYMOUS_FIXED_NORESERVE, PAGE = 0, 0x4032, 4096

def fill(hole):
    "Fill all gaps of the address space; in the last TiB, leave a hole every 3 GiB."
    ends = [line.split()[0].split("-") for line in open("/proc/self/maps")]
    ends = [int(address, 16) for pair in ends for address in pair]
    lowest, holes = max(end for end in ends if end < 2**47) - 2**40, 0
    for low, high in zip(ends[1::2], ends[2::2]):
        low = max(low, lowest)
        while low < high < 2**47:
            size = min(3 * 2**30, high - low)
            libc.mmap(high - size, size, NOTHING, PRIVATE_ANONYMOUS_FIXED_NORESERVE, -1, 0)
            high -= size + hole
            holes += 1
    assert holes > 200

def load(object_code, name, load=compiler.load):
    sections = llvm.ObjectFileRef.from_data(object_code).sections()
    [code] = [section.size() for section in sections if section.name() == b".text"]
    fill(-(-code // PAGE) * PAGE)
    return load(object_code, name)

x = jnp.arange(2 * 9 * 9 * 6.0).reshape(2, 9, 9, 6) % 7
kernel = jnp.arange(3 * 3 * 6 * 7.0).reshape(3, 3, 6, 7) % 5
expected = F.conv(x, kernel, algorithm="shifted")
F.conv(x, jnp.tile(kernel, 9), algorithm="native")  # what needs memory once has it
compiler.load = load
print("equal" if (F.conv(x, kernel, algorithm="native") == expected).all() else "different")
"""


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux says what is where")
def test_a_kernel_is_loaded_where_free_memory_lies_far_apart():
    command = [sys.executable, "-c", SCRIPT]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (run.stdout, run.returncode) == ("equal\n", 0), run.stderr[-2000:]
