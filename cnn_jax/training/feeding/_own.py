"""Batches that the user makes: a generator, or a Grain dataset."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from cnn_jax import arguments

from ._placing import own_rows, placed
from ._stream import stepping


class Own:
    """Batches that a function of yours makes, epoch by epoch.

    A run that is resumed asks for its epoch again and skips what it had: the result is that of a
    run that never stopped, if `make(epoch)` gives the same batches every time.

    Args:
        make: `epoch -> batches`: an iterable of `steps` batches or more, each a tree of NumPy
            arrays with one leading axis of `batch_size`. A Grain dataset fits:
            `lambda epoch: dataset.seed(epoch).shuffle().batch(128)`.
        steps: batches of an epoch.
        batch_size: examples of a batch.
        mesh: devices that share each batch; None is one device. On several hosts, each makes whole
            batches, the same ones.
        fingerprint: a text for these data; a run is not resumed with another one.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when used, a batch has another size or
            there are too few.

    Example:
        >>> from cnn_jax import training
        >>> def make(epoch):
        ...     rng = np.random.default_rng(epoch)
        ...     while True:
        ...         yield {"image": rng.normal(size=(8, 4)).astype(np.float32)}
        >>> Own(make, steps=10, batch_size=8)
        Own(10 steps of 8)
    """

    examples = None

    def __init__(
        self,
        make: Callable[[int], Iterable[Any]],
        *,
        steps: int,
        batch_size: int,
        mesh: Mesh | None = None,
        fingerprint: str = "",
    ):
        self.make = arguments.function("make", make, "(epoch)")
        self.steps = arguments.integer("steps", steps, at_least=1)
        self.batch_size = arguments.integer("batch_size", batch_size, at_least=1)
        self.mesh = mesh
        self.fingerprint = {"own": fingerprint}
        self._batches: Iterator[Any] | None = None
        self._next = -1

    def __repr__(self) -> str:
        return f"Own({self.steps} steps of {self.batch_size})"

    def indices(self, key: jax.Array, step: int) -> None:
        """Return None: only `make` knows which examples are in a step."""

    def program(self, step: Callable[..., Any]) -> Callable[..., Any]:
        """Return `run(state, first, count, key) -> (state, {name: (count,)})`."""
        return stepping(step, self.mesh, lambda first, key: self._from(first))

    def in_order(self) -> Iterator[Any]:
        """The batches of epoch 0, on the device."""
        batches = iter(self.make(0))
        for number in range(self.steps):
            yield self._placed(self._checked(batches, number))

    def close(self) -> None:
        """Forget the iterator that is open."""
        self._batches, self._next = None, -1

    def _from(self, first):
        while True:
            epoch, batch = divmod(first, self.steps)
            if self._batches is None or self._next != first or batch == 0:
                self._batches = iter(self.make(epoch))
                for number in range(batch):
                    self._checked(self._batches, number)
            first = self._next = first + 1
            yield self._placed(self._checked(self._batches, batch))

    def _checked(self, batches, number):
        try:
            batch = next(batches)
        except StopIteration:
            raise ValueError(
                f"`make` must give {self.steps} batches for each epoch; it gave {number}."
            ) from None
        sizes = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(batch)}
        if sizes != {(self.batch_size,)}:
            raise ValueError(
                f"`make` must give batches of {self.batch_size} examples; in batch {number} the "
                f"arrays begin with the axes {sorted(sizes)}."
            )
        return batch

    def _placed(self, batch):
        rows = own_rows(self.mesh, self.batch_size)
        if len(rows) < self.batch_size:
            batch = jax.tree.map(lambda array: array[rows], batch)
        return placed(batch, self.mesh, self.batch_size)
