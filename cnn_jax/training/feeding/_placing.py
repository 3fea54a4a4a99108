"""Batches onto devices: one device, or a mesh whose axis `data` splits them."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

DATA = "data"


def split_over(mesh: Mesh, rows: int) -> NamedSharding:
    """How the rows of a batch lie on a mesh: split over `data` if they can be, else on each."""
    divides = rows % mesh.shape[DATA] == 0
    return NamedSharding(mesh, PartitionSpec(DATA) if divides else PartitionSpec())


def own_rows(mesh: Mesh | None, rows: int) -> np.ndarray:
    """The numbers of a batch's rows that lie on this process's devices, in ascending order.

    They need not be neighbors: a pod numbers its devices by their place in it.
    """
    every = np.arange(rows)
    if mesh is None or jax.process_count() == 1:
        return every
    parts = split_over(mesh, rows).addressable_devices_indices_map((rows,)).values()
    return np.unique(np.concatenate([every[part[0]] for part in parts if part is not None]))


def placed(batch: Any, mesh: Mesh | None, rows: int) -> Any:
    """A batch on its devices, given the rows of `own_rows`."""
    if mesh is None:
        return jax.device_put(batch)
    sharding = split_over(mesh, rows)
    if jax.process_count() == 1:
        return jax.device_put(batch, sharding)
    own = own_rows(mesh, rows)

    def on_all(array):
        def part(index):
            low, high = np.searchsorted(own, index[0].indices(rows)[:2])
            return array[low:high]

        return jax.make_array_from_callback((rows, *array.shape[1:]), sharding, part)

    return jax.tree.map(on_all, batch)


def on_each(tree: Any, mesh: Mesh | None) -> Any:
    """Arrays that every process has, whole on every device."""
    if mesh is None:
        return jax.device_put(tree)
    whole = NamedSharding(mesh, PartitionSpec())
    return jax.tree.map(
        lambda array: jax.make_array_from_callback(
            np.shape(array), whole, lambda index: np.asarray(array)[index]
        ),
        tree,
    )


def keeping(function: Callable[..., Any], mesh: Mesh | None) -> Callable[..., Any]:
    """Compile `function(state, ...) -> (state, metrics)`: it is donated and stays where it is.

    On a mesh the new state is sharded as the given one, and each device has the metrics. A last
    option `impl` is the kind of the random keys.
    """
    if mesh is None:
        return jax.jit(function, donate_argnums=0, static_argnames="impl")
    whole = NamedSharding(mesh, PartitionSpec())
    programs = {}

    def call(state, *rest, impl):
        leaves, structure = jax.tree.flatten(state)
        shardings = tuple(leaf.sharding for leaf in leaves)
        if (structure, shardings) not in programs:
            results = jax.tree.unflatten(structure, shardings), whole
            programs[structure, shardings] = jax.jit(
                function, donate_argnums=0, static_argnames="impl", out_shardings=results
            )
        return programs[structure, shardings](state, *rest, impl=impl)

    return call
