"""The kernels of dense convolutions: exact on integers, and never outside of an array."""

import jax.numpy as jnp
import numpy as np
import pytest

from cnn_jax.algorithms.native.llvm.machine import host
from cnn_jax.algorithms.native.nests import dense_kernel_grad_plan, dense_plan
from cnn_jax.geometry import Window
from tests import oracle

from .frames import call
from .windows import drawn, options

SIDES = ("output", "input_grad", "kernel_grad")
DRAWN = 50  # for each side and rank


def draw(random, rank):
    """A window that fits, and the shapes of x and the kernel."""
    window, spatial = drawn(random, rank, {0: 1, 1: 40, 2: 18, 3: 6})
    groups = int(random.choice([1, 1, 1, 2, 3]))
    cg, og = (int(random.choice([1, 2, 3, 5, 8, 15, 16, 17, 24, 33, 70])) for _ in range(2))
    batch = int(random.choice([1, 1, 2, 3, 9]))
    return window, groups, (batch, *spatial, cg * groups), (*window.size, cg, og * groups)


def planned(side, x, kernel, window, groups, dtype):
    """The kernel and plan of one side, as `calls.py` makes them, and the shape of its result."""
    g = (x[0], *window.output_size(x[1:-1]), kernel[-1])
    if side == "output":
        return *dense_plan.plan(host(), x, kernel, window, groups, dtype), g
    if side == "input_grad":
        window = window.of_input_grad()
        return *dense_plan.plan(host(), g, kernel, window, groups, dtype, exchanged=True), x
    return *dense_kernel_grad_plan.plan(host(), x, g, window, groups, dtype), kernel


LANES = host().lanes(4)
FEW = {
    "3x3": (Window((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), (1, 1)), (7, 29)),
    "dilated, strided": (Window((2, 3), (2, 3), ((1, 2), (4, 1)), (1, 2), (1, 1)), (6, 30)),
    "1x1": (Window((1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), (1, 1)), (3, 27)),
    "larger than the map": (Window((1, 7), (1, 1), ((0, 0), (3, 3)), (1, 1), (1, 1)), (2, 2)),
    "crops": (Window((3, 3), (2, 2), ((-1, 0), (0, -1)), (1, 1), (1, 1)), (8, 32)),
    "transposed": (Window((4, 4), (1, 1), ((2, 2), (2, 2)), (1, 1), (2, 2)), (5, 15)),
}


@pytest.mark.parametrize("outputs", [1, 2, 3, 4])
@pytest.mark.parametrize("name", FEW)
def test_few_outputs(name, outputs):
    """Every remainder of input channels over a vector, and two groups."""
    window, spatial = FEW[name]
    random, seen = np.random.default_rng(outputs), set()
    for number, channels in enumerate((*range(LANES, 2 * LANES + 2), 5 * LANES)):
        groups, exchanged = 1 + number % 2, number % 3 == 0
        dtype = ("float32", "bfloat16", "float64")[number % 5 // 2]
        high = 1 if dtype == "bfloat16" else 8
        x_shape = (2, *spatial, channels * groups)
        kernel_shape = (*window.size, channels, outputs * groups)
        x, kernel = (
            random.integers(-high, high + 1, shape).astype(np.float64)
            for shape in (x_shape, kernel_shape)
        )
        expected = oracle.conv(x, kernel, **options(window, groups))
        if exchanged:  # as `calls.input_grad` gives it: flipped, its channels exchanged
            kernel = kernel.reshape(*window.size, channels, groups, outputs)
            kernel = np.flip(np.swapaxes(kernel, -1, -3), (0, 1))
            kernel = kernel.reshape(*window.size, outputs, groups * channels)
        nest, plan = dense_plan.plan(
            host(), x_shape, kernel.shape, window, groups, dtype, exchanged
        )
        seen.add(nest.name)
        stored = jnp.dtype(dtype)
        result = call(
            nest, plan, [x.astype(stored), kernel.astype(stored)], expected.shape, stored,
            at_end=number % 4 > 1,
        )  # fmt: skip
        np.testing.assert_array_equal(
            result.astype(np.float64), expected.astype(stored).astype(np.float64),
            err_msg=f"{channels} {groups} {exchanged} {dtype}",
        )  # fmt: skip
    # Where the outputs fill half of a vector, the kernel for many outputs may be as good.
    assert "few_outputs" in seen or 2 * outputs >= LANES


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
@pytest.mark.parametrize("side", SIDES)
def test_drawn_windows_are_exact_and_stay_inside_of_their_arrays(side, rank):
    random = np.random.default_rng([rank, SIDES.index(side)])
    for number in range(DRAWN if rank else 20):
        window, groups, x_shape, kernel_shape = draw(random, rank)
        dtype = ("float32", "float32", "float64", "bfloat16", "float16")[number % 5]
        # In half precision the sums must be small enough to be exact.
        high = 8 if dtype in ("float32", "float64") else 1
        arrays = [
            random.integers(-high, high + 1, shape).astype(np.float64)
            for shape in (x_shape, kernel_shape)
        ]
        x, kernel = arrays
        y = oracle.conv(x, kernel, **options(window, groups))
        g = random.integers(-high, high + 1, y.shape).astype(np.float64)
        given = {"output": (x, kernel), "input_grad": (g, kernel), "kernel_grad": (x, g)}[side]
        expected = y
        if side != "output":
            gradient = getattr(oracle, f"conv_{side}")
            expected = gradient(x, kernel, g, **options(window, groups))
        nest, plan, shape = planned(side, x_shape, kernel_shape, window, groups, dtype)
        stored = jnp.dtype(dtype)
        result = call(
            nest, plan, [array.astype(stored) for array in given], shape, stored,
            at_end=number % 3 > 0,
        )  # fmt: skip
        np.testing.assert_array_equal(
            result.astype(np.float64), expected.astype(stored).astype(np.float64),
            err_msg=f"{side} {x_shape} {kernel_shape} {window} {groups} {dtype}",
        )  # fmt: skip


def test_several_neighbors_in_a_vector_where_blocks_of_images_were_cheaper():
    """A vector must hold whole rounds of the columns' phases, however the images lie."""
    window, x, kernel = Window((2,), (1,), ((1, -3),), (1,), (4,)), (2, 3, 2), (2, 2, 3)
    random = np.random.default_rng(0)
    arrays = [random.integers(-8, 9, shape).astype(np.float32) for shape in (x, kernel)]
    nest, plan, shape = planned("output", x, kernel, window, 1, "float32")
    expected = oracle.conv(*arrays, **options(window, 1))
    np.testing.assert_array_equal(call(nest, plan, arrays, shape, np.float32), expected)
