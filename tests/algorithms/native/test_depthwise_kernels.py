"""The kernels of narrow groups: exact on integers, and never outside of an array."""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax.algorithms.native import calls
from cnn_jax.algorithms.native.llvm.machine import host
from cnn_jax.algorithms.native.nests import depthwise, depthwise_kernel_grad
from cnn_jax.geometry import Window
from tests import oracle

from .frames import call
from .windows import drawn, options

SIDES = ("output", "input_grad", "kernel_grad")
DTYPES = ("float32", "float32", "float64", "bfloat16", "float16")
GROUPS = [(1, 1), (1, 1), (1, 2), (2, 1), (1, 3), (3, 2), (4, 4), (8, 8), (5, 3), (2, 7), (8, 1)]
DRAWN = 20  # for each side and rank


def draw(random, rank, dtype="float32"):
    """A window that is exact, narrow groups, and the shapes of x and the kernel."""
    window, spatial = drawn(random, rank, {0: 1, 1: 60, 2: 18, 3: 6})
    # A vector of four float64 does not hold a group of seven outputs: other kernels take those.
    fit = [(cg, og) for cg, og in GROUPS if depthwise.takes(host(), 2 * cg, 2 * og, 2, dtype)]
    cg, og = fit[random.integers(len(fit))]
    groups = int(random.choice([2, 3, 4, 5, 7, 8, 15, 16, 17, 33]))
    batch = int(random.choice([1, 1, 2, 3]))
    return window, groups, (batch, *spatial, cg * groups), (*window.size, cg, og * groups)


def check(side, window, groups, x_shape, kernel_shape, dtype, at_end=True):
    """One side on whole numbers equals the oracle, to the last bit."""
    random = np.random.default_rng(0)
    # In half precision the sums must be small enough to be exact.
    high = 8 if dtype in ("float32", "float64") else 1
    g_shape = (x_shape[0], *window.output_size(x_shape[1:-1]), kernel_shape[-1])
    x, kernel, g = (
        random.integers(-high, high + 1, shape).astype(np.float64)
        for shape in (x_shape, kernel_shape, g_shape)
    )
    if side == "output":
        given, shape = (x, kernel), g_shape
        expected = oracle.conv(x, kernel, **options(window, groups))
        nest, plan = depthwise.plan(host(), x_shape, kernel_shape, window, groups, dtype)
    elif side == "input_grad":
        given, shape = (g, kernel), x_shape
        expected = oracle.conv_input_grad(x, kernel, g, **options(window, groups))
        nest, plan = depthwise.plan(
            host(), g_shape, kernel_shape, window.of_input_grad(), groups, dtype, exchanged=True
        )
    else:
        given, shape = (x, g), kernel_shape
        expected = oracle.conv_kernel_grad(x, kernel, g, **options(window, groups))
        nest, plan = depthwise_kernel_grad.plan(host(), x_shape, g_shape, window, groups, dtype)
    stored = jnp.dtype(dtype)
    result = call(nest, plan, [array.astype(stored) for array in given], shape, stored, at_end)
    np.testing.assert_array_equal(
        result.astype(np.float64), expected.astype(stored).astype(np.float64),
        err_msg=f"{side} {x_shape} {kernel_shape} {window} {groups} {dtype}",
    )  # fmt: skip


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
@pytest.mark.parametrize("side", SIDES)
def test_drawn_windows_are_exact_and_stay_inside_of_their_arrays(side, rank):
    random = np.random.default_rng([rank, SIDES.index(side)])
    for number in range(DRAWN if rank else 10):
        dtype = DTYPES[number % 5]
        check(side, *draw(random, rank, dtype), dtype, at_end=number % 3 > 0)


WINDOW = Window((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), (1, 1))


