"""Which weight makes each connection, and how many connections each weight makes."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ..dependence import Depending, products
from ..program import Operand, Parameter, Program, Step, Value


class Weights:
    """The weights of a program, found while its dependences are computed.

    Every element of every parameter has a number, from 1. Steps among parameters pass the numbers
    on; where two elements meet, the one of the larger array keeps its number: in a kernel times a
    scale, that of the kernel.

    Args:
        program: what `trace` returns.

    Attributes:
        uses: for each parameter that multiplies data in a convolution or a matrix product, how many
            pairs of that step's inputs and outputs each of its elements connects.
        remarks: which weights are not counted.
    """

    def __init__(self, program: Program):
        self.uses: dict[Parameter, np.ndarray] = {}
        self.remarks: list[str] = []
        self._parameters = list(program.parameters.values())
        sizes = [math.prod(parameter.shape) for parameter in self._parameters]
        self._starts = np.cumsum([1, *sizes])
        self._numbers: dict[Value, np.ndarray] = {
            value: np.arange(start, start + size, dtype=np.int64).reshape(value.shape)
            for value, start, size in zip(program.parameters, self._starts, sizes)
        }
        self._made_by: dict[Value, np.ndarray] = {}
        self._several = False

    def __call__(self, step: Step, walk: Depending) -> None:
        """Note what a step does with weights, while `walk` still holds its operands."""
        data = [walk.layers(operand) is not None for operand in step.inputs]
        kind = walk.rule(step).kind
        numbered = [operand in self._numbers for operand in step.inputs]
        if not any(data):
            if any(numbered):
                self._pass_numbers_on(step, walk)
        elif kind == "product" and any(numbered):
            self._multiply(step, walk, data.index(True))
        elif step.inner and any(numbered):
            self.remarks.append(f"weights inside the {step.name} are not counted")
            self._several = True
        else:
            self._follow(step, walk)

    def between(self, outputs: Sequence[Operand], width: int) -> np.ndarray | None:
        """Which weight makes each connection, where one array of weights makes all of them.

        Returns:
            (inputs, outputs) of flat indices into that array, -1 where nothing is connected. None
            unless a single step uses weights, and later steps only move its results or change them
            element by element.
        """
        if self._several or len(self.uses) != 1:
            return None
        found = [self._made_by.get(o) if isinstance(o, Value) else None for o in outputs]
        if all(numbers is None for numbers in found):
            return None
        flat = [
            np.zeros((width, math.prod(operand.shape)), np.int32)
            if numbers is None
            else numbers.reshape(width, -1)
            for operand, numbers in zip(outputs, found)
        ]
        return np.concatenate(flat, axis=1) - 1

    def _pass_numbers_on(self, step: Step, walk: Depending) -> None:
        read, kind = [self._of(operand) for operand in step.inputs], walk.rule(step).kind
        if kind == "passes":
            self._numbers |= zip(step.outputs, read)
        elif kind == "moves":
            moved = walk.moved(step, [numbers[None] for numbers in read], np.int64)
            if moved:
                self._numbers |= {v: numbers[0] for v, numbers in zip(step.outputs, moved)}
        elif kind == "elementwise":
            shape = step.outputs[0].shape
            spread = [np.broadcast_to(numbers, shape) for numbers in read]
            self._numbers[step.outputs[0]] = self._of_largest(spread)
        for value in step.outputs:
            self._numbers.setdefault(value, np.zeros(value.shape, np.int64))

    def _of(self, operand: Operand) -> np.ndarray:
        if isinstance(operand, Value) and operand in self._numbers:
            return self._numbers[operand]
        return np.zeros(operand.shape, np.int64)

    def _of_largest(self, numbers: Sequence[np.ndarray]) -> np.ndarray:
        sizes = np.concatenate([[0], np.diff(self._starts)])
        choices = np.stack(numbers)
        best = np.argmax(sizes[self._owners(choices)], axis=0)
        return np.take_along_axis(choices, best[None], axis=0)[0]

    def _owners(self, numbers: np.ndarray) -> np.ndarray:
        """Which parameter each number belongs to, counted from 1; 0 for none."""
        return np.searchsorted(self._starts, numbers, side="right")

    def _multiply(self, step: Step, walk: Depending, side: int) -> None:
        """Count the uses of the weights that multiply operand number `side`, which is data."""
        factor = step.inputs[1 - side]
        support, numbers = walk.support(factor), self._of(factor)
        layers = walk.filled(step.inputs[side])
        counted = np.where(support, _uses(step, np.asarray(layers.any(0)), side), 0)
        owners = np.unique(self._owners(numbers[numbers > 0]))
        if not len(owners):
            self.remarks.append(
                f"the weights of the {step.name} mix those of parameters: connections are not "
                "counted"
            )
        for owner in owners:
            mine = self._owners(numbers) == owner
            parameter = self._parameters[owner - 1]
            local = numbers[mine] - self._starts[owner - 1]
            number = math.prod(parameter.shape)
            uses = np.bincount(local, counted[mine], number).astype(np.int64)
            known = self.uses.setdefault(parameter, np.zeros(parameter.shape, np.int64))
            self._several |= bool(known.any())
            self.uses[parameter] = known + uses.reshape(parameter.shape)
        if len(self.uses) > 1 or self._several or not len(owners):
            self._several = True
            self._made_by.clear()
            return
        local = np.where(support & (numbers > 0), numbers - self._starts[owners[0] - 1] + 1, 0)
        if walk.paths.max(initial=0) > 1 or local.max(initial=0) >= 2**24:
            self._several = True
        else:
            made = products(step, layers, local, side)
            self._made_by[step.outputs[0]] = np.rint(made).astype(np.int32)

    def _follow(self, step: Step, walk: Depending) -> None:
        """Pass on the weight of each connection, if the step only moves or changes elements."""
        found = [self._made_by.get(o) if isinstance(o, Value) else None for o in step.inputs]
        if all(numbers is None for numbers in found):
            return
        layers = [
            np.zeros((walk.width, *operand.shape), np.int32) if numbers is None else numbers
            for operand, numbers in zip(step.inputs, found)
        ]
        kind = walk.rule(step).kind
        if kind == "passes":
            self._made_by |= zip(step.outputs, layers)
        elif kind == "moves" and (moved := walk.moved(step, layers, np.int32)):
            self._made_by |= zip(step.outputs, moved)
        elif kind == "elementwise" and sum(n is not None for n in found) == 1:
            (made,) = (numbers for numbers in found if numbers is not None)
            if made.shape[1:] == step.outputs[0].shape:
                self._made_by[step.outputs[0]] = made
        else:
            self._several = True


def _uses(step: Step, is_data: np.ndarray, side: int) -> np.ndarray:
    """How many multiplications with data each weight of a product takes part in."""

    def total(weights: jax.Array) -> jax.Array:
        return products(step, is_data[None], weights, side).sum()

    # The total is linear in the weights: its gradient is how often each is used.
    shape = step.inputs[1 - side].shape
    return np.rint(jax.jit(jax.grad(total))(jnp.zeros(shape, jnp.float32)))
