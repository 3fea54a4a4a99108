"""`AUTO`: each side of a convolution, and each pool, by the algorithm that the policy picks for it.

On CPUs that is what the rules or a measurement say, on GPU and TPU XLA's own unless
`cnn_jax.autotune` measured otherwise there. A program that is compiled for several platforms, or
exported, holds the right algorithm for each.
"""

from functools import partial

import jax
from jax import lax

from cnn_jax.geometry import Window

from .. import xla
from .._contract import Algorithm, Problem
from .._operations import slide
from ..parts.dtypes import sum_dtype
from . import settings
from .policy import pick
from .registry import ALGORITHMS


def _output(x: jax.Array, kernel: jax.Array, window: Window, groups: int) -> jax.Array:
    problem = Problem("output", x.shape, kernel.shape, window, groups, x.dtype.name)
    return _by_platform(problem, x, kernel)


def _input_grad(kernel: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
    shape = (len(g), *window.input_size(g.shape[1:-1]), kernel.shape[-2] * groups)
    problem = Problem("input_grad", shape, kernel.shape, window, groups, g.dtype.name)
    return _by_platform(problem, kernel, g)


def _kernel_grad(x: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
    shape = (*window.size, x.shape[-1] // groups, g.shape[-1])
    problem = Problem("kernel_grad", x.shape, shape, window, groups, x.dtype.name)
    return _by_platform(problem, x, g)


def _pool(side: str, x: jax.Array, window: Window) -> jax.Array:
    return _by_platform(Problem(side, x.shape, (), window, 1, x.dtype.name), x)


def _by_platform(problem: Problem, *arrays: jax.Array) -> jax.Array:
    now = settings.current()
    chosen = pick(problem, now.max_workspace)
    if now.notes is not None:
        now.notes.append(problem, chosen)
    built_in = partial(computed, xla.ALGORITHM, problem)
    others = {
        platform: partial(computed, ALGORITHMS[choice.algorithm], problem)
        for platform, choice in chosen.items()
        if choice.algorithm != "xla"
    }
    return (
        lax.platform_dependent(*arrays, default=built_in, **others) if others else built_in(*arrays)
    )


def computed(algorithm: Algorithm, problem: Problem, *arrays: jax.Array) -> jax.Array:
    """Compute one side by one algorithm; narrow dtypes are summed in wider ones, rounded once."""
    if not problem.kernel:
        return slide(algorithm, problem.side, arrays[0], problem.window)
    compute, given = algorithm.side(problem.side), (problem.window, problem.groups)
    narrow, wide = arrays[0].dtype, sum_dtype(arrays[0].dtype)
    if narrow == wide or algorithm.widens:
        return compute(*arrays, *given)
    y = compute(*(array.astype(wide) for array in arrays), *given)
    return y.astype(narrow) if problem.is_float else y


AUTO = Algorithm(
    output=_output,
    input_grad=_input_grad,
    kernel_grad=_kernel_grad,
    local=xla.local,
    max_pool=partial(_pool, "max_pool"),
    min_pool=partial(_pool, "min_pool"),
    sum_pool=partial(_pool, "sum_pool"),
    patches=xla.patches,
    widens=True,
)
