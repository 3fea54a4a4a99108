"""Which way data go to the device: resident where they fit, else as a stream."""

from collections.abc import Iterator
from typing import Any, Protocol

import jax
from jax.sharding import Mesh

from cnn_jax import arguments

from ._examples import Arrays, examples_of
from ._placing import DATA
from ._resident import Resident
from ._stream import Stream

ON_HOST = 2**31  # bytes of arrays that are copied to a device that does not tell its memory
SHARE = 0.25  # of a device's memory that data may take


class Batches(Protocol):
    """What `fit` and `make_evaluate` take: `Resident`, `Stream`, `Own`, or yours.

    Attributes:
        batch_size: examples of a step.
        steps: of an epoch.
        mesh: the devices that share each batch; None is one device.
        fingerprint: what must be the same when a run is resumed, in values that JSON can hold.

    Example:
        >>> def seconds(batches: Batches, per_step: float) -> float:
        ...     return batches.steps * per_step
    """

    batch_size: int
    steps: int
    mesh: Any
    fingerprint: dict[str, Any]

    @property
    def examples(self) -> int | None:
        """How many there are; None if unknown."""
        ...

    def indices(self, key: jax.Array, step: int) -> Any:
        """The examples of a step, `(batch_size,)`; None if unknown."""
        ...

    def program(self, step: Any) -> Any:
        """Return `run(state, first, count, key) -> (state, {name: (count,)})`.

        It makes the steps `first` to `first + count`, which are of one epoch, each with the key
        `fold_in(key, state.step)`.
        """
        ...

    def in_order(self) -> Iterator[Any]:
        """Every example once, in batches on the device."""
        ...

    def close(self) -> None:
        """End what reads ahead."""
        ...


def batches(
    data: Any,
    batch_size: int,
    *,
    mesh: Mesh | None = None,
    resident: bool | None = None,
    threads: int = 4,
    workers: int = 0,
) -> Resident | Stream:
    """Return the batches of data: from the device's memory, or read while the network trains.

    Both give the same batches in the same order, a new one in each epoch, drawn from the run's key.
    Each epoch leaves out the remainder of `examples / batch_size`: other examples in each epoch.

    Args:
        data: a tree of arrays with one leading axis, such as `{"image": (n, h, w, c), "label":
            (n,)}`; a `data.Dataset`; or anything with `len(data)` and `data[i]`, such as a
            `data.Source`, whose examples have one shape.
        batch_size: examples of a step, on all devices together.
        mesh: from `make_mesh`: the devices that share each batch; None is one device.
        resident: whether the data are copied to the device (whole, to each one). None: arrays that
            take at most a quarter of its memory are (2 GiB where it does not tell its memory).
        threads: that read a stream.
        workers: processes that read a stream, instead of this one: for decoding that holds Python's
            lock. The data must be picklable then.

    Returns:
        `Resident` or `Stream`.

    Raises:
        TypeError: `data` are something else.
        ValueError: there are fewer examples than `batch_size`, or their numbers differ, or it
            cannot be split over the mesh.

    Example:
        >>> from cnn_jax import data
        >>> batches(data.load("fashion_mnist_small", "train"), 128)
        Resident(6000 examples, 46 steps of 128)
        >>> batches(data.source("fashion_mnist_small", "train"), 128)
        Stream(6000 examples, 46 steps of 128)
    """
    examples = examples_of(data)
    arguments.integer("batch_size", batch_size, at_least=1)
    if batch_size > len(examples):
        raise ValueError(
            f"`batch_size` must be at most the number of examples, {len(examples)}; "
            f"got {batch_size}."
        )
    if mesh is not None:
        _check_mesh(mesh, batch_size)
    arguments.integer("threads", threads, at_least=0)
    arguments.integer("workers", workers, at_least=0)
    if resident is None:
        resident = isinstance(examples, Arrays) and examples.nbytes <= _room()
    if arguments.flag("resident", resident):
        return Resident(examples, batch_size, mesh)
    return Stream(examples, batch_size, mesh, threads, workers)


def _check_mesh(mesh: Any, batch_size: int) -> None:
    if not isinstance(mesh, Mesh) or DATA not in mesh.shape:
        raise TypeError(
            f"`mesh` must have an axis {DATA!r}, as training.make_mesh() makes it; got "
            f"{arguments.shown(mesh)}."
        )
    if len({device.process_index for device in mesh.devices.flat}) < jax.process_count():
        raise ValueError(f"`mesh` must have devices of all {jax.process_count()} processes.")
    if batch_size % mesh.shape[DATA]:
        raise ValueError(
            f"`batch_size` must be a multiple of the {mesh.shape[DATA]} devices that share it; "
            f"got {batch_size}."
        )


def _room() -> float:
    """The bytes of data that may lie on a device."""
    memory = jax.local_devices()[0].memory_stats() or {}
    return SHARE * memory["bytes_limit"] if "bytes_limit" in memory else ON_HOST
