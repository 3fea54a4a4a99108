"""`AUTO`: each side of a convolution, and each pool, by the algorithm that the policy picks for it.

On CPUs that is what the rules or a measurement say, on GPU and TPU XLA's own unless
`cnn_jax.autotune` measured otherwise there. A program that is compiled for several platforms, or
exported, holds the right algorithm for each.
"""

from functools import partial

import jax
from jax import lax

from cnn_jax.geometry import Pair, Window, fit

from .. import xla
from .._contract import Algorithm, Problem
from .._operations import slide
from ..parts.dtypes import sum_dtype
from ..parts.taps import crop, cropped, uncropped
from . import settings
from .policy import pick
from .registry import ALGORITHMS

# Windows may have negative padding, which drops elements of x. A problem is about the others.


def _output(x: jax.Array, kernel: jax.Array, window: Window, groups: int) -> jax.Array:
    drops, window = fit(window, x.shape[1:-1])
    shape = cropped(x.shape, drops)
    problem = Problem("output", shape, kernel.shape, window, groups, x.dtype.name)
    return _by_platform(problem, x, kernel, drops=drops)


def _input_grad(kernel: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
    positions = g.shape[1:-1]
    whole = (len(g), *window.input_size(positions), kernel.shape[-2] * groups)
    drops, window = fit(window, whole[1:-1], positions)
    shape = cropped(whole, drops)
    problem = Problem("input_grad", shape, kernel.shape, window, groups, g.dtype.name)
    return _by_platform(problem, kernel, g, drops=drops)


def _kernel_grad(x: jax.Array, g: jax.Array, window: Window, groups: int) -> jax.Array:
    drops, window = fit(window, x.shape[1:-1], g.shape[1:-1])
    shape = (*window.size, x.shape[-1] // groups, g.shape[-1])
    given = cropped(x.shape, drops)
    problem = Problem("kernel_grad", given, shape, window, groups, x.dtype.name)
    return _by_platform(problem, x, g, drops=drops)


def _pool(side: str, x: jax.Array, window: Window, divisor: int = 1) -> jax.Array:
    drops, window = fit(window, x.shape[1:-1])
    problem = Problem(side, cropped(x.shape, drops), (), window, 1, x.dtype.name)
    return _by_platform(problem, x, drops=drops, divisor=divisor)


def _by_platform(
    problem: Problem, *arrays: jax.Array, drops: tuple[Pair, ...] = (), divisor: int = 1
) -> jax.Array:
    now = settings.current()
    chosen = pick(problem, now.max_workspace)
    if now.notes is not None:
        now.notes.append(problem, chosen)
    options = {"drops": drops, "divisor": divisor}
    built_in = partial(computed, xla.ALGORITHM, problem, **options)
    others = {
        platform: partial(computed, ALGORITHMS[choice.algorithm], problem, **options)
        for platform, choice in chosen.items()
        if choice.algorithm != "xla"
    }
    return (
        lax.platform_dependent(*arrays, default=built_in, **others) if others else built_in(*arrays)
    )


def computed(
    algorithm: Algorithm,
    problem: Problem,
    *arrays: jax.Array,
    drops: tuple[Pair, ...] = (),
    divisor: int = 1,
) -> jax.Array:
    """Compute one side by one algorithm; narrow dtypes are summed in wider ones, rounded once.

    Args:
        algorithm: the algorithm.
        problem: the side and its problem.
        arrays: as the side takes them.
        drops: ``(low, high)`` elements that x has on each axis beside those of the problem.
        divisor: of the sums of a sum pool.
    """
    window, side = problem.window, problem.side
    if drops and algorithm.crops:
        window, drops = window.on_uncropped(drops), ()
    if side != "input_grad":
        arrays = crop(arrays[0], drops), *arrays[1:]
    if not problem.kernel:
        return slide(algorithm, side, arrays[0], window, divisor)
    narrow, wide = arrays[0].dtype, sum_dtype(arrays[0].dtype)
    if narrow == wide or algorithm.widens:
        y = algorithm.side(side)(*arrays, window, problem.groups)
    else:
        y = algorithm.side(side)(*(a.astype(wide) for a in arrays), window, problem.groups)
        y = y.astype(narrow) if problem.is_float else y
    return uncropped(y, drops) if side == "input_grad" else y


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
    crops=True,
    divides=True,
)
