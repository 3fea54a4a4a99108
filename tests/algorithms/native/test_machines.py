"""Kernels for processors that are not this one, and what happens where there are none."""

import re
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax.algorithms.native import compiler, dense_kernel, dense_plan, depthwise, kernels
from cnn_jax.algorithms.native import machine as machines
from cnn_jax.geometry import Window
from tests import oracle

from . import frames

HOST = machines.host()
X86 = HOST.is_x86
AVX2 = {"avx2": True, "fma": True, "avx": True, "sse4.2": True, "f16c": True, "bmi2": True}
OLDER = machines.described("x86_64-unknown-linux-gnu", "haswell", AVX2)
ARM = machines.described("aarch64-unknown-linux-gnu", "neoverse-n1", {"neon": True})
SAME = Window((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), (1, 1))
X, KERNEL, G = (2, 9, 11, 20), (3, 3, 20, 37), (2, 9, 11, 37)
CALLS = {
    "output": (lambda m: dense_plan.plan(m, X, KERNEL, SAME, 1, "float32"), (X, KERNEL), G),
    "kernel_grad": (lambda m: dense_kernel.plan(m, X, G, SAME, 1, "float32"), (X, G), KERNEL),
    "depthwise": (
        lambda m: depthwise.plan(m, X, (3, 3, 1, 20), SAME, 20, "float32"), (X, (3, 3, 1, 20)), X,
    ),
}  # fmt: skip


def assembly(kernel, machine):
    module = compiler.optimised(kernel, machine)
    return compiler.target_machine(machine).emit_assembly(module)


def test_machines_are_described_by_their_vectors():
    assert (OLDER.vector_bytes, OLDER.registers) == (32, 16)
    assert (ARM.vector_bytes, ARM.registers) == (16, 32)
    parts = {f"avx512{part}": True for part in ("f", "vl", "bw", "dq")}
    newer = machines.described("x86_64-unknown-linux-gnu", "znver5", AVX2 | parts)
    assert (newer.vector_bytes, newer.registers, newer.lanes(4)) == (64, 32, 16)
    with pytest.raises(machines.Unknown, match="has no AVX2 and fused multiply-add"):
        machines.described("x86_64-unknown-linux-gnu", "nehalem", {"sse4.2": True})
    with pytest.raises(machines.Unknown, match="neither x86-64 nor ARM, but riscv64"):
        machines.described("riscv64-unknown-linux-gnu", "sifive", {})


@pytest.mark.skipif(not X86, reason="this is no x86-64")
@pytest.mark.parametrize("name", CALLS)
def test_with_avx2_alone(name, monkeypatch):
    """Half as wide, and half as many registers: no wider one is used, and the sums are right."""
    planned, shapes, result = CALLS[name]
    kernel, plan = planned(OLDER)
    text = assembly(kernel, OLDER)
    assert "zmm" not in text
    assert re.search(r"vfmadd\d+ps.*ymm", text)
    monkeypatch.setattr(compiler, "host", lambda: OLDER)
    monkeypatch.setattr(frames, "_addresses", {})
    random = np.random.default_rng(0)
    a, b = (random.integers(-8, 9, shape).astype(np.float32) for shape in shapes)
    y = frames.call(kernel, plan, (a, b), result, np.float32)
    options = {"padding": 1}
    if name == "output":
        expected = oracle.conv(a, b, **options)
    elif name == "depthwise":
        expected = oracle.conv(a, b, groups=20, **options)
    else:
        expected = oracle.conv_kernel_grad(a, np.zeros(KERNEL), b, **options)
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("name", CALLS)
def test_for_arm(name):
    kernel, _ = CALLS[name][0](ARM)
    assert re.search(r"fmla\s+v\d+\.4s", assembly(kernel, ARM))


WITHOUT = """
import sys, warnings
sys.modules["llvmlite"] = None  # importing it raises ImportError
import importlib.util
importlib.util.find_spec = lambda name, found=importlib.util.find_spec: (
    None if name == "llvmlite" else found(name))
warnings.simplefilter("error")
import jax, jax.numpy as jnp
from cnn_jax import functional as F
x, kernel = jnp.ones((2, 8, 8, 4)), jnp.ones((3, 3, 4, 4))
assert F.conv(x, kernel).sum() > 0 and F.max_pool(x, (2, 2)).sum() > 0
jax.grad(lambda k: F.conv(x, k).sum())(kernel)
try:
    F.conv(x, kernel, algorithm="native")
except ValueError as error:
    print(error)
"""


def test_without_llvmlite():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True
    )
    assert "'native' does not compute this convolution: it needs llvmlite" in done.stdout


def test_a_broken_llvm_costs_one_warning(monkeypatch):
    def broken():
        raise RuntimeError("no such processor")

    monkeypatch.setattr(machines, "host", broken)
    kernels._calls.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match=r"its CPU kernels.*no such processor"):
            assert kernels.side("output") is None
        assert kernels.side("kernel_grad") is None  # a second warning would be an error here
    finally:
        kernels._calls.cache_clear()


def test_llvm_is_loaded_when_it_is_first_needed():
    text = """
import sys
import jax, jax.numpy as jnp
from cnn_jax import functional as F
from jax import export
shape = jax.ShapeDtypeStruct((2, 8, 8, 4), jnp.float32)
export.export(jax.jit(lambda x: F.conv(x, jnp.ones((3, 3, 4, 4)))), platforms=["tpu"])(shape)
assert "llvmlite" not in sys.modules
F.conv(jnp.ones((2, 8, 8, 4)), jnp.ones((3, 3, 4, 4)))
assert "llvmlite" in sys.modules
"""
    subprocess.run([sys.executable, "-c", text], check=True)


def test_half_precision_rounds_once():
    """Sums run in float32: 4096 ones and a half are not 4096 in float16."""
    from cnn_jax import functional as F

    x = jnp.ones((1, 1, 4097), jnp.float16)
    kernel = jnp.ones((1, 4097, 1), jnp.float16).at[0, -1].set(3)
    assert F.conv(x, kernel, algorithm="native") == 4100  # 4099, between 4098 and 4100
