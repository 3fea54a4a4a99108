"""The arrays that a function refers to without being given them."""

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
    """The arrays that a function refers to by name, itself or through another function.

    Those of a module or a pytree have paths in it, under the name that it has where several are
    referred to; an array by itself has none. The NumPy arrays among them cannot be told otherwise
    from those that libraries make while tracing.
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
    """The modules, pytrees and arrays that a function refers to, and what it calls them."""
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
    """Whether there are functions in it, or it is no pytree, as a dict with keys of two kinds."""
    try:
        return any(map(callable, jax.tree.leaves(thing, is_leaf=callable)))
    except (TypeError, ValueError):
        return True
