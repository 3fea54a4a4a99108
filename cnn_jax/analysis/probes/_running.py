"""Run a function of any kind on arrays, for probes that measure."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..program import Apart, dotted, taken_apart


def running(f: Callable, inputs: Sequence, params: Any = None) -> tuple[Callable, list]:
    """A pure function that runs `f`, and its arrays.

    Returns:
        ``call(arrays, *data)``, which gives a dictionary of the outputs by path; and the arrays.

    Raises:
        ValueError: if `f` has a shape in the place of an array.
    """
    apart = taken_apart(f, inputs, params)
    arrays = held(apart)

    def call(arrays: list, *data: jax.Array) -> dict[str, jax.Array]:
        found = jax.tree_util.tree_flatten_with_path(apart.call(arrays, *data))[0]
        return {dotted(path): value for path, value in found}

    return call, arrays


def held(apart: Apart) -> list:
    """The arrays that a function holds.

    Raises:
        ValueError: if there is a shape in the place of one.
    """
    for leaf in apart.leaves:
        if isinstance(leaf.value, jax.ShapeDtypeStruct):
            raise ValueError(
                f"`f` must hold arrays to be run, not shapes: parameter `{leaf.path}` is "
                f"{leaf.value}. Make the model for real, not by `eval_shape`."
            )
    return [leaf.value for leaf in apart.leaves]


def numbers(x: Any) -> jax.Array:
    """`x` as a JAX array, if it is an array of numbers.

    Raises:
        TypeError: if it is not.
    """
    if not isinstance(x, jax.Array | np.ndarray) or not jnp.issubdtype(x.dtype, jnp.number):
        what = f"an array of {x.dtype}" if hasattr(x, "dtype") else repr(x)
        raise TypeError(f"`x` must be a JAX or NumPy array of numbers, to run `f` on; got {what}.")
    return jnp.asarray(x)


def relative_change(found: np.ndarray, plain: np.ndarray) -> float:
    """The L2 norm of the difference over that of `plain`, on average over the rows."""
    difference, length = (np.linalg.norm(array, axis=-1) for array in (found - plain, plain))
    ratio = np.divide(difference, length, where=length > 0, out=np.full_like(length, np.inf))
    return float(np.where(difference == 0, 0, ratio).mean())
