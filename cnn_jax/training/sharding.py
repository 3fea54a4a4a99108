"""States over several devices or hosts: replicated, or split so that each device holds a part."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from cnn_jax import arguments

from .feeding import DATA
from .hosts import fetch
from .state import TrainState

MODEL = "model"
SMALL = 1024  # arrays of fewer elements are not split: they would cost more messages than memory


def make_mesh(devices: Sequence[Any] | None = None, *, model: int = 1) -> Mesh:
    """Arrange devices into a mesh with the axes `data` and `model`.

    `data` splits batches, and parameters too if they are fully sharded; `model` splits the output
    channels of large parameters.

    Args:
        devices: by default all, of all hosts.
        model: the size of the axis `model`; the rest is `data`.

    Returns:
        A mesh for `batches` and `place`.

    Raises:
        TypeError, ValueError: `devices` are none, or their number is no multiple of `model`.

    Example:
        >>> dict(make_mesh(jax.devices()[:1]).shape)
        {'data': 1, 'model': 1}
    """
    devices = list(jax.devices() if devices is None else devices)
    arguments.integer("model", model, at_least=1)
    if not devices or not all(isinstance(device, jax.Device) for device in devices):
        raise TypeError(f"`devices` must be devices of JAX; got {arguments.shown(devices)}.")
    if len(devices) % model:
        raise ValueError(f"`model` must divide the number of devices, {len(devices)}; got {model}.")
    return Mesh(np.array(devices).reshape(-1, model), (DATA, MODEL))


def place(state: Any, mesh: Mesh, *, fully_sharded: bool = False) -> Any:
    """Return a copy of a state on the devices of a mesh.

    Args:
        state: a `TrainState`, or another tree of arrays; every host has the same.
        mesh: from `make_mesh`.
        fully_sharded: split each parameter, and what the optimizer keeps for it, over the axis
            `data`; without it every device holds all. Batch statistics are always whole.

    Returns:
        The state; its values are the same.

    Raises:
        TypeError: `mesh` is no mesh.

    Example:
        >>> placed = place({"kernel": np.ones((3, 3, 8, 16))}, make_mesh(), fully_sharded=True)
        >>> placed["kernel"].shape
        (3, 3, 8, 16)
    """
    if not isinstance(mesh, Mesh):
        raise TypeError(f"`mesh` must be a mesh, as make_mesh() makes it; got {mesh!r}.")
    arguments.flag("fully_sharded", fully_sharded)

    def placed(tree, fully_sharded):
        return jax.tree.map(lambda array: _put(array, mesh, fully_sharded), tree)

    if isinstance(state, TrainState):
        stats = placed(state.stats, False)
        return dataclasses.replace(placed(state, fully_sharded), stats=stats)
    return placed(state, fully_sharded)


def _put(array: Any, mesh: Mesh, fully_sharded: bool) -> jax.Array:
    value = fetch(array)
    sharding = NamedSharding(mesh, _spec(value.shape, mesh, fully_sharded))
    return jax.make_array_from_callback(value.shape, sharding, lambda index: value[index])


def _spec(shape: tuple[int, ...], mesh: Mesh, fully_sharded: bool) -> PartitionSpec:
    """Which axis of an array is split over `model`, and which over `data`."""
    axes: list[str | None] = [None] * len(shape)
    if np.prod(shape, dtype=np.int64) < SMALL:
        return PartitionSpec()
    model, data = mesh.shape.get(MODEL, 1), mesh.shape[DATA]
    if model > 1 and shape[-1] % model == 0:
        axes[-1] = MODEL
    if fully_sharded:
        free = [i for i, size in enumerate(shape) if axes[i] is None and size % data == 0]
        if free:
            axes[max(free, key=lambda i: shape[i])] = DATA
    return PartitionSpec(*axes)
