"""The kernels of pools: exact, first maximum of each window, and never outside of an array."""

import re
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax import geometry
from cnn_jax.algorithms import xla
from cnn_jax.algorithms.native.llvm import compiler
from cnn_jax.algorithms.native.llvm.compiler import optimised, target_machine
from cnn_jax.algorithms.native.llvm.machine import described, host
from cnn_jax.algorithms.native.nests import pool_gradients, pools
from cnn_jax.algorithms.parts.extremes import at_first_extreme, to_first_extreme
from tests import oracle

from . import frames
from .frames import calls

DRAWN = 24  # for each rank
DTYPES = ("float32", "float32", "float64", "bfloat16", "float16")
LANES = host().lanes(4)


def draw(random, rank):
    """A window, whose padding is negative where it sees nothing, and the shape of its input."""
    longest, most = {0: (1, 1), 1: (40, 12), 2: (14, 7), 3: (6, 3)}[rank]
    while True:
        size, stride, dilation = (
            tuple(map(int, random.integers(1, high, rank)))
            for high in (most + 1, 4, 4)
        )  # fmt: skip
        padding = tuple(tuple(map(int, pair)) for pair in random.integers(-1, 4, (rank, 2)))
        spatial = tuple(map(int, random.integers(1, longest + 1, rank)))
        try:
            window = geometry.resolve(
                spatial, size, stride=stride, padding=padding, dilation=dilation
            )
        except ValueError:  # it is longer than its input
            continue
        drops, exact = geometry.fit(window, spatial)
        if all(n > low + high for n, (low, high) in zip(spatial, drops)):
            exact = exact.on_uncropped(drops)
        else:
            spatial = tuple(n - low - high for n, (low, high) in zip(spatial, drops))
        channels = int(random.choice([1, 2, 3, 5, LANES - 1, LANES, LANES + 1, 5 * LANES + 3]))
        return exact, (int(random.integers(0, 3)), *spatial, channels)


def every_result(x, g, dx, window, sign=1, at_end=True):
    """A maximum or minimum with its numbers and without, its derivatives, the sum, its gradient."""
    kind, dtype = ("max" if sign > 0 else "min"), x.dtype.name
    shape = (len(x), *window.output_size(x.shape[1:-1]), x.shape[-1])
    result, same = (shape, x.dtype), (x.shape, x.dtype)
    pool = pools.plan(host(), x.shape, window, dtype, kind, notes=True)
    y, numbers = calls(*pool, [x], [result, (shape, np.uint8)], at_end)
    of = {"y": y}
    (of["y without numbers"],) = calls(
        *pools.plan(host(), x.shape, window, dtype, kind), [x], [result], at_end
    )
    (of["tangent"],) = calls(
        *pools.plan(host(), x.shape, window, dtype, "take"), [numbers, dx], [result], at_end
    )
    (of["gradient"],) = calls(
        *pool_gradients.plan(host(), x.shape, window, dtype, chosen=True),
        [numbers, g], [same], at_end,
    )  # fmt: skip
    (of["quarter of the sum"],) = calls(
        *pools.plan(host(), x.shape, window, dtype, "sum", divisor=4), [x], [result], at_end
    )
    (of["its gradient"],) = calls(
        *pool_gradients.plan(host(), x.shape, window, dtype, chosen=False, divisor=4),
        [g], [same], at_end,
    )  # fmt: skip
    return of


def whole(random, shape, dtype, high=3):
    """Whole numbers of a few values: many of them tie, and their sums are exact."""
    return random.integers(-high, high + 1, shape).astype(jnp.dtype(dtype))


def options(window):
    return {"stride": window.stride, "padding": window.padding, "dilation": window.dilation}


