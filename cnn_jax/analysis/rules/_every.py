"""The table of primitives, put together; and programs taken through it."""

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
    """Tell for every array of a program what its units see of the inputs; nothing runs."""
    return walked(program, RULES)


def dependences(
    program: Program,
    given: list[np.ndarray],
    width: int,
    each: Callable[[Step, Depending], None],
) -> tuple[list[np.ndarray], list[str]]:
    """Tell what each output of a program depends on.

    Args:
        program: of `trace`.
        given: (width, *shape) of booleans for each of its inputs.
        width: the number of the data's elements.
        each: called after each step with it, while what it read is at hand.

    Returns:
        (width, outputs) for each output; and where that stops being exact.
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
