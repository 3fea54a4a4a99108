"""Kernels that LLVM generates for the machine at hand, called inside of XLA's programs on CPUs.

    primitives.py    what JAX sees: three bilinear primitives, each the transpose of the others
    pooling.py       pools, and primitives for them and their derivatives
    primitive.py     a primitive that computes image by image
    pools_plainly.py  the same in plain JAX, for other platforms
    batched.py       under `jax.vmap`
    partitioned.py   in programs for several devices
    kernels.py       whether there are kernels here, and the functions that call them
    calls.py         the calls, arrays in, arrays out

    dense.py         the output of a convolution, and its gradient with respect to the input
    dense_kernel.py  its gradient with respect to the kernel
    blocks.py        the size of a block of sums
    depthwise.py     the output and input gradient of depthwise convolutions and narrow groups
    depthwise_kernel.py their kernel gradient
    narrow.py        narrow groups in a vector
    along.py         what these nests know of their axes
    pools.py         maximum, minimum and sum of each window
    pool_gradients.py  their gradients
    pool_tiles.py    how they are cut into items
    pool_calls.py    their calls
    lanes.py         comparisons of vectors
    axes.py          the axes of a convolution, as the nests walk along them
    packing.py       copies that put what a block reads side by side
    plan.py          the numbers that a call gives to its kernel

    language.py      the language that the nests are written in
    peak.py          the multiplications in a second that a kernel could reach
    elements.py      how elements are stored and computed with
    machine.py       the processor: the width and number of its vector registers
    compiler.py      from nests to a function that XLA can call
    handler.py       that function: work shared over XLA's threads
    stored.py        compiled kernels on disk

A kernel is a few loop nests, written in Python with the registers in the open. LLVM (by way of
llvmlite) turns them into machine code once for each class of shapes; strides, lengths and padding
are numbers that the code reads when it runs.
"""

import math

from .._contract import Algorithm, Problem
from . import kernels, pooling
from .primitives import input_grad, kernel_grad, output


def _unsupported(problem: Problem) -> str | None:
    if problem.dtype not in ("float32", "float64", "bfloat16", "float16"):
        return f"it computes floats, not {problem.dtype}"
    if problem.side in ("max_pool", "min_pool", "sum_pool"):
        return pooling.unsupported(problem) or kernels.missing()
    return kernels.missing()


def _workspace(problem: Problem) -> int:
    """What the calls ask XLA for, about: packed kernels, or the parts of their gradients."""
    if not problem.kernel:
        return 0
    kernel = math.prod(problem.kernel)
    if problem.side == "kernel_grad":
        read = (
            math.prod(problem.x) + problem.x[0] * math.prod(problem.positions) * problem.kernel[-1]
        )
        kernel += min(32 * kernel, read // 4)
    return kernel * max(problem.itemsize, 4)


ALGORITHM = Algorithm(
    output=output,
    input_grad=input_grad,
    kernel_grad=kernel_grad,
    max_pool=pooling.max_pool,
    min_pool=pooling.min_pool,
    sum_pool=pooling.sum_pool,
    widens=True,
    crops=True,
    unsupported=_unsupported,
    unavailable=kernels.unavailable,
    workspace=_workspace,
)