def sum_gradient(x, g, window):
    """Each tap of each window adds its g: the transpose of the oracle's sum, tap by tap."""
    dx = np.zeros([n + low + high for n, (low, high) in zip(x.shape[1:-1], window.padding)])
    dx = np.zeros((len(x), *dx.shape, x.shape[-1]))
    for tap in np.ndindex(window.size):
        at = tuple(
            slice(t * d, t * d + (p - 1) * s + 1, s)
            for t, d, p, s in zip(tap, window.dilation, g.shape[1:-1], window.stride)
        )
        dx[(slice(None), *at)] += g
    cut = [(max(-low, 0), max(-high, 0)) for low, high in window.padding]
    dx = np.pad(dx, [(0, 0), *cut, (0, 0)])
    lows = (max(low, 0) for low, _ in window.padding)
    inside = (slice(low, low + n) for n, low in zip(x.shape[1:-1], lows))
    return dx[(slice(None), *inside)]


def exact_results(x, g, window, sign):
    x, g = np.float64(x) * sign, np.float64(g)
    y = oracle.max_pool(x, window.size, **options(window))
    total = oracle.sum_pool(x, window.size, **options(window))
    return {
        "y": sign * y,
        "y without numbers": sign * y,
        "gradient": oracle.max_pool_grad(x, g, window.size, **options(window)),
        "quarter of the sum": sign * total / 4,
        "its gradient": sum_gradient(x, g, window) / 4,
    }


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_drawn_windows_equal_the_oracle(rank):
    random = np.random.default_rng(rank)
    distinct = set()
    for number in range(DRAWN if rank else 4):
        window, shape = draw(random, rank)
        dtype, sign = DTYPES[number % 5], (1, -1)[number % 2]
        x, dx = whole(random, shape, dtype), whole(random, shape, dtype)
        positions = (len(x), *window.output_size(shape[1:-1]), shape[-1])
        g = whole(random, positions, dtype)
        results = every_result(x, g, dx, window, sign, at_end=bool(number % 3))
        for name, exact in exact_results(x, g, window, sign).items():
            message = f"{name}, {dtype} {shape}, {window}"
            np.testing.assert_array_equal(np.float64(results[name]), exact, err_msg=message)
        # The tangent is the transpose of the gradient.
        product = [np.float64(results["tangent"]) * g, np.float64(results["gradient"]) * dx]
        assert product[0].sum() == product[1].sum(), f"{dtype} {shape}, {window}"
        distinct.add((window, shape))
    assert len(distinct) >= (DRAWN - 4 if rank else 1)


WINDOWS = {
    "2x2": geometry.Window((2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1), (1, 1)),
    "3x3, stride 1": geometry.Window((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), (1, 1)),
    "3x3, stride 2": geometry.Window((3, 3), (2, 2), ((1, 0), (1, 0)), (1, 1), (1, 1)),
    "whole": geometry.Window((4, 6), (1, 1), ((0, 0), (0, 0)), (1, 1), (1, 1)),
    "ten in a row": geometry.Window((1, 10), (1, 1), ((0, 0), (2, 2)), (1, 1), (1, 1)),
}


@pytest.mark.parametrize("at_end", [True, False])
@pytest.mark.parametrize("name", WINDOWS)
def test_every_remainder_of_channels_over_two_vectors(name, at_end):
    window, random = WINDOWS[name], np.random.default_rng(0)
    counts = (*range(1, 2 * LANES + 2), 4 * LANES, 8 * LANES + 1, 33 * LANES + 5)
    x, dx = (whole(random, (1, 4, 6, counts[-1]), np.float32) for _ in range(2))
    y = xla.max_pool(x, window)
    g = whole(random, y.shape, np.float32)
    expected = {
        "y": y,
        "y without numbers": y,
        "tangent": at_first_extreme(x, y, dx, window),
        "gradient": to_first_extreme(x, y, g, window=window),
        "quarter of the sum": xla.sum_pool(x, window) / 4,
        "its gradient": sum_gradient(x, g, window) / 4,
    }
    expected = {name: np.asarray(exact) for name, exact in expected.items()}
    for count in counts:
        results = every_result(*(a[..., :count] for a in (x, g, dx)), window, at_end=at_end)
        for result, exact in expected.items():
            message = f"{result}, {count} channels"
            np.testing.assert_array_equal(results[result], exact[..., :count], message)


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("shape", [(1, 10_000, 3), (1, 1, 4096), (1, 3, 20_000, 8)])
def test_one_image_is_shared_among_many_threads(shape, stride):
    """By its columns if it has few rows, by its channels if it has one column."""
    spatial = shape[1:-1]
    size = tuple(min(3, n) for n in spatial)
    window = geometry.resolve(spatial, size, stride=stride)
    _, window = geometry.fit(window, spatial)
    shape = (1, *window.input_size(window.output_size(spatial)), shape[-1])
    for planned in (
        pools.plan(host(), shape, window, "float32", "max", notes=True),
        pool_gradients.plan(host(), shape, window, "float32", chosen=True),
    ):
        assert 8 <= planned[1].items[0] <= 64
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    y = np.asarray(xla.max_pool(x, window))
    results = every_result(x, y, x, window)
    np.testing.assert_array_equal(results["y"], y)
    np.testing.assert_array_equal(results["tangent"], y)
    gradient = to_first_extreme(x, y, y, window=window)
    np.testing.assert_allclose(results["gradient"], gradient, rtol=1e-6)


