"""From a jaxpr to a flat list of steps: called functions are put in place of their calls."""

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from ._steps import Constant, Operand, Parameter, Program, Step, Value
from ._written_out import written_out

# Primitives that do no more than call a function, and the option that holds it.
CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "core_closed_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "custom_vjp_call_jaxpr": "fun_jaxpr",
    "checkpoint": "jaxpr",
    "remat": "jaxpr",
    "remat2": "jaxpr",
    "composite": "jaxpr",
}
BODIES = {"scan": ("jaxpr",), "while": ("cond_jaxpr", "body_jaxpr"), "cond": ("branches",)}


def flattened(
    closed: ClosedJaxpr,
    declared: list[Parameter | Constant],
    paths: list[str],
    kept: list[np.ndarray],
) -> Program:
    """The program of a jaxpr.

    Args:
        closed: takes the declared parameters, then the data.
        declared: the parameters, and the constants among them.
        paths: a name for each output.
        kept: arrays of NumPy that count as captured parameters where they appear as constants.
    """
    variables = closed.jaxpr.invars
    data = [_value(var) for var in variables[len(declared) :]]
    parameters = {
        _value(var): given
        for var, given in zip(variables, declared)
        if isinstance(given, Parameter)
    }
    values = iter(parameters)
    first = [given if isinstance(given, Constant) else next(values) for given in declared]
    work = _Flattening(kept)
    outputs = work.inline(closed, [*first, *data], "", ())
    named = dict(zip(paths, outputs, strict=True))
    return Program(
        tuple(data), parameters | work.captured, _live(work.steps, outputs), _ordered(named, work)
    )


def body_program(closed: ClosedJaxpr | Jaxpr) -> Program:
    """The program of a loop's body or of a branch: all that it takes is data."""
    work = _Flattening(None)
    arguments = [_value(var) for var in _jaxpr_of(closed).invars]
    outputs = work.inline(closed, arguments, "", ())
    named = {str(i): output for i, output in enumerate(outputs)}
    return Program(tuple(arguments), {}, _live(work.steps, outputs), named)


class _Flattening:
    """The steps met so far. `kept` None: no constant is a parameter."""

    def __init__(self, kept: list[np.ndarray] | None):
        self.kept = kept
        self.steps: list[Step] = []
        self.captured: dict[Value, Parameter] = {}
        self._constants: dict[int, tuple[Any, Operand]] = {}

    def inline(
        self,
        closed: ClosedJaxpr | Jaxpr,
        arguments: Iterable[Operand],
        scope: str,
        callers: tuple[Any, ...],
    ) -> list[Operand]:
        """Append the steps of a jaxpr that is given these arguments; return its outputs."""
        jaxpr = _jaxpr_of(closed)
        known: dict[Any, Operand] = dict(zip(jaxpr.invars, arguments, strict=True))
        for var, array in zip(jaxpr.constvars, getattr(closed, "consts", ()), strict=True):
            known[var] = self._constant(array)

        def read(atom: Any) -> Operand:
            return self._constant(atom.val) if isinstance(atom, Literal) else known[atom]

        for equation in jaxpr.eqns:
            name = equation.primitive.name
            operands = [read(atom) for atom in equation.invars]
            inside = "/".join(filter(None, (scope, str(equation.source_info.name_stack))))
            if name == "platform_index":
                continue_with: list[Operand] = [Constant(np.int32(0)) for _ in equation.outvars]
            elif (called := _called(equation, operands)) is not None:
                arguments = operands[1:] if name == "cond" else operands
                continue_with = self.inline(called, arguments, inside, (*callers, equation))
            else:
                made = tuple(map(_value, equation.outvars))
                self.steps.append(
                    Step(
                        name,
                        equation.params,
                        tuple(operands),
                        made,
                        inside,
                        tuple(_inner(equation)),
                        equation,
                        callers,
                    )
                )
                continue_with = list(made)
            known |= zip(equation.outvars, continue_with, strict=True)
        return [read(atom) for atom in jaxpr.outvars]

    def _constant(self, array: Any) -> Operand:
        """The operand of an array that was met while tracing: a captured parameter, or known."""
        if id(array) in self._constants:
            return self._constants[id(array)][1]
        operand: Operand = Constant(array)
        if self.kept is not None and self._is_captured(array):
            operand = Value(np.shape(array), array.dtype)
            name = f"captured {len(self.captured) + 1}"
            self.captured[operand] = Parameter(name, True, operand.shape, operand.dtype, array)
        self._constants[id(array)] = array, operand  # with the array, so that its id stays its own
        return operand

    def _is_captured(self, array: Any) -> bool:
        if np.ndim(array) == 0 or not jnp.issubdtype(array.dtype, jnp.inexact):
            return False
        return isinstance(array, jax.Array) or any(
            other.shape == np.shape(array)
            and np.array_equal(other.astype(array.dtype), np.asarray(array))
            for other in self.kept or ()
        )


def _ordered(outputs: dict[str, Operand], work: _Flattening) -> dict[str, Operand]:
    """Outputs in the order in which they are made, not in that of the alphabet."""
    places = {value: i for i, step in enumerate(work.steps) for value in step.outputs}
    return dict(sorted(outputs.items(), key=lambda item: places.get(item[1], -1)))  # type: ignore[arg-type]


def _called(equation: Any, operands: list[Operand]) -> Any:
    """The jaxpr that an equation does no more than call, or that does the same; or None.

    Of a ``cond`` that is the branch of its index, if that is known, or that of no platform.
    """
    name = equation.primitive.name
    if name in CALLS:
        return equation.params[CALLS[name]]
    if name == "cond":
        branches, platforms = equation.params["branches"], equation.params.get("branches_platforms")
        if platforms is not None:
            return branches[platforms.index(None)] if None in platforms else branches[-1]
        if isinstance(operands[0], Constant):
            return branches[int(np.clip(int(operands[0].value), 0, len(branches) - 1))]
    return written_out(equation)


def _inner(equation: Any) -> Iterable[Program]:
    for option in BODIES.get(equation.primitive.name, ()):
        jaxprs = equation.params[option]
        for jaxpr in jaxprs if isinstance(jaxprs, tuple) else (jaxprs,):
            yield body_program(jaxpr)


def _live(steps: list[Step], outputs: list[Operand]) -> tuple[Step, ...]:
    """The steps that an output depends on."""
    needed, live = set(outputs), []
    for step in reversed(steps):
        if needed.intersection(step.outputs):
            needed.update(step.inputs)
            live.append(step)
    return tuple(reversed(live))


def _jaxpr_of(closed: ClosedJaxpr | Jaxpr) -> Any:
    return getattr(closed, "jaxpr", closed)


def _value(var: Any) -> Value:
    return Value(tuple(var.aval.shape), var.aval.dtype)
