"""What a traced function is made of: values, constants, parameters, steps."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ._source import source_of


@dataclass(frozen=True, eq=False)
class Value:
    """An array of the program; compared by identity."""

    shape: tuple[int, ...]
    dtype: Any


@dataclass(frozen=True, eq=False)
class Constant:
    """An array that is known without running the program."""

    value: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of its axes."""
        return np.shape(self.value)

    @property
    def dtype(self) -> Any:
        """The type of its elements."""
        return self.value.dtype if hasattr(self.value, "dtype") else np.asarray(self.value).dtype


Operand = Value | Constant


@dataclass(frozen=True)
class Parameter:
    """An array that belongs to the function and not to its data.

    Attributes:
        path: its path in the function, such as ``"layer1.layers.0.conv1.kernel"``.
        trainable: whether an optimizer would change it.
        shape: lengths of its axes.
        dtype: type of its elements.
        value: the array, or the `jax.ShapeDtypeStruct` in its place.
    """

    path: str
    trainable: bool
    shape: tuple[int, ...]
    dtype: Any
    value: Any = field(repr=False, compare=False)


@dataclass(frozen=True, eq=False)
class Step:
    """One operation of the program.

    Attributes:
        primitive: JAX's name of it.
        params: its options, as in the jaxpr.
        inputs: what it reads.
        outputs: what it makes.
        scope: the named scopes around it, joined by slashes.
        inner: the body of a ``scan``, the condition and the body of a ``while``, the branches of a
            ``cond``; empty for the rest.
        equation: the jaxpr's equation.
        callers: the equations of the calls around it, outermost first.
    """

    primitive: str
    params: dict[str, Any] = field(repr=False)
    inputs: tuple[Operand, ...]
    outputs: tuple[Value, ...]
    scope: str
    inner: tuple["Body", ...]
    equation: Any = field(repr=False)
    callers: tuple[Any, ...] = field(repr=False)

    @cached_property
    def source(self) -> str:
        """The line of the user's code that it comes from, such as ``"model.py:12"``."""
        return source_of((*self.callers, self.equation))

    @property
    def name(self) -> str:
        """Its name in a remark, such as "`scan` at model.py:12"."""
        return f"`{self.primitive}`" + (f" at {self.source}" if self.source else "")

    @property
    def turns(self) -> int:
        """How often its body runs: the length of a ``scan``; 1 if that is not known."""
        return self.params.get("length", 1) if self.inner else 1


@dataclass(frozen=True, eq=False)
class Body:
    """The body of a loop, or a branch.

    Attributes:
        program: what it does; all its inputs are data.
        operands: for each input of that program, the operand of the step.
        fixed: how many of these, the first ones, are the same in each iteration.
        carried: how many after those carry results of the previous iteration. The rest are read
            entry by entry, along their first axis.
    """

    program: "Program"
    operands: tuple[Operand, ...]
    fixed: int
    carried: int


@dataclass(frozen=True, eq=False)
class Program:
    """What a function does with arrays of given shapes.

    Attributes:
        inputs: the data, in order.
        parameters: the arrays that belong to the function.
        steps: the operations in an order in which they can run, with those of called functions.
            Steps that no output depends on are left out.
        outputs: what the function returns, by path in the result: ``""`` for a single array,
            ``"conv1"`` for an entry of a dictionary.
    """

    inputs: tuple[Value, ...]
    parameters: dict[Value, Parameter]
    steps: tuple[Step, ...]
    outputs: dict[str, Operand]
