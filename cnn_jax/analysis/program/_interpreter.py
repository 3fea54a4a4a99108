"""Take an analysis through a program step by step; loops and branches are followed here."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import ClassVar, Generic, TypeVar

import numpy as np

from ._running import Known
from ._steps import Body, Operand, Program, Step, Value

T = TypeVar("T")


class Meaning(ABC, Generic[T]):
    """An analysis: it gives each array of a program a `T`, such as its receptive fields.

    Attributes:
        known: gives the array of an operand of the current program; None if it depends on data or
            parameters.
        step: the current step.
        read: the `T` of each of its operands.
        most_turns: if finite, a ``scan`` with more iterations is followed for one, and so is a
            ``while``; then `bound` is taken, unless the ``while`` has settled.
        said: the remark, by primitive, on a ``while``, on a ``cond`` whose index depends on data,
            and on a ``scan`` with too many iterations.
    """

    known: Callable[[Operand], np.ndarray | None]
    step: Step
    read: dict[Operand, T]
    most_turns: float = math.inf
    said: ClassVar[Mapping[str, str]]

    @abstractmethod
    def of_no_data(self) -> T:
        """The `T` of a constant or of a parameter."""

    @abstractmethod
    def depends(self, told: T) -> bool:
        """Whether an array with this `T` depends on data."""

    @abstractmethod
    def after(self, step: Step, read: list[T]) -> list[T]:
        """The `T` of each output of a step without bodies, from those of its operands."""

    @abstractmethod
    def without_data(self, step: Step, read: list[T]) -> list[T]:
        """The same for a step that reads no data."""

    @abstractmethod
    def bound(self, step: Step, read: list[T]) -> list[T]:
        """A bound that always holds: each output may depend on all that the step reads."""

    @abstractmethod
    def entry(self, told: T, i: int) -> T:
        """The `T` of entry `i` of an array along its first axis."""

    @abstractmethod
    def stacked(self, parts: Sequence[T], value: Value) -> T:
        """The `T` of `value`, from those of its entries along the first axis."""

    @abstractmethod
    def either(self, parts: Sequence[T], value: Value) -> T:
        """The `T` of `value`, which is one of several arrays."""

    @abstractmethod
    def everywhere(self, scalar: T, value: Value) -> T:
        """The `T` of `value`, each of whose elements depends on a scalar."""

    @abstractmethod
    def same(self, one: T, other: T) -> bool:
        """Whether two arrays have the same `T`."""

    @abstractmethod
    def remark(self, words: str) -> None:
        """Note that the result is not exact from the current step on."""


class Interpreter(Generic[T]):
    """One pass of an analysis through a program.

    Args:
        program: what `trace` returns.
        inputs: the `T` of each of its inputs.
        meaning: the analysis.
        each: called after each step of the program itself, while `meaning` still holds the step's
            operands; not called for steps inside loops and branches.
        keep: whether to keep the `T` of arrays that no later step reads.

    Attributes:
        told: the `T` of each value; of values inside a loop that of the last iteration.
    """

    def __init__(
        self,
        program: Program,
        inputs: Sequence[T],
        meaning: Meaning[T],
        each: Callable[[Step], None] | None = None,
        keep: bool = True,
    ):
        self.told: dict[Value, T] = dict(zip(program.inputs, inputs, strict=True))
        self._meaning, self._keep = meaning, keep
        meaning.known = Known(program)
        self._through(program, each)

    def of(self, operand: Operand) -> T:
        """The `T` of an operand."""
        if isinstance(operand, Value) and operand in self.told:
            return self.told[operand]
        return self._meaning.of_no_data()

    def _through(self, program: Program, each: Callable[[Step], None] | None = None) -> None:
        last_use = {operand: i for i, step in enumerate(program.steps) for operand in step.inputs}
        for i, step in enumerate(program.steps):
            self.told |= zip(step.outputs, self._after(step, [*map(self.of, step.inputs)]))
            if each is not None:
                each(step)
            for operand in () if self._keep else step.inputs:
                if last_use[operand] == i and operand not in program.outputs.values():
                    self.told.pop(operand, None)  # type: ignore[arg-type]

    def _after(self, step: Step, read: list[T]) -> list[T]:
        self._meaning.step, self._meaning.read = step, dict(zip(step.inputs, read))
        if not any(map(self._meaning.depends, read)):
            return self._meaning.without_data(step, read)
        if not step.inner:
            return self._meaning.after(step, read)
        opened = {"cond": self._cond, "scan": self._scan, "while": self._while}
        return opened[step.primitive](step, read)

    def _inside(self, body: Body, read: Sequence[T]) -> list[T]:
        """The `T` of each output of a body, from those of its inputs."""
        step, its, known = self._meaning.step, self._meaning.read, self._meaning.known
        inputs = body.program.inputs
        given = {v: known(o) for v, o in zip(inputs[: body.fixed], body.operands)}
        self._meaning.known = Known(body.program, given)
        self.told |= zip(inputs, read, strict=True)
        self._through(body.program)
        made = [self.of(output) for output in body.program.outputs.values()]
        self._meaning.step, self._meaning.read, self._meaning.known = step, its, known
        return made

    def _cond(self, step: Step, read: list[T]) -> list[T]:
        """Unite the branches; each element also depends on the index that chooses one."""
        which, told = read[0], self._meaning.read
        if self._meaning.depends(which) and (words := self._meaning.said.get("cond")):
            self._meaning.remark(words)
        branches = [self._inside(body, [told[o] for o in body.operands]) for body in step.inner]
        return [
            self._meaning.either([*cases, self._meaning.everywhere(which, value)], value)
            for value, *cases in zip(step.outputs, *branches)
        ]

    def _scan(self, step: Step, read: list[T]) -> list[T]:
        """Follow each iteration, if there are not too many."""
        (body,), length = step.inner, step.turns
        cut = body.fixed + body.carried
        fixed, carry, rest = read[: body.fixed], read[body.fixed : cut], read[cut:]
        followed = length <= self._meaning.most_turns
        order = range(length)[::-1] if step.params["reverse"] else range(length)
        made: list[list[T]] = [[] for _ in order]
        for i in order if followed else order[:1]:
            entries = [self._meaning.entry(one, i) for one in rest]
            outputs = self._inside(body, [*fixed, *carry, *entries])
            carry, made[i] = outputs[: body.carried], outputs[body.carried :]
        if not followed:
            self._meaning.remark(self._meaning.said["scan"])
            return self._meaning.bound(step, read)
        stacks = [
            self._meaning.stacked([turn[j] for turn in made], value)
            for j, value in enumerate(step.outputs[body.carried :])
        ]
        return [*carry, *stacks]

    def _while(self, step: Step, read: list[T]) -> list[T]:
        """Iterate until nothing changes; each result also depends on the condition."""
        self._meaning.remark(self._meaning.said["while"])
        (condition, body), told = step.inner, self._meaning.read
        asked, fixed = ([told[o] for o in b.operands[: b.fixed]] for b in step.inner)
        carry = [told[operand] for operand in body.operands[body.fixed :]]
        for _ in count() if math.isinf(self._meaning.most_turns) else range(1):
            (going_on,) = self._inside(condition, [*asked, *carry])
            after = self._inside(body, [*fixed, *carry])
            larger = [
                self._meaning.either([old, new, self._meaning.everywhere(going_on, value)], value)
                for old, new, value in zip(carry, after, step.outputs)
            ]
            if all(map(self._meaning.same, carry, larger)):
                return larger
            carry = larger
        return self._meaning.bound(step, read)
