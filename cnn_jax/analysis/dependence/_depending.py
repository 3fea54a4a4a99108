"""The analysis of dependences: `Depending`.

What an array depends on is an array ``(inputs, *shape)`` of booleans: one layer for each element of
the data, True where an element depends on it. Steps that only move elements also move those of the
layers; convolutions and matrix products are computed on the layers, with ones in place of the
weights; elementwise steps unite the layers of their operands.

A weight that is known to be zero connects nothing. So an array that depends on no data has a
*support*: where it may differ from zero.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from ..program import UNKNOWN, Meaning, Operand, Rule, Step, Value
from ._replay import moved, products


@dataclass(frozen=True, eq=False)
class Dependence:
    """What an array depends on.

    Attributes:
        layers: (inputs, *shape) of booleans; None if the array depends on no data.
        support: where an array that depends on no data may differ from zero; None: anywhere.
    """

    layers: np.ndarray | None = None
    support: np.ndarray | None = None


class Depending(Meaning[Dependence]):
    """The analysis; rules ask it for the layers of the current step's operands.

    Args:
        rules: the rule of each primitive.
        width: the number of elements of the data.

    Attributes:
        remarks: where the result stops being exact.
        paths: (inputs, *shape) for the latest product: how many of its terms connect each element
            of the data with each element of the result.
    """

    said: ClassVar[Mapping[str, str]] = {"while": "is taken to go around any number of times"}

    def __init__(self, rules: Mapping[str, Rule], width: int):
        self._rules, self.width = rules, width
        self.remarks: list[str] = []
        self.paths = np.zeros((0,), np.float32)

    def layers(self, operand: Operand) -> np.ndarray | None:
        """The layers of an operand of the current step; None if it depends on no data."""
        return self.read[operand].layers

    def filled(self, operand: Operand) -> np.ndarray:
        """The same, but all False if it depends on no data."""
        return _filled(self.read[operand], operand.shape, self.width)

    def support(self, operand: Operand) -> np.ndarray:
        """Where an operand of the current step may differ from zero."""
        if (array := self.known(operand)) is not None:
            return _differs_from_zero(array)
        support = self.read[operand].support
        return np.ones(operand.shape, bool) if support is None else support

    def united(self, operand: Operand, axes: Sequence[int], keep: bool = False) -> np.ndarray:
        """The layers of an operand, united along `axes`."""
        found = self.filled(operand)
        return np.asarray(found.any(tuple(axis + 1 for axis in axes), keepdims=keep))

    def spread(self, operand: Operand, shape: tuple[int, ...]) -> np.ndarray:
        """The layers of an operand of an elementwise step, broadcast to `shape`."""
        found = self.filled(operand)
        if not operand.shape:
            found = found.reshape(self.width, *(1,) * len(shape))
        return np.broadcast_to(found, (self.width, *shape))

    def elementwise(self, step: Step) -> np.ndarray:
        """The layers of an elementwise step: those of its operands, broadcast and united."""
        shape = step.outputs[0].shape
        return np.logical_or.reduce([self.spread(operand, shape) for operand in step.inputs])

    def moved(
        self, step: Step, layers: Sequence[np.ndarray], dtype: Any
    ) -> list[np.ndarray] | None:
        """Move the elements of other arrays as a step does; None if its indices are not known."""
        return moved(step, self._rules[step.primitive], layers, self.known, dtype)

    def rule(self, step: Step) -> Rule:
        """The rule of a step's primitive."""
        return self._rules.get(step.primitive, UNKNOWN)

    def remark(self, words: str) -> None:
        text = f"{self.step.name} {words}"
        if text not in self.remarks:
            self.remarks.append(text)

    def of_no_data(self) -> Dependence:
        return Dependence()

    def depends(self, told: Dependence) -> bool:
        return told.layers is not None

    def after(self, step: Step, read: list[Dependence]) -> list[Dependence]:
        rule = self.rule(step)
        found = None
        if rule.depends is not None:
            found = rule.depends(step, self)
        elif rule.kind == "passes":
            return read
        elif rule.kind == "elementwise":
            found = [self.elementwise(step)]
        elif rule.kind == "product":
            found = [self._product(step)]
        elif rule.kind in ("moves", "sums"):
            found = self.moved(step, [*map(self.filled, step.inputs)], bool)
        if found is None:
            self.remark("is taken to use every element of what it reads")
            return self.bound(step, read)
        return [Dependence(layers) for layers in found]

    def _product(self, step: Step) -> np.ndarray:
        left, right = step.inputs
        self.paths = np.zeros((self.width, *step.outputs[0].shape), np.float32)
        for side, (data, factor) in enumerate(((left, right), (right, left))):
            if (layers := self.layers(data)) is not None:
                free = self.layers(factor) is None
                ones = self.support(factor) if free else np.ones(factor.shape, bool)
                self.paths += products(step, layers, ones, side)
        return self.paths > 0

    def without_data(self, step: Step, read: list[Dependence]) -> list[Dependence]:
        rule = self.rule(step)
        if all(self.known(value) is not None for value in step.outputs):
            return [Dependence()] * len(step.outputs)
        if rule.support is not None:
            return [Dependence(support=rule.support(step, self))]
        if rule.kind == "passes":
            return read
        if rule.kind in ("moves", "sums"):
            layers = [self.support(operand)[None] for operand in step.inputs]
            if found := self.moved(step, layers, bool):
                return [Dependence(support=support[0]) for support in found]
        return [Dependence()] * len(step.outputs)

    def bound(self, step: Step, read: list[Dependence]) -> list[Dependence]:
        everything = np.logical_or.reduce(
            [
                _filled(one, o.shape, self.width).reshape(self.width, -1).any(1)
                for one, o in zip(read, step.inputs)
            ]
        )
        return [self.everywhere(Dependence(everything), value) for value in step.outputs]

    def entry(self, told: Dependence, i: int) -> Dependence:
        return Dependence(
            None if told.layers is None else told.layers[:, i],
            None if told.support is None else told.support[i],
        )

    def stacked(self, parts: Sequence[Dependence], value: Value) -> Dependence:
        if not any(map(self.depends, parts)):
            return Dependence()
        return Dependence(np.stack([_filled(p, value.shape[1:], self.width) for p in parts], 1))

    def either(self, parts: Sequence[Dependence], value: Value) -> Dependence:
        found = [part.layers for part in parts if part.layers is not None]
        return Dependence(np.logical_or.reduce(found) if found else None)

    def everywhere(self, scalar: Dependence, value: Value) -> Dependence:
        if scalar.layers is None:
            return scalar
        shape = (self.width, *value.shape)
        layers = scalar.layers.reshape(-1, *(1,) * len(value.shape))
        return Dependence(np.broadcast_to(layers, shape))

    def same(self, one: Dependence, other: Dependence) -> bool:
        if one.layers is None or other.layers is None:
            return one.layers is other.layers
        return np.array_equal(one.layers, other.layers)


def _filled(told: Dependence, shape: tuple[int, ...], width: int) -> np.ndarray:
    return np.zeros((width, *shape), bool) if told.layers is None else told.layers


def _differs_from_zero(array: Any) -> np.ndarray:
    if jnp.issubdtype(array.dtype, jnp.number) or array.dtype == bool:
        return np.not_equal(np.asarray(array), 0, out=np.empty(np.shape(array), bool))
    return np.ones(np.shape(array), bool)
