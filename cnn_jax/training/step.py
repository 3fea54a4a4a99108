"""One training step: loss, gradient, update."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from cnn_jax import arguments

from ._checks import check_optimizer
from .metrics import Metrics, score
from .state import Apply, TrainState

Step = Callable[[TrainState, jax.Array, jax.Array, jax.Array], tuple[TrainState, Metrics]]


def make_step(apply: Apply, optimizer: optax.GradientTransformation) -> Step:
    """Return one pure training step, jitted.

    It lowers the mean cross entropy of a batch. Its random key is `fold_in(key, state.step)`, so
    every step may be given the same `key`.

    Args:
        apply: from `init`.
        optimizer: the one that `init` was given.

    Returns:
        `step(state, images, labels, key) -> (state, metrics)`, with images `(batch, ...)`, labels
        `(batch,)` integers, and `key` a typed key. The given state is donated: its buffers are
        used for the new one, so it cannot be used again.

    Raises:
        TypeError: `apply` cannot be called, or `optimizer` is none of optax.

    Example:
        >>> from flax import nnx
        >>> from cnn_jax import training
        >>> model, optimizer = nnx.Linear(4, 3, rngs=nnx.Rngs(0)), optax.sgd(0.1)
        >>> state, apply = training.init(model, optimizer, lambda images: images)
        >>> step = make_step(apply, optimizer)
        >>> images, labels = jnp.ones((8, 4)), jnp.zeros(8, jnp.int32)
        >>> state, first = step(state, images, labels, jax.random.key(0))
        >>> state, second = step(state, images, labels, jax.random.key(0))
        >>> int(state.step), bool(second.loss < first.loss)
        (2, True)
    """

    arguments.function("apply", apply, "(params, stats, images, key)")
    check_optimizer(optimizer)

    def step(state, images, labels, key):
        key = jax.random.fold_in(key, state.step)

        def mean_loss(params):
            logits, stats = apply(params, state.stats, images, key)
            losses, predictions = score(logits, labels)
            accuracy = jnp.mean(predictions == labels, dtype=jnp.float32)
            return losses.mean(), (stats, accuracy)

        gradient = jax.value_and_grad(mean_loss, has_aux=True)
        (loss, (stats, accuracy)), grads = gradient(state.params)
        # optax's Adam raises a float to an int power, which a caller's strict promotion refuses.
        with jax.numpy_dtype_promotion("standard"):
            updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        return TrainState(state.step + 1, params, stats, opt_state), Metrics(loss, accuracy)

    return jax.jit(step, donate_argnums=0)