@pytest.mark.parametrize(("cg", "og"), [(1, 1), (4, 4), (1, 3)])
@pytest.mark.parametrize("side", SIDES)
def test_every_remainder_of_channels(side, cg, og):
    lanes = host().lanes(4)
    for groups in range(2, 2 * lanes // max(cg, og) + 3):
        shapes = (2, 5, 4, cg * groups), (3, 3, cg, og * groups)
        check(side, WINDOW, groups, *shapes, "float32", at_end=groups % 3 > 0)


@pytest.mark.parametrize("side", SIDES)
def test_every_width(side):
    for width in range(1, 40):
        check(side, WINDOW, 5, (1, 3, width, 5), (3, 3, 1, 5), "float32", at_end=width % 3 > 0)


@pytest.mark.parametrize("side", SIDES)
def test_windows_larger_than_the_map_and_longer_than_a_run(side):
    for size, low, dilation in [(7, 3, 1), (11, 5, 1), (31, 15, 1), (5, 8, 4), (13, 12, 2)]:
        window = Window(
            (size, size), (1, 1), ((low, low),) * 2, (dilation, dilation), (1, 1)
        )  # fmt: skip
        for n in (3, 6):
            check(side, window, 3, (2, n, n, 6), (size, size, 2, 6), "float32")


@pytest.mark.parametrize("batch", [0, 1])
@pytest.mark.parametrize("side", SIDES)
def test_no_image_and_one(side, batch):
    check(side, WINDOW, 17, (batch, 4, 4, 17), (3, 3, 1, 17), "float32")


@pytest.mark.parametrize("side", SIDES)
def test_taps_that_meet_no_element_add_nothing(side):
    # With two steps from tap to tap and from element to element, odd places are padding.
    window = Window((3,), (2,), ((1, 1),), (2,), (2,))
    check(side, window, 3, (2, 6, 3), (3, 1, 3), "float32")


@pytest.mark.parametrize("side", SIDES)
def test_long_rows_are_cut(side):
    check(side, WINDOW.cut(slice(1)), 2, (1, 9000, 2), (3, 1, 2), "float32")


@pytest.mark.parametrize("channels", [64, 70])
@pytest.mark.parametrize("side", SIDES)
def test_as_many_threads_as_there_are_give_the_bits_of_one(side, channels):
    """Enough work for several threads; random numbers, whose sums depend on the order."""
    random = np.random.default_rng(0)
    shape, of_kernel = (6, 28, 28, channels), (3, 3, 1, channels)
    x, kernel, g = (random.standard_normal(size, np.float32) for size in (shape, of_kernel, shape))
    given = {"output": (x, kernel), "input_grad": (kernel, g), "kernel_grad": (x, g)}[side]
    threads = jax.jit(lambda a, b: getattr(calls, side)(a, b, WINDOW, channels))(*given)
    nest, plan = {
        "output": lambda: depthwise.plan(host(), shape, of_kernel, WINDOW, channels, "float32"),
        "input_grad": lambda: depthwise.plan(
            host(), shape, of_kernel, WINDOW.of_input_grad(), channels, "float32", exchanged=True
        ),
        "kernel_grad": lambda: depthwise_kernel_grad.plan(
            host(), shape, shape, WINDOW, channels, "float32"
        ),
    }[side]()
    assert plan.threads == min(os.cpu_count(), max(plan.items), plan.work // 100_000)
    assert plan.work > 200_000
    one = call(nest, plan, given if side != "input_grad" else given[::-1], threads.shape, "float32")
    np.testing.assert_array_equal(np.asarray(threads), one)


def test_narrow_groups_are_those_of_which_a_vector_holds_several():
    lanes = host().lanes(4)
    taken = {
        (cg, og)
        for cg in range(1, 2 * lanes + 2)
        for og in range(1, 2 * lanes + 2)
        if depthwise.takes(host(), 6 * cg, 6 * og, 6, "float32")
    }
    assert {(1, 1), (1, lanes // 2), (lanes, 1)} <= taken
    assert not {(1, lanes // 2 + 1), (lanes + 1, 1)} & taken
    assert not depthwise.takes(host(), 4, 4, 1, "float32")
