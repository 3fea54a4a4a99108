"""The arrays of a state by name, and the differences between two states."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax

ABSENT = "absent"


def by_name(tree: Any) -> dict[str, Any]:
    """The leaves of a tree by name, such as `params.conv1.kernel`, in the tree's order."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def shapes(tree: Any) -> dict[str, str]:
    """Dtype and shape of each leaf by its name, such as `float32[3, 3, 1, 6]`."""
    return {name: f"{array.dtype}{list(array.shape)}" for name, array in by_name(tree).items()}


def differences(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """One clause for each name whose values in `here` and `there` differ."""
    return [
        f"{name} is {here.get(name, ABSENT)} here and {there.get(name, ABSENT)} there"
        for name in {**here, **there}
        if here.get(name, ABSENT) != there.get(name, ABSENT)
    ]


def some(items: Sequence[str]) -> str:
    """The first 5 clauses, and how many more there are."""
    return ", ".join(items[:5]) + (f", and {len(items) - 5} more" if len(items) > 5 else "")
