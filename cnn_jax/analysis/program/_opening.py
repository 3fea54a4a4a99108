"""The arrays inside a callable, by path, and how to put others in their places."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MethodType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx


@dataclass(frozen=True)
class Leaf:
    """An array of a callable, or the `jax.ShapeDtypeStruct` in its place."""

    path: str
    trainable: bool
    value: Any
    random: bool = False


@dataclass(frozen=True)
class Opened:
    """The arrays of an object, and a function that makes the object again from other arrays."""

    leaves: list[Leaf]
    close: Callable[[Sequence], Any]


def opened(tree: Any) -> Opened:
    """Take the arrays out of a module, a partial function, or a pytree.

    Random state of an NNX module is marked as such, since it is no parameter. Abstract random state
    is replaced by keys of seed 0 and counts of 0.
    """
    if isinstance(tree, nnx.Module):
        return _opened_module(tree)
    if inspect.ismethod(tree) and not inspect.isclass(tree.__self__):
        owner, function = opened(tree.__self__), tree.__func__
        return Opened(owner.leaves, lambda arrays: MethodType(function, owner.close(arrays)))
    if isinstance(tree, partial):
        return _opened_partial(tree)
    return _opened_pytree(tree)


def _opened_module(module: nnx.Module) -> Opened:
    graph, trainable, random, rest = nnx.split(module, nnx.Param, nnx.RngState, ...)
    random = jax.tree.map(_concrete_random, random)
    drawn = _opened_pytree(random, False)
    drawn = Opened([replace(leaf, random=True) for leaf in drawn.leaves], drawn.close)
    parts = [_opened_pytree(trainable, True), drawn, _opened_pytree(rest, False)]
    return _joined(parts, ["", "", ""], lambda states: nnx.merge(graph, *states))


def _concrete_random(leaf: Any) -> Any:
    if not isinstance(leaf, jax.ShapeDtypeStruct):
        return leaf
    if not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jnp.zeros(leaf.shape, leaf.dtype)
    return jnp.broadcast_to(jax.random.key(0), leaf.shape)


def _opened_partial(function: partial) -> Opened:
    """The arrays of a partial function: of the function, of its arguments and of its keywords.

    If only one of these holds arrays, their paths do not name it.
    """
    words = list(function.keywords)
    parts = [opened(part) for part in (function.func, *function.args, *function.keywords.values())]
    names = ["", *map(str, range(len(function.args))), *words]
    if sum(bool(part.leaves) for part in parts) == 1:
        names = [""] * len(parts)

    def close(objects: list) -> partial:
        its, *arguments = objects
        positional = arguments[: len(function.args)]
        return partial(its, *positional, **dict(zip(words, arguments[len(positional) :])))

    return _joined(parts, names, close)


def _opened_pytree(tree: Any, trainable: bool | None = None) -> Opened:
    """Any pytree. `trainable` None: floats are, but of a dict with ``"params"`` only that entry."""
    found, structure = jax.tree_util.tree_flatten_with_path(tree)
    collections = isinstance(tree, Mapping) and "params" in tree
    places = [
        i
        for i, (_, leaf) in enumerate(found)
        if isinstance(leaf, jax.Array | np.ndarray | jax.ShapeDtypeStruct)
    ]

    def of(place: int) -> Leaf:
        keys, value = found[place]
        path = dotted(keys)
        if trainable is not None:
            learns = trainable
        elif collections:
            learns = path.split(".")[0] == "params"
        else:
            learns = jnp.issubdtype(value.dtype, jnp.inexact)
        return Leaf(path, bool(learns), value)

    def close(arrays: Sequence) -> Any:
        leaves = [leaf for _, leaf in found]
        for place, array in zip(places, arrays):
            leaves[place] = array
        return jax.tree.unflatten(structure, leaves)

    return Opened([of(place) for place in places], close)


def _joined(parts: list[Opened], names: list[str], close: Callable[[list], Any]) -> Opened:
    """Join several objects into one; each path begins with its object's name, unless empty."""
    leaves = [
        replace(leaf, path=f"{name}.{leaf.path}".strip(".") if name else leaf.path)
        for name, part in zip(names, parts)
        for leaf in part.leaves
    ]

    def close_all(arrays: Sequence) -> Any:
        made, rest = [], list(arrays)
        for part in parts:
            mine, rest = rest[: len(part.leaves)], rest[len(part.leaves) :]
            made.append(part.close(mine))
        return close(made)

    return Opened(leaves, close_all)


def dotted(path: tuple) -> str:
    """A key path of JAX as a text, its entries joined by dots."""
    words = []
    for key in path:
        for attribute in ("key", "idx", "name"):
            if hasattr(key, attribute):
                words.append(str(getattr(key, attribute)))
                break
    # A Flax variable adds `value` to the path, an Equinox method `__self__`.
    if words and words[-1] == "value":
        del words[-1]
    return ".".join(words[1:] if words[:1] == ["__self__"] else words)
