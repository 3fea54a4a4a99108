"""Kernels for processors that are not this one, and what happens where there are none."""

import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax import functional as F
from cnn_jax.algorithms.native import kernels
from cnn_jax.algorithms.native.llvm import compiler
from cnn_jax.algorithms.native.llvm import machine as machines
from cnn_jax.algorithms.native.nests import (
    dense_kernel_grad_plan,
    dense_plan,
    depthwise,
    depthwise_kernel_grad,
)
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
    "few outputs": (
        lambda m: dense_plan.plan(m, X, (3, 3, 20, 3), SAME, 1, "float32"), (X, (3, 3, 20, 3)),
        (2, 9, 11, 3),
    ),
    "kernel_grad": (
        lambda m: dense_kernel_grad_plan.plan(m, X, G, SAME, 1, "float32"), (X, G), KERNEL,
    ),
    "depthwise": (
        lambda m: depthwise.plan(m, X, (3, 3, 1, 20), SAME, 20, "float32"), (X, (3, 3, 1, 20)), X,
    ),
    "depthwise kernel_grad": (
        lambda m: depthwise_kernel_grad.plan(m, X, X, SAME, 20, "float32"), (X, X), (3, 3, 1, 20),
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
    with pytest.raises(machines.Unknown, match="not written for Windows"):
        machines.described("x86_64-pc-windows-msvc", "znver5", AVX2)


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
    if name in ("output", "few outputs"):
        expected = oracle.conv(a, b, **options)
    elif name == "depthwise":
        expected = oracle.conv(a, b, groups=20, **options)
    else:
        groups = 20 if "depthwise" in name else 1
        expected = oracle.conv_kernel_grad(a, np.zeros(result), b, groups=groups, **options)
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
warnings.simplefilter("always")
import jax, jax.numpy as jnp
from cnn_jax import functional as F
x, kernel = jnp.ones((2, 8, 8, 4)), jnp.ones((3, 3, 4, 4))
assert F.conv(x, kernel).sum() == 2 * 36 * 4 * 36 and F.max_pool(x, (2, 2)).sum() > 0
jax.grad(lambda k: F.conv(x, k).sum())(kernel)
try:
    F.conv(x, kernel, algorithm="native")
except ValueError as error:
    print(error)
"""


def test_without_llvmlite():
    """All works, one warning says why it is slower, and the name gives an error that says why."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True
    )
    error = "'native' does not compute this convolution: llvmlite is not installed. Those that do:"
    assert error in done.stdout
    assert "'native'" not in done.stdout.partition(error)[2]
    assert done.stderr.count("Warning") == 1
    assert "without its CPU kernels" in done.stderr
    assert "llvmlite is not installed" in done.stderr


@pytest.fixture
def broken(monkeypatch):
    """A machine where LLVM does not work."""

    def host():
        raise RuntimeError("no such processor")

    def forget():
        kernels.failure.cache_clear()
        kernels._warn.cache_clear()
        jax.clear_caches()

    monkeypatch.setattr(machines, "host", host)
    forget()
    yield
    monkeypatch.undo()
    forget()


WHY = r"LLVM does not work here \(no such processor\)"


def test_a_broken_llvm_costs_one_warning(broken):
    x, kernel = jnp.ones((2, 8, 8, 4)), jnp.ones((3, 3, 4, 4))
    with pytest.warns(RuntimeWarning, match=f"its CPU kernels.*: {WHY}"):
        y, pull = jax.vjp(jax.jit(F.conv), x, kernel)
    np.testing.assert_array_equal(y, F.conv(x, kernel, algorithm="xla"))
    pull(y)  # a second warning would be an error here
    jax.clear_caches()  # of what was traced before LLVM was tried
    assert "native" not in str(jax.make_jaxpr(F.conv)(x, kernel))  # what is known is not tried


def test_a_broken_llvm_is_an_error_where_it_is_named(broken):
    x, kernel = jnp.ones((2, 8, 8, 4)), jnp.ones((3, 3, 4, 4))
    with (
        pytest.warns(RuntimeWarning, match="its CPU kernels"),
        pytest.raises(ValueError, match=f"'native' does not compute this convolution: {WHY}"),
    ):
        F.conv(x, kernel, algorithm="native")


def test_importing_loads_no_llvm():
    text = """
import sys
import cnn_jax.functional, cnn_jax.nn, cnn_jax.models
assert "llvmlite" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", text], check=True)


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
    x = jnp.ones((1, 1, 4097), jnp.float16)
    kernel = jnp.ones((1, 4097, 1), jnp.float16).at[0, -1].set(3)
    assert F.conv(x, kernel, algorithm="native") == 4100  # 4099, between 4098 and 4100
