"""The rules by which `auto` chooses on a CPU, each with the measurement that it rests on.

`auto` takes the first rule that is for the problem's side, whose `when` holds for the problem, and
whose algorithm computes it within the allowed workspace. If there is none, it takes XLA's own
convolution or pool.

Figures are the built-in's time over the algorithm's, float32, on 2 cores of an AMD EPYC (AVX-512,
32 MB of L3, 8 GB/s to memory; the kernels' on an Intel Xeon), jax 0.10.2: `python -m
experiments.compare_ops`. Where a rule names a limit, the same algorithm was slower beyond it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from .._contract import Problem

OUTPUT, INPUT_GRAD, KERNEL_GRAD = SIDES = ("output", "input_grad", "kernel_grad")


@dataclass(frozen=True)
class Rule:
    """Take `algorithm` for these sides of problems for which `when` holds; `measured` says why."""

    sides: tuple[str, ...]
    when: Callable[[Problem], bool]
    algorithm: str
    measured: str


def _depthwise(p: Problem) -> bool:
    return p.is_float and p.groups == p.x[-1] > 1


def _narrow_groups(p: Problem) -> bool:
    """Groups of a few channels: at most 72 products for an output element."""
    return _grouped(p) and p.kernel[-2] <= 8 >= p.kernel[-1] // p.groups and p.taps <= 9


def _grouped(p: Problem) -> bool:
    return p.is_float and p.groups > 1


def _dense(p: Problem) -> bool:
    return p.is_float and p.groups == 1 and p.window.rank > 0


def _one_tap(p: Problem) -> bool:
    return _dense(p) and p.taps == 1 and not any(map(any, p.window.padding))


def _tiled(p: Problem) -> bool:
    """Windows and channels for which Winograd's products save more than its transforms cost."""
    narrow, wide = sorted(p.kernel[-2:])
    transformed_kernel = 36 * narrow * wide * p.itemsize
    return (
        _dense(p)
        and p.window.rank == 2
        and p.window.size in ((3, 3), (5, 5))
        and narrow >= 64
        and transformed_kernel <= 20 * 2**20
        and (narrow >= 128 or math.prod(p.positions) <= 128**2)
    )


def _tiles(p: Problem) -> int:
    """The number of Winograd's tiles; a tile has 7 - k outputs on an axis of k taps."""
    return p.x[0] * math.prod(-(-n // (7 - k)) for n, k in zip(p.positions, p.window.size))


def _first_layer(p: Problem) -> bool:
    """At most 27 products for an output element: a matrix product is no faster than these."""
    return _dense(p) and p.taps > 1 and math.prod(p.kernel[:-1]) <= 27


def _few_positions(p: Problem) -> bool:
    """Large kernels on small feature maps."""
    return (
        _dense(p)
        and p.taps > 1
        and p.x[0] * math.prod(p.positions) <= 200
        and math.prod(p.kernel[-2:]) >= 2**17
    )


def _apart(p: Problem) -> bool:
    """Small windows side by side, which share no element."""
    return _dense(p) and 1 < p.taps <= 4 and p.window.size == p.window.stride and p.x[-1] >= 32


# The rules after the first are for machines without the kernels that LLVM generates.
RULES = (
    Rule(
        (*SIDES, "max_pool", "min_pool", "sum_pool"),
        lambda p: p.is_float,
        "native",
        "7.2 times XLA in the mean of 166 sides of layers, 0.93 at worst",
    ),
    Rule(SIDES, _depthwise, "shifted", "6 to 104 times XLA; 2 for the kernel of 32 channels"),
    Rule(
        (OUTPUT,),
        _narrow_groups,
        "shifted",
        "6.2 times XLA for groups of 4, 1.6 for groups of 8 with stride 2",
    ),
    Rule(
        (INPUT_GRAD,),
        lambda p: _narrow_groups(p) and p.kernel[-2] <= 4,
        "shifted",
        "6.1 times XLA for groups of 4",
    ),
    Rule(
        SIDES,
        _grouped,
        "im2col",
        "kernel gradient 10 to 190 times XLA, input gradient 1.1 to 3.4, output 1.5",
    ),
    Rule(
        (OUTPUT, INPUT_GRAD),
        _one_tap,
        "im2col",
        "a matrix product: 1.2 to 2.5 times XLA",
    ),
    Rule(
        (KERNEL_GRAD,),
        lambda p: _one_tap(p) and min(p.kernel[-2:]) >= 24,
        "im2col",
        "a matrix product: 1.5 to 3.6 times XLA; 0.7 with 16 channels",
    ),
    Rule(
        (OUTPUT, INPUT_GRAD),
        lambda p: _tiled(p) and _tiles(p) >= 80,
        "winograd",
        "1.1 to 2.6 times XLA; 0.9 to 1.2 with 64 tiles, 0.6 with 32 channels",
    ),
    Rule(
        (KERNEL_GRAD,),
        lambda p: _tiled(p) and _tiles(p) >= 48,
        "winograd",
        "1.6 to 2.6 times XLA",
    ),
    Rule(
        (OUTPUT,),
        _first_layer,
        "shifted",
        "1.5 to 10 times XLA; 0.9 with 48 products for each number",
    ),
    Rule(
        (INPUT_GRAD,),
        lambda p: _dense(p) and p.window.rank == 2 and p.x[-1] == 1 and p.taps <= 25,
        "im2col",
        "2.0 times XLA for one channel of 5x5",
    ),
    Rule(
        (INPUT_GRAD,),
        lambda p: _dense(p) and p.window.covers(p.x[1:-1]),
        "im2col",
        "a matrix product: 10 times XLA for one 5x5 window of 16 channels",
    ),
    Rule(
        (OUTPUT,),
        lambda p: _dense(p) and p.window.rank == 3,
        "im2col",
        "1.1 to 4.7 times XLA for 3 to 512 channels of 3x3x3",
    ),
    Rule(
        (KERNEL_GRAD,),
        lambda p: _dense(p) and p.window.rank == 3 and p.x[-1] >= 16,
        "im2col",
        "1.5 and 1.6 times XLA for 256 and 512 channels of 3x3x3",
    ),
    Rule(
        (INPUT_GRAD, KERNEL_GRAD),
        lambda p: _dense(p) and p.window.rank == 3,
        "planes",
        "1.1 to 5.4 times XLA for 3 to 512 channels of 3x3x3",
    ),
    Rule(
        (INPUT_GRAD,),
        _few_positions,
        "shifted",
        "1.2 times XLA for 512 channels on 196 positions",
    ),
    Rule(
        (KERNEL_GRAD,),
        _few_positions,
        "im2col",
        "1.6 times XLA for 512 channels on 196 positions; 0.9 on 256",
    ),
    Rule(
        SIDES,
        _apart,
        "shifted",
        "1.6, 1.1 and 1.7 times XLA for 2x2 with stride 2",
    ),
    Rule(
        (OUTPUT,),
        lambda p: (
            _dense(p) and p.window.size == (3, 3) and p.window.stride == (2, 2)
            and 48 <= p.x[-1] <= 96
        ),
        "shifted",
        "1.3 times XLA for 64 channels; 0.8 for 128",
    ),
    Rule(
        ("max_pool", "min_pool", "sum_pool"),
        lambda p: p.taps <= 9,
        "shifted",
        "forward 1.3 to 3.9 times XLA, gradient 1.9 to 17",
    ),
    Rule(
        ("max_pool", "min_pool", "sum_pool"),
        lambda p: not p.window.covers(p.x[1:-1]),
        "separable",
        "7x7: forward 4 to 20 times XLA, gradient 1.6 to 3",
    ),
)  # fmt: skip
