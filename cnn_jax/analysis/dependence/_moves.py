"""The steps that only put elements elsewhere, done on arrays with one more axis in front."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..program import MOVES, Step

Options = dict[str, Any]


def moved(
    step: Step, layers: Sequence[np.ndarray], known: Callable[[Any], Any], dtype: Any
) -> list[np.ndarray] | None:
    """Do a step that moves elements on other arrays, many layers of them at once.

    Args:
        step: one of `MOVES`.
        layers: (layers, *shape) for each operand; those of indices do not matter.
        known: gives an operand's array, if neither data nor parameters decide it.
        dtype: of the result. What comes from nowhere is 0.

    Returns:
        (layers, *shape) for each output; None if the step's indices are not known.
    """
    name, options = step.primitive, dict(step.params)
    if name in _BY_NUMPY:
        return [_BY_NUMPY[name](options, *layers).astype(dtype)]
    places = MOVES[name] or range(len(step.inputs))
    operands = [known(operand) for operand in step.inputs]
    if any(operands[i] is None for i in range(len(operands)) if i not in places):
        return None
    if name == "gather":
        options["fill_value"] = 0
    for i in places:
        operands[i] = layers[i].astype(np.int32)
    axes = [0 if i in places else None for i in range(len(operands))]
    alike = jax.vmap(lambda *arrays: bound(step, list(arrays), options), axes)
    made = jax.jit(alike)(*map(jnp.asarray, operands))
    return [np.asarray(array).astype(dtype) for array in made]


def bound(step: Step, arrays: list, options: Options) -> list:
    """Do a step on other arrays, under other options."""
    if step.primitive in _SCATTERS:  # whose options hold a sum of the old type
        names = ("dimension_numbers", "indices_are_sorted", "unique_indices", "mode")
        return [_SCATTERS[step.primitive](*arrays, **{name: options[name] for name in names})]
    primitive = step.equation.primitive
    made = primitive.bind(*arrays, **options)
    return list(made) if primitive.multiple_results else [made]


_SCATTERS = {"scatter": lax.scatter, "scatter-add": lax.scatter_add}


def _behind(axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(axis + 1 for axis in axes)


def _reshape(options: Options, x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), *options["new_sizes"])


def _transpose(options: Options, x: np.ndarray) -> np.ndarray:
    return x.transpose(0, *_behind(options["permutation"]))


def _squeeze(options: Options, x: np.ndarray) -> np.ndarray:
    return x.squeeze(_behind(options["dimensions"]))


def _rev(options: Options, x: np.ndarray) -> np.ndarray:
    return np.flip(x, _behind(options["dimensions"]))


def _slice(options: Options, x: np.ndarray) -> np.ndarray:
    starts, limits = options["start_indices"], options["limit_indices"]
    steps = options["strides"] or (1,) * len(starts)
    return x[(slice(None), *map(slice, starts, limits, steps))]


def _broadcast(options: Options, x: np.ndarray) -> np.ndarray:
    shape, axes = options["shape"], options["broadcast_dimensions"]
    lengths = [1] * len(shape)
    for axis, n in zip(axes, x.shape[1:]):
        lengths[axis] = n
    return np.broadcast_to(x.reshape(len(x), *lengths), (len(x), *shape))


def _concatenate(options: Options, *parts: np.ndarray) -> np.ndarray:
    return np.concatenate(parts, options["dimension"] + 1)


# The commonest, which are not worth compiling.
_BY_NUMPY: dict[str, Callable[..., np.ndarray]] = {
    "reshape": _reshape,
    "transpose": _transpose,
    "squeeze": _squeeze,
    "rev": _rev,
    "slice": _slice,
    "broadcast_in_dim": _broadcast,
    "concatenate": _concatenate,
}
