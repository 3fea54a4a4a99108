"""Data that are read while the network trains, ahead of it, by Grain's threads or processes."""

import weakref
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from ._examples import Examples
from ._order import indices, seed_of
from ._placing import keeping, own_rows, placed

AHEAD = 2  # batches that wait on the device
LAST = 2**40  # a step that no run reaches


class Stream:
    """Batches of examples that are read, decoded and sent to the device while others train.

    Made by `batches`, which says more.

    Example:
        >>> from cnn_jax import training
        >>> images = [{"image": np.full(4, i)} for i in range(20)]
        >>> training.batches(images, batch_size=8)
        Stream(20 examples, 2 steps of 8)
    """

    def __init__(
        self,
        examples: Examples,
        batch_size: int,
        mesh: Mesh | None = None,
        threads: int = 4,
        workers: int = 0,
    ):
        self.examples = len(examples)
        self.batch_size = batch_size
        self.steps = self.examples // batch_size
        self.mesh = mesh
        self.threads, self.workers = threads, workers
        self.fingerprint = {"examples": self.examples, "sha256": examples.fingerprint()}
        self._data = examples
        self._open: tuple[int, Ahead] | None = None  # the order's seed, and the iterator

    def __repr__(self) -> str:
        return f"Stream({self.examples} examples, {self.steps} steps of {self.batch_size})"

    def indices(self, key: jax.Array, step: int) -> np.ndarray:
        """The examples of a step."""
        return indices(seed_of(key), step, self.examples, self.batch_size)

    def program(self, step: Callable[..., Any]) -> Callable[..., Any]:
        """Return `run(state, first, count, key) -> (state, {name: (count,)})`.

        The state is donated.
        """
        return stepping(step, self.mesh, self._from)

    def in_order(self) -> Iterator[Any]:
        """Every example once, in batches on the device; the last one may be smaller."""
        read = InOrder(self._data, self.batch_size, self.mesh)
        ahead = Ahead(read, 0, len(read), self.threads, workers=0)
        try:
            for number, batch in enumerate(ahead):
                yield placed(batch, self.mesh, read.size(number))
        finally:
            ahead.close()

    def close(self) -> None:
        """End the threads and processes that read ahead."""
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def _from(self, first, key):
        """An iterator of batches from a step on; the one that is open, if it stands there."""
        seed = seed_of(key)
        if self._open is None or (self._open[0], self._open[1].next) != (seed, first):
            self.close()
            read = InEpochs(self._data, self.batch_size, seed, self.mesh)
            self._open = seed, Ahead(read, first, LAST, self.threads, self.workers)
        return (placed(batch, self.mesh, self.batch_size) for batch in self._open[1])


class InEpochs:
    """The rows of a step's batch that this process needs, in the order of the step's epoch."""

    def __init__(self, data: Examples, batch_size: int, seed: int, mesh: Mesh | None):
        self.data, self.batch_size, self.seed = data, batch_size, seed
        self.rows = own_rows(mesh, batch_size)

    def __call__(self, step: int) -> Any:
        rows = indices(self.seed, int(step), len(self.data), self.batch_size)
        return self.data.read(rows[self.rows])


class InOrder:
    """The rows of batch after batch that this process needs, in the order of the data."""

    def __init__(self, data: Examples, batch_size: int, mesh: Mesh | None):
        self.data, self.batch_size = data, batch_size
        sizes = {self.size(0), self.size(len(self) - 1)}
        self.rows = {size: own_rows(mesh, size) for size in sizes}

    def __len__(self) -> int:
        return -(-len(self.data) // self.batch_size)

    def size(self, number: int) -> int:
        """The examples of a batch."""
        return min(self.batch_size, len(self.data) - number * self.batch_size)

    def __call__(self, number: int) -> Any:
        first, size = int(number) * self.batch_size, self.size(int(number))
        rows = self.rows[size]
        return self.data.read(first + rows)


class Ahead:
    """An iterator over `read(first)`, `read(first + 1)`, ... that Grain reads ahead.

    Iterating may stop and go on.
    """

    def __init__(
        self, read: Callable[[int], Any], first: int, stop: int, threads: int, workers: int
    ):
        import grain  # takes half a second, and may log, which those without a stream are spared
        from absl import flags

        numbers = grain.MapDataset.range(first, stop).map(read)
        ahead = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=2 * max(threads, 1))
        batches = numbers.to_iter_dataset(ahead)
        if workers:
            if not flags.FLAGS.is_parsed():  # Grain reads one, and this program may have none
                flags.FLAGS.mark_as_parsed()
            options = grain.MultiprocessingOptions(num_workers=workers)
            batches = batches.mp_prefetch(options)
        self.next = first
        self._batches: Any = iter(batches)
        self._finalizer = weakref.finalize(self, _close, self._batches)

    def __iter__(self) -> Iterator[Any]:
        while True:
            try:
                batch = next(self._batches)
            except StopIteration:
                return
            self.next += 1
            yield batch

    def close(self) -> None:
        """End the threads and processes."""
        self._finalizer()


def stepping(
    step: Callable[..., Any], mesh: Mesh | None, batches_from: Callable[..., Iterator[Any]]
) -> Callable[..., Any]:
    """Return `run(state, first, count, key)`, which takes its batches from an iterator."""

    def one(state, batch, bits, *, impl):
        key = jax.random.wrap_key_data(bits, impl=impl)
        return step(state, batch, jax.random.fold_in(key, state.step))

    compiled = keeping(one, mesh)

    def run(state, first, count, key):
        bits, impl = np.asarray(jax.random.key_data(key)), jax.random.key_impl(key)
        metrics = []
        for _, batch in zip(range(count), batches_from(first, key)):  # in this order: none is lost
            state, means = compiled(state, batch, bits, impl=impl)
            metrics.append(means)
            if len(metrics) > AHEAD:  # bounds what waits on the device
                jax.block_until_ready(metrics[-1 - AHEAD])
        named = jax.device_get(jax.block_until_ready(metrics))
        return state, {name: np.stack([means[name] for means in named]) for name in named[0]}

    return run


def _close(batches: Any) -> None:
    batches.close()
