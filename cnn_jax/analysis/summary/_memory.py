"""Estimate how much memory a program needs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from cnn_jax import functional as F

from ..program import UNKNOWN, Apart, Leaf, Program, Value, body_program
from ..rules import RULES
from ._costs import size_in_bytes


@dataclass(frozen=True)
class Memory:
    """Bytes, estimated from the program alone.

    Attributes:
        parameter_bytes: all parameters.
        forward_bytes: parameters, inputs, and the most bytes that results of steps hold at once,
            with the steps in their order. Results of elementwise steps and of changes of layout are
            taken to reuse the memory of an operand.
        apart: the function apart from its arrays.
    """

    parameter_bytes: int
    forward_bytes: int
    apart: Apart = field(repr=False)

    @cached_property
    def training_bytes(self) -> int | None:
        """The bytes to train by Adam, computed when first asked for; None without a derivative.

        They are the two moments of Adam, and the larger of `forward_bytes` and of what exists after
        the forward pass: parameters, their gradients, inputs, and arrays kept for the gradient.

        Kept are the arrays that `jax.vjp` keeps, each once, before XLA decides to recompute some,
        without those made of parameters alone, such as transposed kernels. Gradients of feature
        maps, which come and go, are not counted. XLA on CPU took 1.0 to 1.2 times as much for
        VGG-11, ResNet-18 and MobileNetV2 with batches of 4 and 8, and twice as much for LeNet-5
        with a batch of 128.
        """
        kept = _kept_bytes(self.apart)
        if kept is None:
            return None
        learning = size_in_bytes(*(a.value for a in self.apart.leaves if a.trainable))
        after = self.parameter_bytes + learning + size_in_bytes(*self.apart.data) + kept
        return max(after, self.forward_bytes) + 2 * learning


def memory_of(program: Program, apart: Apart) -> Memory:
    """Estimate the memory of a program and of its training."""
    parameters = size_in_bytes(*program.parameters.values())  # type: ignore[arg-type]
    forward = parameters + size_in_bytes(*program.inputs) + most_alive(program)
    return Memory(parameters, forward, _with_captured(program, apart))


def _with_captured(program: Program, apart: Apart) -> Apart:
    """Take the arrays that a function captures out of it too; the traced program tells them."""
    known = {leaf.path for leaf in apart.leaves}
    captured = [p for p in program.parameters.values() if p.path not in known]
    if not captured:
        return apart
    leaves = [*apart.leaves, *(Leaf(p.path, p.trainable, p.value) for p in captured)]
    cut = len(apart.leaves)

    def call(arrays: list, *data: jax.Array) -> list:
        closed, _ = apart.jaxpr()
        others = {id(p.value): array for p, array in zip(captured, arrays[cut:])}
        constants = [others.get(id(array), array) for array in closed.consts]
        return jaxpr_as_fun(ClosedJaxpr(closed.jaxpr, constants))(*arrays[:cut], *data)

    return Apart(leaves, call, apart.data)


def most_alive(program: Program) -> int:
    """The most bytes that the results of a program's steps hold at once."""
    last_use: dict[Value, int] = {}
    for i, step in enumerate(program.steps):
        last_use |= {operand: i for operand in step.inputs if isinstance(operand, Value)}
    end = len(program.steps)
    last_use |= {value: end for value in program.outputs.values() if isinstance(value, Value)}
    # Maps each value to the first of those that share its memory.
    place: dict[Value, Value] = {}
    for i, step in enumerate(program.steps):
        in_place = RULES.get(step.primitive, UNKNOWN).in_place
        held = [operand for operand in step.inputs if operand in place]
        for value in step.outputs:
            largest = max(held, key=lambda operand: size_in_bytes(operand), default=None)
            fits = largest is not None and size_in_bytes(value) <= size_in_bytes(largest)
            if in_place and fits:
                place[value] = place[largest]  # type: ignore[index]
            elif not in_place or held:
                place[value] = value
    until: dict[Value, int] = {}
    for value, first in place.items():
        until[first] = max(until.get(first, 0), last_use.get(value, 0))
    ending: dict[int, list[Value]] = {}
    for value, i in until.items():
        ending.setdefault(i, []).append(value)
    alive = most = 0
    for i, step in enumerate(program.steps):
        alive += sum(size_in_bytes(value) for value in step.outputs if value in until)
        inside = max((most_alive(body.program) for body in step.inner), default=0)
        most = max(most, alive + inside)
        alive -= size_in_bytes(*ending.get(i, ()))
    return most


def _kept_bytes(apart: Apart) -> int | None:
    """The bytes of the arrays that `jax.vjp` keeps and that depend on the data; not the data."""
    learning = [i for i, leaf in enumerate(apart.leaves) if leaf.trainable]

    def kept(arrays: list, *data: jax.Array) -> Sequence[jax.Array]:
        def of_trainable(trainable: list) -> list:
            full = list(arrays)
            for i, array in zip(learning, trainable):
                full[i] = array
            leaves = jax.tree.leaves(apart.call(full, *data))
            return [leaf for leaf in leaves if jnp.issubdtype(leaf.dtype, jnp.inexact)]

        outputs, pullback = jax.vjp(of_trainable, [arrays[i] for i in learning])
        pullback([jnp.ones_like(output) for output in outputs])
        return jax.tree.leaves(pullback)

    try:
        with F.using(algorithm="xla"):
            program = body_program(jax.make_jaxpr(kept)(apart.arrays, *apart.data))
    except (TypeError, ValueError, NotImplementedError):
        return None
    data = set(program.inputs[len(apart.leaves) :])
    depends = set(data)
    for step in program.steps:
        if not depends.isdisjoint(step.inputs):
            depends.update(step.outputs)
    return size_in_bytes(*depends.intersection(program.outputs.values()) - data)
