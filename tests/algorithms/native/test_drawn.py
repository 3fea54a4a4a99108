"""Drawn convolutions, jitted through `F.conv`, with both gradients: what the oracle computes.

Sixty are drawn. CNN_JAX_DRAWN=10000 draws as many; CNN_JAX_SEED=1 draws others.
"""

import os
from functools import partial

import jax
import numpy as np

from cnn_jax import functional as F
from tests import oracle
from tests.compilation import jit

from . import test_dense_kernels as dense
from . import test_depthwise_kernels as depthwise
from . import windows

DRAWN = int(os.environ.get("CNN_JAX_DRAWN", "60"))
SEED = int(os.environ.get("CNN_JAX_SEED", "0"))
AT_ONCE = 10  # in one program, which is compiled faster than ten


def drawn(random, number):
    """(options of `F.conv`, x, kernel, cotangent): whole numbers, whose sums are exact."""
    kind = depthwise if number % 4 == 0 else dense
    window, groups, x, kernel = kind.draw(random, number % 3 + 1)
    g = (x[0], *window.output_size(x[1:-1]), kernel[-1])
    arrays = (random.integers(-8, 9, shape).astype(np.float32) for shape in (x, kernel, g))
    return windows.options(window, groups), *arrays


def computed(given, every_options):
    """y, dx and dkernel of each; only arrays are traced, so the options come as a second list."""
    results = []
    for (x, kernel, g), options in zip(given, every_options):
        y, pull = jax.vjp(partial(F.conv, algorithm="native", **options), x, kernel)
        results.append((y, *pull(g)))
    return results


def test_drawn_windows_equal_the_oracle():
    random = np.random.default_rng([SEED, 10])
    for start in range(0, DRAWN, AT_ONCE):
        cases = [drawn(random, start + i) for i in range(min(AT_ONCE, DRAWN - start))]
        every_options = [options for options, *_ in cases]
        results = jit(partial(computed, every_options=every_options))([c[1:] for c in cases])
        for (options, x, kernel, g), ours in zip(cases, results, strict=True):
            exact = (
                oracle.conv(x, kernel, **options),
                oracle.conv_input_grad(x, kernel, g, **options),
                oracle.conv_kernel_grad(x, kernel, g, **options),
            )
            for result, expected in zip(ours, exact, strict=True):
                np.testing.assert_array_equal(
                    result, expected, err_msg=f"{x.shape} {kernel.shape} {options}"
                )
        if start % 1000 == 0:
            jax.clear_caches()