SPECIAL = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, -np.nan]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", WINDOWS)
def test_infinities_nan_and_zeros_of_both_signs(name, sign):
    """The bits of the first extreme, or a NaN; derivatives of exactly that element."""
    window, random = WINDOWS[name], np.random.default_rng(1)
    for poison in (0.02, 0.5):
        shape = (3, 4, 6, LANES + 3)
        x = whole(random, shape, np.float32, high=1)
        poisoned = random.random(shape) < poison
        x[poisoned] = random.choice(SPECIAL, poisoned.sum())
        x[2] = -sign * np.inf  # no element is beyond what padding would be
        g = whole(random, (3, *window.output_size((4, 6)), shape[-1]), np.float32)
        results = every_result(x, g, x, window, sign)
        y = (xla.max_pool if sign > 0 else xla.min_pool)(x, window)
        np.testing.assert_array_equal(results["y"], y)
        np.testing.assert_array_equal(results["y without numbers"], y)
        first = at_first_extreme(x, y, np.where(np.isnan(x), 0, x), window)
        number = ~np.isnan(y)  # of a window of nothing but padding there is no first element
        exists = xla.sum_pool(np.ones_like(x), window) > 0
        for of in ("y", "y without numbers"):
            bits = np.signbit(results[of])[number & exists]
            np.testing.assert_array_equal(bits, np.signbit(results["tangent"])[number & exists])
        np.testing.assert_array_equal(np.where(number, results["tangent"], 0), first)
        np.testing.assert_array_equal(results["gradient"], to_first_extreme(x, y, g, window=window))


@pytest.mark.skipif(not host().is_x86, reason="AVX2 is a part of x86")
def test_a_processor_with_half_as_wide_vectors_and_no_masks(monkeypatch):
    features = {"avx": True, "avx2": True, "fma": True, "f16c": True}
    narrow = described(host().triple, "haswell", features)
    assert narrow.vector_bytes == 32
    for module in (compiler, frames, sys.modules[__name__]):
        monkeypatch.setattr(module, "host", lambda: narrow, raising=False)
    monkeypatch.setattr(frames, "_addresses", {})
    for name in ("3x3, stride 2", "whole"):
        test_every_remainder_of_channels_over_two_vectors(name, at_end=True)
    test_infinities_nan_and_zeros_of_both_signs("3x3, stride 1", sign=1)
    for kernel in frames._addresses:
        assert "zmm" not in target_machine(narrow).emit_assembly(optimised(kernel, narrow))


def test_kernels_for_arm_compare_vectors():
    arm = described("aarch64-unknown-linux-gnu", "neoverse-n1", {"neon": True})
    x, window = (4, 12, 12, 64), WINDOWS["2x2"]
    kernels = {
        "fcmgt": pools.plan(arm, x, window, "float32", "max")[0],
        "bit": pools.plan(arm, x, window, "float32", "max", notes=True)[0],
        "fadd": pool_gradients.plan(arm, x, window, "float32", chosen=True)[0],
    }
    for instruction, kernel in kernels.items():
        assembly = target_machine(arm).emit_assembly(optimised(kernel, arm))
        assert re.search(rf"\b{instruction}\s+v\d+\.(4s|16b)", assembly)
