"""Kernels that LLVM generates for the machine at hand, called inside of XLA's programs on CPUs.

    primitives/       what JAX sees: primitives that can be differentiated and batched in every mode
    kernels.py        whether there are kernels here, and the functions that call them
    calls.py          the calls, arrays in, arrays out
    nests/            the kernels, as loop nests
    llvm/             the language they are written in, and how it becomes a function for XLA

A kernel is a few loop nests, written in Python with the registers in the open. LLVM (by way of
llvmlite) turns them into machine code once for each class of shapes; strides, lengths and padding
are numbers that the code reads when it runs.
"""

import math

from .._contract import Algorithm, Problem
from . import kernels
from .primitives import pools
from .primitives.convolutions import input_grad, kernel_grad, output


def _unsupported(problem: Problem) -> str | None:
    if problem.dtype not in ("float32", "float64", "bfloat16", "float16"):
        return f"it computes floats, not {problem.dtype}"
    if problem.side in ("max_pool", "min_pool", "sum_pool"):
        return pools.unsupported(problem) or kernels.missing()
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
    max_pool=pools.max_pool,
    min_pool=pools.min_pool,
    sum_pool=pools.sum_pool,
    widens=True,
    crops=True,
    divides=True,
    unsupported=_unsupported,
    unavailable=kernels.unavailable,
    workspace=_workspace,
)
