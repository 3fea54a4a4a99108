"""`Auto`: each side of a convolution, and each pool, by the algorithm that the policy picks for it.

On CPUs that is what the rules or a measurement say, on GPU and TPU XLA's own unless
`cnn_jax.autotune` measured otherwise there. A program that is compiled for several platforms, or
exported, holds the right algorithm for each.
"""

from dataclasses import dataclass
from functools import partial

import jax
from jax import lax

from cnn_jax.geometry import Window

from .. import xla
from .._contract import Problem
from ..parts.dtypes import sum_dtype
from .policy import pick
from .registry import ALGORITHMS
from .settings import Notes


@dataclass(frozen=True)
class Auto:
    """An algorithm whose functions pick one of the others and call it.

    Attributes:
        max_workspace: bytes that an algorithm may expect to take besides arguments and results.
        notes: where to note what was met and what was chosen.
    """

    max_workspace: int
    notes: Notes | None = None

    WIDENS = True

    def output(self, x: jax.Array, kernel: jax.Array, window: Window, groups: int) -> jax.Array:
        problem = Problem("output", x.shape, kernel.shape, window, groups, x.dtype.name)
        return self._by_platform(problem, x, kernel)

    def input_grad(self, kernel: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
        shape = (len(g), *window.input_size(g.shape[1:-1]), kernel.shape[-2] * groups)
        problem = Problem("input_grad", shape, kernel.shape, window, groups, g.dtype.name)
        return self._by_platform(problem, kernel, g)

    def kernel_grad(self, x: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
        shape = (*window.size, x.shape[-1] // groups, g.shape[-1])
        problem = Problem("kernel_grad", x.shape, shape, window, groups, x.dtype.name)
        return self._by_platform(problem, x, g)

    def max_pool(self, x: jax.Array, window: Window) -> jax.Array:
        return self._pool("max_pool", x, window)

    def min_pool(self, x: jax.Array, window: Window) -> jax.Array:
        return self._pool("min_pool", x, window)

    def sum_pool(self, x: jax.Array, window: Window) -> jax.Array:
        return self._pool("sum_pool", x, window)

    local, patches = staticmethod(xla.local), staticmethod(xla.patches)

    def _pool(self, side: str, x: jax.Array, window: Window) -> jax.Array:
        return self._by_platform(Problem(side, x.shape, (), window, 1, x.dtype.name), x)

    def _by_platform(self, problem: Problem, *arrays: jax.Array) -> jax.Array:
        chosen = pick(problem, self.max_workspace)
        if self.notes is not None:
            self.notes.append(problem, chosen)
        built_in = partial(computed, xla, problem)
        others = {
            platform: partial(computed, ALGORITHMS[choice.algorithm], problem)
            for platform, choice in chosen.items()
            if choice.algorithm != "xla"
        }
        return (
            lax.platform_dependent(*arrays, default=built_in, **others)
            if others
            else built_in(*arrays)
        )


def computed(algorithm, problem: Problem, *arrays: jax.Array) -> jax.Array:
    """One side by one algorithm: narrow numbers are summed in wider ones, and rounded once."""
    given = (problem.window, problem.groups) if problem.kernel else (problem.window,)
    compute = getattr(algorithm, problem.side)
    narrow, wide = arrays[0].dtype, sum_dtype(arrays[0].dtype)
    if narrow == wide or algorithm.WIDENS or not problem.kernel:
        return compute(*arrays, *given)
    y = compute(*(array.astype(wide) for array in arrays), *given)
    return y.astype(narrow) if problem.is_float else y
