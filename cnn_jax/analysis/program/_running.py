"""Run a program: all of it, or only what needs neither data nor parameters."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._equations import bind
from ._steps import Constant, Operand, Program, Step, Value


def evaluate(
    program: Program,
    inputs: tuple,
    parameter_values: Mapping[str, Any] | None = None,
    each: Callable[[Step, list], None] | None = None,
) -> dict[str, Any]:
    """Run a program, step by step.

    Args:
        program: what `trace` returns.
        inputs: an array for each of its inputs.
        parameter_values: arrays by the path of a parameter; a parameter that is left out has the
            array with which the program was traced.
        each: called after each step with the step and the arrays that it made.

    Returns:
        The outputs by path.

    Raises:
        ValueError: if a parameter has a shape in place of an array.
    """
    known, parameter_values = dict(zip(program.inputs, inputs)), parameter_values or {}
    for value, parameter in program.parameters.items():
        array = parameter_values.get(parameter.path, parameter.value)
        if isinstance(array, jax.ShapeDtypeStruct):
            raise ValueError(
                f"Parameter `{parameter.path}` must be an array to run the function; got "
                f"{array}: make the model for real, not by `eval_shape`."
            )
        known[value] = array

    def read(operand: Operand) -> Any:
        return operand.value if isinstance(operand, Constant) else known[operand]

    for step in program.steps:
        made = bind(step.equation, [read(operand) for operand in step.inputs])
        known.update(zip(step.outputs, made))
        if each is not None:
            each(step, made)
    return {path: read(operand) for path, operand in program.outputs.items()}


class Known:
    """The arrays of a program that need neither data nor parameters, such as a gather's indices.

    Each is computed when it is asked for, from constants alone.

    Args:
        program: what `trace` returns, or the body of a loop.
        given: arrays for some of its inputs.
    """

    def __init__(self, program: Program, given: Mapping[Value, Any] | None = None):
        self._arrays: dict[Value, Any] = dict.fromkeys([*program.inputs, *program.parameters])
        self._arrays |= given or {}
        self._made_by: dict[Value, Step] = {}
        for step in program.steps:
            if all(self._may_be_known(operand) for operand in step.inputs):
                self._made_by |= dict.fromkeys(step.outputs, step)

    def _may_be_known(self, operand: Operand) -> bool:
        if isinstance(operand, Constant):
            return True
        return operand in self._made_by or self._arrays.get(operand) is not None

    def __call__(self, operand: Operand) -> np.ndarray | None:
        """The array; None if it depends on data or parameters, or holds random keys."""
        if jnp.issubdtype(operand.dtype, jax.dtypes.prng_key):
            return None
        array = self._find(operand)
        return None if array is None else np.asarray(array)

    def _find(self, operand: Operand) -> Any:
        if isinstance(operand, Constant):
            return operand.value
        if operand in self._made_by and operand not in self._arrays:
            step = self._made_by[operand]
            arrays = [self._find(read) for read in step.inputs]
            with jax.ensure_compile_time_eval():
                self._arrays |= zip(step.outputs, bind(step.equation, [*map(jnp.asarray, arrays)]))
        return self._arrays.get(operand)
