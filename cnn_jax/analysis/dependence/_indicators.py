"""Which elements of the inputs each element of a program depends on: indicators, step by step.

What a value depends on is an array ``(inputs, *shape)`` of booleans, one layer for each element of
the data, or None if it depends on no data. Steps that only move elements do so with the indicators
too; a convolution or a matrix product takes them through ones in place of its weights; elementwise
steps unite.

A weight that is known to be zero carries nothing: what does not depend on the data has a *support*,
which is where it may differ from zero.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from ..program import BILINEAR, ELEMENTWISE, MOVES, Constant, Known, Operand, Program, Step, Value
from ._moves import bound, moved

Indicator = np.ndarray | None


class Dependences:
    """The walk of one program.

    Args:
        program: of `trace`, or the body of one of its steps.
        inputs: for each of its inputs an indicator, or None.
        rules: what to do at the primitives that are none of those in this file.
        width: the number of the data's elements.
        supports: those of the inputs that depend on no data; None: anything.
        each: called behind each step with it and this walk, while what the step read is at hand.

    Attributes:
        remarks: where the indicators stop being exact.
        paths: of the latest product, by how many of its terms each element of the data comes into
            each element of the result.
    """

    def __init__(
        self,
        program: Program,
        inputs: Sequence[Indicator],
        rules: Mapping[str, "Rule"],
        width: int,
        supports: Sequence[np.ndarray | None] = (),
        each: Callable[[Step, "Dependences"], None] | None = None,
    ):
        self._rules, self.width = rules, width
        self.remarks: list[str] = []
        self.paths = np.zeros((0,), np.float32)
        self._known = Known(program)
        self._of: dict[Value, Indicator] = dict(zip(program.inputs, inputs))
        self._supports = {
            value: support
            for value, support in zip(program.inputs, supports)
            if support is not None
        }
        last_use = {operand: i for i, step in enumerate(program.steps) for operand in step.inputs}
        kept = set(program.outputs.values())
        for i, step in enumerate(program.steps):
            self._of |= zip(step.outputs, self._through(step))
            if each is not None:
                each(step, self)
            for operand in step.inputs:
                if last_use[operand] == i and operand not in kept and isinstance(operand, Value):
                    self._of[operand] = None if self._of.get(operand) is None else _GONE

    def __call__(self, operand: Operand) -> Indicator:
        """The indicator of an operand."""
        return None if isinstance(operand, Constant) else self._of.get(operand)

    def filled(self, operand: Operand) -> np.ndarray:
        """The indicator of an operand, all False if it depends on no data."""
        found = self(operand)
        return np.zeros((self.width, *operand.shape), bool) if found is None else found

    def known(self, operand: Operand) -> Any:
        """The operand's array, if neither data nor parameters decide it."""
        # A random key is no array of numbers.
        keys = jnp.issubdtype(operand.dtype, jax.dtypes.prng_key)
        return None if keys else self._known(operand)

    def support(self, operand: Operand) -> np.ndarray:
        """Where an operand may differ from zero."""
        if (array := self.known(operand)) is not None:
            return _differs_from_zero(array)
        found = self._supports.get(operand) if isinstance(operand, Value) else None
        return np.ones(operand.shape, bool) if found is None else found

    def _through(self, step: Step) -> list[Indicator]:
        if all(self(operand) is None for operand in step.inputs):
            self._pass_support_on(step)
            return [None] * len(step.outputs)
        name = step.primitive
        if name in MOVES and (moved := self.moved(step, [*map(self.filled, step.inputs)], bool)):
            return list(moved)
        if name in ELEMENTWISE:
            return [self._elementwise(step)]
        if name in BILINEAR:
            return [self._bilinear(step)]
        if name == "optimization_barrier":
            return [self(operand) for operand in step.inputs]
        if name in self._rules:
            return self._rules[name](self, step)
        return self._whole(step)

    def _pass_support_on(self, step: Step) -> None:
        """The supports of what a step makes that reads no data."""
        if all(self.known(value) is not None for value in step.outputs):
            return
        name, read = step.primitive, step.inputs
        if name in ("convert_element_type", "copy", "stop_gradient", "neg"):
            self._supports[step.outputs[0]] = self.support(read[0])
        elif name == "mul":
            both = [np.broadcast_to(self.support(o), step.outputs[0].shape) for o in read]
            self._supports[step.outputs[0]] = both[0] & both[1]
        elif name == "select_n" and self.known(read[0]) is not None:
            which = np.asarray(self.known(read[0])).astype(int)
            self._supports[step.outputs[0]] = np.choose(which, list(map(self.support, read[1:])))
        elif name in MOVES:
            layers = [self.support(operand)[None] for operand in read]
            if moved := self.moved(step, layers, bool):
                self._supports |= {v: support[0] for v, support in zip(step.outputs, moved)}

    def moved(self, step: Step, layers: list[np.ndarray], dtype: Any) -> list[np.ndarray] | None:
        """Do a step of `MOVES` on other arrays; None if its indices are not known."""
        return moved(step, layers, self.known, dtype)

    def _elementwise(self, step: Step) -> np.ndarray:
        read, shape = step.inputs, step.outputs[0].shape
        if step.primitive == "select_n" and (chosen := self.known(read[0])) is not None:
            cases = [self._spread(operand, shape) for operand in read[1:]]
            return np.choose(np.asarray(chosen).astype(int)[None], cases)
        united = np.logical_or.reduce([self._spread(operand, shape) for operand in read])
        if step.primitive == "mul":
            for operand in read:
                if self(operand) is None:
                    united = united & self.support(operand)
        return united

    def _spread(self, operand: Operand, shape: tuple[int, ...]) -> np.ndarray:
        """The indicator of an operand of an elementwise step, a scalar's for every element."""
        found = self.filled(operand)
        if not operand.shape:
            found = found.reshape(self.width, *(1,) * len(shape))
        return np.broadcast_to(found, (self.width, *shape))

    def _bilinear(self, step: Step) -> np.ndarray:
        left, right = step.inputs
        self.paths = np.zeros((self.width, *step.outputs[0].shape), np.float32)
        if (indicator := self(left)) is not None:
            self.paths += products(step, indicator, self._factor(right), 0)
        if (indicator := self(right)) is not None:
            self.paths += products(step, indicator, self._factor(left), 1)
        return self.paths > 0

    def _factor(self, operand: Operand) -> np.ndarray:
        return self.support(operand) if self(operand) is None else np.ones(operand.shape, bool)

    def united(self, operand: Operand, axes: Sequence[int], keep: bool = False) -> np.ndarray:
        """What any element along `axes` depends on."""
        found = self.filled(operand)
        return np.asarray(found.any(tuple(axis + 1 for axis in axes), keepdims=keep))

    def _whole(self, step: Step) -> list[Indicator]:
        """Every output depends on all that any input depends on: the bound that always holds."""
        everything = np.logical_or.reduce(
            [self.united(operand, range(len(operand.shape))) for operand in step.inputs]
        )
        place = f" at {step.source}" if step.source else ""
        self.remark(f"`{step.primitive}`{place} is taken to use every element of what it reads")
        return [
            np.broadcast_to(
                everything.reshape(-1, *(1,) * len(value.shape)), (self.width, *value.shape)
            )
            for value in step.outputs
        ]

    def remark(self, text: str) -> None:
        """Note where the indicators stop being exact, once."""
        if text not in self.remarks:
            self.remarks.append(text)

    def inside(
        self,
        body: Program,
        operands: Sequence[Indicator],
        supports: Sequence[np.ndarray | None] = (),
    ) -> list[Indicator]:
        """The indicators of the outputs of a step's body, given those of its inputs."""
        walk = Dependences(body, operands, self._rules, self.width, supports)
        for text in walk.remarks:
            self.remark(text)
        return [walk(operand) for operand in body.outputs.values()]


_GONE = np.zeros((0,), bool)


def products(step: Step, layers: np.ndarray, factor: ArrayLike, side: int) -> jax.Array:
    """A convolution or a matrix product of other arrays: exact for integers below 2^24.

    Args:
        step: one of `BILINEAR`.
        layers: (layers, *shape) in place of operand number `side`.
        factor: in place of the other operand.
        side: 0 or 1.
    """
    options = {**step.params, "preferred_element_type": None, "precision": lax.Precision.HIGHEST}
    other = jnp.asarray(factor, jnp.float32)

    def product(layer: jax.Array) -> jax.Array:
        pair = [layer, other] if side == 0 else [other, layer]
        return bound(step, pair, options)[0]

    return jax.jit(jax.vmap(product))(jnp.asarray(layers, jnp.float32))


def _differs_from_zero(array: Any) -> np.ndarray:
    if jnp.issubdtype(array.dtype, jnp.number) or array.dtype == bool:
        return np.not_equal(np.asarray(array), 0, out=np.empty(np.shape(array), bool))
    return np.ones(np.shape(array), bool)


Rule = Callable[[Dependences, Step], list[Indicator]]
