"""The rules of all primitives, and both analyses of a program by them."""

from collections.abc import Callable

import numpy as np

from ..dependence import Dependence, Depending
from ..fields import Walk, walked
from ..program import Interpreter, Program, Rules, Step
from . import _elementwise, _layout, _products, _reading, _reductions, _windows

RULES: Rules = {
    **_elementwise.RULES,
    **_layout.RULES,
    **_reading.RULES,
    **_windows.RULES,
    **_products.RULES,
    **_reductions.RULES,
}


def walk(program: Program) -> Walk:
    """Find the receptive fields of every array of a program; nothing runs."""
    return walked(program, RULES)


def dependences(
    program: Program,
    given: list[np.ndarray],
    width: int,
    each: Callable[[Step, Depending], None],
) -> tuple[list[np.ndarray], list[str]]:
    """Find which elements of the data each output of a program depends on.

    Args:
        program: what `trace` returns.
        given: (width, *shape) of booleans, the layers of each input.
        width: the number of elements of the data.
        each: called after each step with the step and the analysis, which still holds its operands.

    Returns:
        (width, size) of booleans for each output; and remarks on where that is not exact.
    """
    depending = Depending(RULES, width)
    told = Interpreter(
        program,
        [Dependence(layers) for layers in given],
        depending,
        lambda step: each(step, depending),
        keep=False,
    )
    found = [told.of(output).layers for output in program.outputs.values()]
    sizes = [int(np.prod(output.shape)) for output in program.outputs.values()]
    flat = [
        np.zeros((width, size), bool) if layers is None else layers.reshape(width, -1)
        for layers, size in zip(found, sizes)
    ]
    return flat, depending.remarks
