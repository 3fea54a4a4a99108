"""Data that lie on the device: many steps in one program."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from ._examples import Arrays, Examples
from ._order import epoch_of, indices, seed_of
from ._placing import keeping, on_each, own_rows, placed, split_over


class Resident:
    """Batches of examples that lie on the device (on each, if there are several).

    Made by `batches`, which says more.

    Example:
        >>> from cnn_jax import training
        >>> resident = training.batches({"image": np.ones((20, 4))}, batch_size=8)
        >>> resident
        Resident(20 examples, 2 steps of 8)
    """

    def __init__(self, examples: Examples, batch_size: int, mesh: Mesh | None = None):
        arrays = examples.arrays if isinstance(examples, Arrays) else _all(examples)
        self.examples = len(examples)
        self.batch_size = batch_size
        self.steps = self.examples // batch_size
        self.mesh = mesh
        self.fingerprint = {"examples": self.examples, "sha256": examples.fingerprint()}
        self._arrays = on_each(arrays, mesh)

    def __repr__(self) -> str:
        return f"Resident({self.examples} examples, {self.steps} steps of {self.batch_size})"

    def indices(self, key: jax.Array, step: int) -> np.ndarray:
        """The examples of a step."""
        return indices(seed_of(key), step, self.examples, self.batch_size)

    def program(self, step: Callable[..., Any]) -> Callable[..., Any]:
        """Return `run(state, first, count, key) -> (state, {name: (count,)})`: steps of one epoch.

        The state is donated.
        """

        step = jax.jit(step)  # so that the next line and the loop trace it once

        def steps(state, arrays, order, first, count, bits, *, impl):
            key = jax.random.wrap_key_data(bits, impl=impl)

            def one(i, carry):
                state, metrics = carry
                batch = self._gathered(arrays, order[i])
                state, means = step(state, batch, jax.random.fold_in(key, state.step))
                return state, {name: metrics[name].at[i].set(means[name]) for name in means}

            _, means = jax.eval_shape(step, state, self._gathered(arrays, order[0]), key)
            metrics = {name: jnp.zeros(len(order), mean.dtype) for name, mean in means.items()}
            return jax.lax.fori_loop(first, first + count, one, (state, metrics))

        compiled = keeping(steps, self.mesh)

        def run(state, first, count, key):
            epoch, offset = divmod(first, self.steps)
            order = epoch_of(seed_of(key), epoch, self.examples, self.batch_size)
            state, metrics = compiled(
                state,
                self._arrays,
                order.astype(np.int32),
                np.int32(offset),
                np.int32(count),
                np.asarray(jax.random.key_data(key)),
                impl=jax.random.key_impl(key),
            )
            # Python handles Ctrl-C while it waits here, but not while it reads an array.
            metrics = jax.device_get(jax.block_until_ready(metrics))
            return state, {name: all[offset : offset + count] for name, all in metrics.items()}

        return run

    def in_order(self) -> Iterator[Any]:
        """Every example once, in batches on the device; the last one may be smaller."""
        for first in range(0, self.examples, self.batch_size):
            rows = np.arange(first, min(first + self.batch_size, self.examples), dtype=np.int32)
            own = rows[own_rows(self.mesh, len(rows))]
            yield _taken(self._arrays, placed(own, self.mesh, len(rows)))

    def close(self) -> None:
        """Do nothing: there is no thread to end."""

    def _gathered(self, arrays, rows):
        if self.mesh is not None:
            rows = jax.lax.with_sharding_constraint(rows, split_over(self.mesh, self.batch_size))
        return _taken(arrays, rows)


@jax.jit
def _taken(arrays, rows):
    return jax.tree.map(lambda a: a.at[rows].get(mode="promise_in_bounds"), arrays)


def _all(examples: Examples) -> Any:
    return examples.read(range(len(examples)))
