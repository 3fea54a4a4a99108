"""Dotted paths of a model's arrays and modules, and patterns of them."""

import fnmatch
from collections.abc import Iterable, Sequence
from typing import Any

import jax

from cnn_jax import arguments


def dotted(path: Iterable[object]) -> str:
    """A path as one string, as `models.save_weights` names arrays: `stage1.0.conv.kernel`.

    The entries of an `nnx.Sequential` are called by their number, without its `layers`.
    """
    parts = [str(part) for part in path]
    return ".".join(
        part
        for part, after in zip(parts, [*parts[1:], ""])
        if not (part == "layers" and after.isdecimal())
    )


def named(tree: Any) -> dict[str, Any]:
    """The leaves of a nested dict of arrays by their dotted path."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {dotted(key.key for key in path): leaf for path, leaf in leaves}


def matches(path: str, pattern: str) -> bool:
    """Whether a pattern names a path or something that the path lies in.

    >>> matches("stage1.0.bias", "stage1"), matches("stage1.0.bias", "stage*.bias")
    (True, True)
    >>> matches("stage10.bias", "stage1")
    False
    """
    return fnmatch.fnmatchcase(path, pattern) or fnmatch.fnmatchcase(path, f"{pattern}.*")


def check_patterns(name: str, patterns: Sequence[str], known: Iterable[str]) -> None:
    """Refuse patterns that are no texts, and those that match none of the known paths."""
    if isinstance(patterns, str) or not all(isinstance(p, str) for p in patterns):
        raise TypeError(f"`{name}` must hold paths, such as 'conv1'; got {patterns!r}.")
    known = list(known)
    for pattern in patterns:
        if not any(matches(path, pattern) for path in known):
            tops = dict.fromkeys(path.partition(".")[0] for path in known)
            hint = arguments.did_you_mean(pattern, [*tops, *known])
            raise ValueError(
                f"`{name}` must hold paths of the model; none of its arrays is in {pattern!r}. Its "
                f"parts are {', '.join(tops)}.{hint}"
            )
