"""One algorithm on one problem and random numbers: compile it, and compare its results."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from zlib import crc32

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from .. import xla
from .._contract import Algorithm, Problem
from ..choice.auto import computed
from ..choice.remembered import key
from .sameness import fingerprint

TOLERANCE = {"float64": 1e-10, "complex128": 1e-10, "float16": 4e-3, "bfloat16": 2e-2}


@dataclass(frozen=True)
class Trial:
    """An algorithm, compiled for one problem.

    Attributes:
        run: computes, and returns when it is done.
        fingerprint: what the program does; equal for equal programs, None if it is not known.
    """

    run: Callable[[], Any]
    fingerprint: str | None


def arrays(problem: Problem) -> list[jax.Array]:
    """Random operands of `problem`, always the same; for a pool of floats x and the cotangent."""
    y = (problem.x[0], *problem.positions, (problem.kernel or problem.x)[-1])
    shapes = {
        "output": (problem.x, problem.kernel),
        "input_grad": (problem.kernel, y),
        "kernel_grad": (problem.x, y),
    }
    of_pool = (problem.x, y) if problem.is_float else (problem.x,)
    random = np.random.default_rng(crc32(key(problem).encode()))
    return [
        jnp.asarray(_numbers(random, shape, problem.dtype), problem.dtype)
        for shape in shapes.get(problem.side, of_pool)
    ]


def _numbers(random: np.random.Generator, shape: tuple[int, ...], dtype: str) -> ArrayLike:
    if jnp.issubdtype(dtype, jnp.integer):
        least, most = jnp.iinfo(dtype).min, jnp.iinfo(dtype).max
        return random.integers(max(-8, least), min(8, most), shape, endpoint=True)
    if jnp.issubdtype(dtype, jnp.complexfloating):
        return random.standard_normal(shape) + 1j * random.standard_normal(shape)
    return random.standard_normal(shape)


def compiled(algorithm: Algorithm, problem: Problem, given: Sequence[jax.Array]) -> Trial:
    """What `auto` would run for `problem`; of a pool of floats with its gradient."""
    compute = partial(computed, algorithm, problem)

    def with_gradient(x: jax.Array, dy: jax.Array) -> tuple[jax.Array, ...]:
        y, pullback = jax.vjp(compute, x)
        return y, *pullback(dy)

    of_pool = with_gradient if problem.is_float else compute
    program = jax.jit(compute if problem.kernel else of_pool).lower(*given).compile()
    return Trial(lambda: jax.block_until_ready(program(*given)), fingerprint(program))


def reference(problem: Problem, given: Sequence[jax.Array]) -> list[np.ndarray]:
    """XLA's results at the highest precision; narrow floats are computed as float32."""
    if problem.is_float and problem.itemsize < 4:
        problem, given = replace(problem, dtype="float32"), [a.astype("float32") for a in given]
    with jax.default_matmul_precision("highest"):
        return _wide(compiled(xla.ALGORITHM, problem, given).run())


def distance(result: Any, expected: Sequence[np.ndarray]) -> float:
    """The largest difference from `expected`, as a fraction of its largest finite number."""
    return max(_relative(y, right) for y, right in zip(_wide(result), expected, strict=True))


def _relative(y: np.ndarray, right: np.ndarray) -> float:
    if y.shape != right.shape:
        return np.inf
    with np.errstate(invalid="ignore"):  # inf - inf; those are equal
        off = np.where(y == right, 0, np.abs(y - right)).max(initial=0)
    scale = np.abs(right[np.isfinite(right)]).max(initial=0)
    return 0.0 if off == 0 else np.inf if np.isnan(off) or scale == 0 else float(off / scale)


def _wide(result: Any) -> list[np.ndarray]:
    each = map(np.asarray, jax.tree.leaves(result))
    return [a.astype(complex if np.iscomplexobj(a) else float) for a in each]


def tolerance(dtype: str) -> float:
    """The largest `distance` at which a result counts as right, on a CPU."""
    if not jnp.issubdtype(dtype, jnp.inexact):
        return 0.0
    return TOLERANCE.get(dtype, max(1e-4, 4 * float(jnp.finfo(dtype).eps)))
