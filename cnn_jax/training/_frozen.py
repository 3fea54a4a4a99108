"""The frozen parts of a model: neither their parameters nor their statistics change."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import jax
from flax import nnx

from ._paths import check_patterns, dotted, matches


def check_frozen(model: nnx.Module, frozen: Sequence[str]) -> None:
    """Refuse paths that the model does not have, and those that leave nothing to train."""
    paths = _params(model)
    check_patterns("frozen", frozen, paths)
    if paths and len(frozen_paths(model, frozen)) == len(paths):
        raise ValueError(f"`frozen` must leave a parameter to train; got {list(frozen)}.")


def frozen_paths(model: nnx.Module, frozen: Sequence[str]) -> set[str]:
    """The paths of the parameters that do not change."""
    return {path for path in _params(model) if _within(path, frozen)}


def parts_of(frozen: Sequence[str]) -> tuple[Any, ...]:
    """The parts of a model as `nnx.split` takes them: trained parameters, streams, the rest."""
    is_param = nnx.filterlib.to_predicate(nnx.Param)

    def trained(path, value):
        return is_param(path, value) and not _within(dotted(path), frozen)

    return trained, nnx.RngState, ...


def freeze(model: nnx.Module, frozen: Sequence[str]) -> None:
    """Put the frozen modules of a model into evaluation mode."""
    for path, module in nnx.iter_graph(model):  # Flax 0.11 has no iter_modules
        if path and isinstance(module, nnx.Module) and _within(dotted(path), frozen):
            module.eval()


def cast_at(tree: Any, paths: Collection[str], dtype: Any) -> Any:
    """The tree with the arrays at these paths in another dtype."""
    return jax.tree_util.tree_map_with_path(
        lambda path, array: array.astype(dtype) if _name(path) in paths else array, tree
    )


def kept_at(tree: Any, before: Any, paths: Collection[str]) -> Any:
    """The tree with the arrays at these paths as they were before."""
    return jax.tree_util.tree_map_with_path(
        lambda path, array, old: old if _name(path) in paths else array, tree, before
    )


def joined(params: Any, stats: Any) -> Any:
    """One nested dict of both, which have no array in common."""
    return {
        name: joined(params[name], stats[name])
        if isinstance(params.get(name), Mapping) and isinstance(stats.get(name), Mapping)
        else value
        for name, value in {**stats, **params}.items()
    }


def _params(model: nnx.Module) -> list[str]:
    return [dotted(path) for path, _ in nnx.to_flat_state(nnx.state(model, nnx.Param))]


def _name(path: Sequence[Any]) -> str:
    return dotted(key.key for key in path)


def _within(path: str, frozen: Sequence[str]) -> bool:
    return any(matches(path, pattern) for pattern in frozen)
