"""The arrays that a function captures: those in its closure and its globals."""

import inspect
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import numpy as np
from flax import nnx

from ._opening import Leaf, opened


def captured_by(f: Any) -> list[Leaf]:
    """The arrays that a function refers to by name, directly or through another function.

    An array in a module or a pytree has its path there; if the function refers to several such
    objects, the path begins with the object's name. An array by itself has no path. Without this
    list, captured NumPy arrays look like those that libraries make while tracing.
    """
    found: dict[str, list[Leaf]] = {}
    for name, thing in _referred("", f, set()):
        found.setdefault(name, []).extend(opened(thing).leaves)
    several = sum(any(leaf.path for leaf in leaves) for leaves in found.values()) > 1
    return [
        replace(leaf, path=f"{name}.{leaf.path}") if several and leaf.path else leaf
        for name, leaves in found.items()
        for leaf in leaves
    ]


def _referred(name: str, thing: Any, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """Yield the modules, pytrees and arrays that a function refers to, with their names."""
    if id(thing) in seen or inspect.ismodule(thing) or inspect.isclass(thing):
        return
    seen.add(id(thing))
    if callable(thing) and not isinstance(thing, nnx.Module):
        thing = inspect.unwrap(thing)
    if inspect.ismethod(thing):
        yield from _referred(name, thing.__self__, seen)
    elif isinstance(thing, partial):
        for part in (thing.func, *thing.args, *thing.keywords.values()):
            yield from _referred(name, part, seen)
    elif inspect.isfunction(thing):
        names = inspect.getclosurevars(thing)
        for its_name, entry in (*names.nonlocals.items(), *names.globals.items()):
            yield from _referred(its_name, entry, seen)
    elif isinstance(thing, nnx.Module | np.ndarray | jax.Array):
        yield name, thing
    elif isinstance(thing, dict | list | tuple) and _holds_functions(thing):
        for key, entry in thing.items() if isinstance(thing, dict) else enumerate(thing):
            yield from _referred(f"{name}.{key}".strip("."), entry, seen)
    elif not jax.tree_util.all_leaves([thing]):
        yield name, thing


def _holds_functions(thing: dict | list | tuple) -> bool:
    """Whether it holds functions, or is no pytree, such as a dict with keys of two types."""
    try:
        return any(map(callable, jax.tree.leaves(thing, is_leaf=callable)))
    except (TypeError, ValueError):
        return True
