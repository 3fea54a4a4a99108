"""One pass over the training data: one program, one dispatch."""

from collections.abc import Callable

import jax

from cnn_jax import arguments

from ._checks import check_batch_size, check_examples
from .metrics import Metrics
from .state import TrainState
from .step import Step

Epoch = Callable[[TrainState, jax.Array, jax.Array, jax.Array], tuple[TrainState, Metrics]]


def make_epoch(step: Step, batch_size: int) -> Epoch:
    """Return `step` scanned over shuffled batches of data that lie on the device, jitted.

    The epoch's number is `state.step // steps`, so the state alone tells where a run stands. Each
    epoch draws a new order of the examples from `key` and that number, and leaves out the last
    `n % batch_size` of that order: different examples in each epoch.

    Args:
        step: from `make_step`.
        batch_size: examples per step.

    Returns:
        `epoch(state, images, labels, key) -> (state, metrics)`, with images `(n, ...)`, labels
        `(n,)`, the same `key` for every epoch, and metrics of shape `(n // batch_size,)`. The given
        state is donated: it cannot be used again.

    Raises:
        TypeError: `step` cannot be called, or `batch_size` is no int.
        ValueError: `batch_size` is not in `[1, n]`, or the numbers of images and labels differ;
            what depends on the data is checked when the epoch is first called.

    Example:
        >>> import jax.numpy as jnp, optax
        >>> from flax import nnx
        >>> from cnn_jax import training
        >>> model, optimizer = nnx.Linear(4, 3, rngs=nnx.Rngs(0)), optax.sgd(0.1)
        >>> state, apply = training.init(model, optimizer, lambda images: images)
        >>> epoch = make_epoch(training.make_step(apply, optimizer), batch_size=8)
        >>> images, labels = jnp.ones((20, 4)), jnp.zeros(20, jnp.int32)
        >>> state, metrics = epoch(state, images, labels, jax.random.key(0))
        >>> int(state.step), metrics.loss.shape
        (2, (2,))
    """
    arguments.function("step", step, "(state, images, labels, key)")
    check_batch_size(batch_size)

    def epoch(state, images, labels, key):
        check_examples(images, labels)
        examples = len(images)
        check_batch_size(batch_size, examples)
        steps = examples // batch_size
        order_key, step_key = jax.random.split(key)
        order = jax.random.permutation(jax.random.fold_in(order_key, state.step // steps), examples)
        batches = order[: steps * batch_size].reshape(steps, batch_size)

        def step_on(state, batch):
            return step(state, images[batch], labels[batch], step_key)

        return jax.lax.scan(step_on, state, batches)

    return jax.jit(epoch, donate_argnums=0)
