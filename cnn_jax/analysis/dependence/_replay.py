"""Repeat a step on other arrays, many layers at once."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from ..program import Rule, Step, bind


def moved(
    step: Step, rule: Rule, layers: Sequence[np.ndarray], known: Callable[[Any], Any], dtype: Any
) -> list[np.ndarray] | None:
    """Move the elements of other arrays as a step moves those of its operands.

    Args:
        step: a step that moves elements.
        rule: the rule of its primitive.
        layers: (layers, *shape) for each operand; those of indices do not matter.
        known: gives an operand's array; None if it depends on data or parameters.
        dtype: the dtype of the result, which is 0 where no element is moved to.

    Returns:
        (layers, *shape) for each output; None if the step's indices are not known.
    """
    if rule.move is not None:
        return [rule.move(step.params, *layers).astype(dtype)]
    places = range(len(step.inputs)) if rule.moves is None else rule.moves
    operands = [known(operand) for operand in step.inputs]
    if any(operands[i] is None for i in range(len(operands)) if i not in places):
        return None
    for i in places:
        operands[i] = layers[i].astype(np.int32)
    axes = [0 if i in places else None for i in range(len(operands))]
    again = rule.again or (lambda step, arrays: bind(step.equation, arrays, {}))
    alike = jax.vmap(lambda *arrays: again(step, list(arrays)), axes)
    made = jax.jit(alike)(*map(jnp.asarray, operands))
    return [np.asarray(array).astype(dtype) for array in made]


def products(step: Step, layers: np.ndarray, factor: ArrayLike, side: int) -> jax.Array:
    """Compute a convolution or a matrix product of other arrays; exact for integers below 2^24.

    Args:
        step: the convolution or the matrix product.
        layers: (layers, *shape), arrays in place of operand number `side`.
        factor: the array in place of the other operand.
        side: 0 or 1.
    """
    options = {"preferred_element_type": None, "precision": lax.Precision.HIGHEST}
    other = jnp.asarray(factor, jnp.float32)

    def product(layer: jax.Array) -> jax.Array:
        pair = [layer, other] if side == 0 else [other, layer]
        return bind(step.equation, pair, options)[0]

    return jax.jit(jax.vmap(product))(jnp.asarray(layers, jnp.float32))
