"""Trace a function of trees, compute its jaxpr another way, and put the results in their places."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Traced(NamedTuple):
    """A function that was traced: its jaxpr, and what the call gave it and got.

    Attributes:
        jaxpr: closed; from the arrays among the arguments to the arrays among the results.
        arrays: the arrays among the arguments.
        results: makes the function's results, from the arrays among them.
    """

    jaxpr: Any
    arrays: list
    results: Callable[[Sequence], Any]


def traced(f: Callable, args: Sequence, kwargs: Mapping[str, Any] | None = None) -> Traced:
    """Trace a call. What is no array, in arguments or results, is passed on as it is."""
    leaves, tree = jax.tree.flatten((args, dict(kwargs or {})))
    places = [i for i, leaf in enumerate(leaves) if _is_array(leaf)]
    made: list = []

    def flat(*arrays: jax.Array) -> list:
        given = list(leaves)
        for place, array in zip(places, arrays):
            given[place] = array
        args, kwargs = jax.tree.unflatten(tree, given)
        results, result_tree = jax.tree.flatten(f(*args, **kwargs))
        found = [_is_array(leaf) for leaf in results]
        others = [None if is_array else leaf for is_array, leaf in zip(found, results)]
        made[:] = [(found, others, result_tree)]
        return [leaf for is_array, leaf in zip(found, results) if is_array]

    arrays = [leaves[i] for i in places]
    jaxpr = jax.make_jaxpr(flat)(*arrays)
    ((found, others, result_tree),) = made

    def results(arrays: Sequence) -> Any:
        rest = iter(arrays)
        full = [next(rest) if is_array else other for is_array, other in zip(found, others)]
        return jax.tree.unflatten(result_tree, full)

    return Traced(jaxpr, arrays, results)


def apply(
    run: Callable[[Any, Sequence], list],
    f: Callable,
    args: Sequence,
    kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """Call a function, its jaxpr computed by `run`."""
    call = traced(f, args, kwargs)
    return call.results(run(call.jaxpr, call.arrays))


def _is_array(leaf: Any) -> bool:
    """Whether JAX can trace a leaf, which is not so for the tangents of integers."""
    kinds = jax.Array | np.ndarray | np.generic | jax.ShapeDtypeStruct
    if not isinstance(leaf, kinds) or leaf.dtype == jax.dtypes.float0:
        return False
    return jnp.issubdtype(leaf.dtype, jax.dtypes.extended) or leaf.dtype.kind in "biufcV"
