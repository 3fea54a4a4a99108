"""The order of the examples: a function of the run's key and the step, on every machine.

Drawn on the host, by Philox (Salmon et al. 2011, *Parallel Random Numbers: As Easy as 1, 2, 3*),
whose raw numbers NumPy promises never to change. So resident data and streams, one device and many,
have the same order.
"""

import functools

import jax
import numpy as np


def seed_of(key: jax.Array) -> int:
    """The bits of a key as one int, at most 128 bits."""
    words = np.asarray(jax.random.key_data(key)).ravel()
    return functools.reduce(lambda seed, word: seed << 32 | int(word), words, 0) % 2**128


@functools.lru_cache(maxsize=4)
def order(seed: int, epoch: int, examples: int) -> np.ndarray:
    """A permutation of `range(examples)`, another one in each epoch; not to be changed."""
    numbers = np.random.Philox(key=seed, counter=[0, 0, 0, epoch]).random_raw(examples)
    permutation = np.argsort(numbers, kind="stable")
    permutation.setflags(write=False)
    return permutation


def epoch_of(seed: int, epoch: int, examples: int, batch_size: int) -> np.ndarray:
    """The examples of an epoch's steps, `(steps, batch_size)`.

    Each epoch leaves out the last `examples % batch_size` of its order.
    """
    steps = examples // batch_size
    return order(seed, epoch, examples)[: steps * batch_size].reshape(steps, batch_size)


def indices(seed: int, step: int, examples: int, batch_size: int) -> np.ndarray:
    """The examples of one step, `(batch_size,)`."""
    epoch, batch = divmod(step, examples // batch_size)
    return epoch_of(seed, epoch, examples, batch_size)[batch]
