"""From a jaxpr to a flat list of steps: calls are replaced by what they call."""

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from ._equations import bodies, called, plain
from ._opening import Leaf
from ._steps import Body, Constant, Operand, Parameter, Program, Step, Value
from ._written_out import written_out


def flattened(
    closed: ClosedJaxpr,
    declared: list[Parameter | Constant],
    paths: list[str],
    referred: list[Leaf],
) -> Program:
    """Turn a jaxpr into a program.

    Args:
        closed: a jaxpr whose inputs are the declared arrays, then the data.
        declared: for each declared array the parameter, or the constant that stands for it.
        paths: the path of each output.
        referred: arrays that the function refers to, with their paths. A NumPy constant of the
            jaxpr counts as a captured parameter if it is among them; a JAX constant always does.
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
    work = _Flattening(referred, {p.path for p in parameters.values()})
    outputs = work.inline(closed, [*first, *data], "", ())
    named = dict(zip(paths, outputs, strict=True))
    return Program(
        tuple(data), parameters | work.captured, _live(work.steps, outputs), _ordered(named, work)
    )


def body_program(closed: ClosedJaxpr | Jaxpr) -> Program:
    """Turn a loop's body or a branch into a program, all of whose inputs are data."""
    work = _Flattening(None)
    arguments = [_value(var) for var in plain(closed).invars]
    outputs = work.inline(closed, arguments, "", ())
    named = {str(i): output for i, output in enumerate(outputs)}
    return Program(tuple(arguments), {}, _live(work.steps, outputs), named)


class _Flattening:
    """The steps found so far. With `referred` None no constant counts as a parameter."""

    def __init__(self, referred: list[Leaf] | None, taken: Iterable[str] = ()):
        self.referred, self.taken = referred, set(taken)
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
        """Append the steps of a jaxpr called with these arguments; return its outputs."""
        jaxpr = plain(closed)
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
                results: list[Operand] = [Constant(np.int32(0)) for _ in equation.outvars]
            elif (call := _call(equation, operands)) is not None:
                jaxpr_called, first = call
                arguments = operands[first:]
                results = self.inline(jaxpr_called, arguments, inside, (*callers, equation))
            else:
                made = tuple(map(_value, equation.outvars))
                self.steps.append(
                    Step(
                        name,
                        equation.params,
                        tuple(operands),
                        made,
                        inside,
                        _bodies(equation, operands),
                        equation,
                        callers,
                    )
                )
                results = list(made)
            known |= zip(equation.outvars, results, strict=True)
        return [read(atom) for atom in jaxpr.outvars]

    def _constant(self, array: Any) -> Operand:
        """The operand for a constant of the jaxpr: a captured parameter, or a `Constant`."""
        if id(array) in self._constants:
            return self._constants[id(array)][1]
        operand: Operand = Constant(array)
        if (
            self.referred is not None
            and np.ndim(array)
            and jnp.issubdtype(array.dtype, jnp.inexact)
        ):
            leaf = self._leaf(array)
            if leaf is not None or isinstance(array, jax.Array):
                operand = Value(np.shape(array), array.dtype)
                self.captured[operand] = self._parameter(leaf, array)
        self._constants[id(array)] = array, operand  # the array is kept: no other gets its id
        return operand

    def _leaf(self, array: Any) -> Leaf | None:
        """The captured leaf that is this array; of a NumPy array, one with the same numbers."""
        leaves = self.referred or ()
        for leaf in leaves:
            if leaf.value is array:
                return leaf
        if isinstance(array, jax.Array):
            return None
        alike = (leaf for leaf in leaves if _same_numbers(leaf.value, array))
        return next(alike, None)

    def _parameter(self, leaf: Leaf | None, array: Any) -> Parameter:
        path, trainable = (leaf.path, leaf.trainable) if leaf is not None else ("", True)
        if not path or path in self.taken:
            path = f"captured {len(self.captured) + 1}"
        self.taken.add(path)
        return Parameter(path, trainable, np.shape(array), array.dtype, array)


def _same_numbers(one: Any, other: Any) -> bool:
    """Whether `one` is a NumPy array with the same numbers as `other`."""
    if not isinstance(one, np.ndarray) or one.shape != np.shape(other):
        return False
    return np.array_equal(one.astype(other.dtype), np.asarray(other))


def _ordered(outputs: dict[str, Operand], work: _Flattening) -> dict[str, Operand]:
    """Outputs in the order in which they are made; JAX sorts those of a dictionary by key."""
    places = {value: i for i, step in enumerate(work.steps) for value in step.outputs}
    return dict(sorted(outputs.items(), key=lambda item: places.get(item[1], -1)))  # type: ignore[arg-type]


def _call(equation: Any, operands: list[Operand]) -> tuple[Any, int] | None:
    """The jaxpr to inline for an equation, and how many operands come before its inputs.

    None if the equation stays a step.
    """
    first = operands[0] if operands else None
    call = called(equation, first.value if isinstance(first, Constant) else None)
    if call is None and (jaxpr := written_out(equation)) is not None:
        return jaxpr, 0
    return call


def _bodies(equation: Any, operands: list[Operand]) -> tuple[Body, ...]:
    return tuple(
        Body(
            body_program(inner.jaxpr),
            tuple(operands[i] for i in inner.operands),
            inner.fixed,
            inner.carried,
        )
        for inner in bodies(equation)
    )


def _live(steps: list[Step], outputs: list[Operand]) -> tuple[Step, ...]:
    """The steps that an output depends on."""
    needed, live = set(outputs), []
    for step in reversed(steps):
        if needed.intersection(step.outputs):
            needed.update(step.inputs)
            live.append(step)
    return tuple(reversed(live))


def _value(var: Any) -> Value:
    return Value(tuple(var.aval.shape), var.aval.dtype)
