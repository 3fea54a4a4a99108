"""Loss, accuracy and predictions of a split of any size."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from cnn_jax import arguments

from ._checks import check_batch_size, check_examples
from .metrics import score
from .state import Apply, TrainState


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Evaluation:
    """Loss, accuracy and predictions of a state on a split of `n` examples.

    Args:
        loss: mean cross entropy in nats, `()`.
        accuracy: share of correct predictions, `()`.
        losses: cross entropy of each example, `(n,)`.
        predictions: predicted class of each example, `(n,)` int32.
    """

    loss: jax.Array
    accuracy: jax.Array
    losses: jax.Array
    predictions: jax.Array


def make_evaluate(
    apply: Apply, batch_size: int
) -> Callable[[TrainState, jax.Array, jax.Array], Evaluation]:
    """Return a function that evaluates a state on a split in one dispatch, jitted.

    The model runs in evaluation mode. Copies of the last example fill the last batch; their
    results are dropped, so every example counts exactly once.

    Args:
        apply: from `init`.
        batch_size: examples computed at a time: it bounds the memory, not the size of the split.

    Returns:
        `evaluate(state, images, labels) -> Evaluation`, with images `(n, ...)` and labels `(n,)`,
        `n >= 1`. The state is not donated.

    Raises:
        TypeError: `apply` cannot be called, or `batch_size` is no int.
        ValueError: `batch_size` is under 1, or (when called) the numbers of images and labels
            differ or are 0.

    Example:
        >>> import optax
        >>> from flax import nnx
        >>> from cnn_jax import training
        >>> model = nnx.Linear(4, 3, rngs=nnx.Rngs(0))
        >>> state, apply = training.init(model, optax.sgd(0.1), lambda images: images)
        >>> evaluate = make_evaluate(apply, batch_size=8)
        >>> evaluate(state, jnp.ones((20, 4)), jnp.zeros(20, jnp.int32)).predictions.shape
        (20,)
    """
    arguments.function("apply", apply, "(params, stats, images)")
    check_batch_size(batch_size)

    def evaluate(state, images, labels):
        check_examples(images, labels)
        examples = len(images)
        size = min(batch_size, examples)
        steps = -(-examples // size)
        batches = jnp.minimum(jnp.arange(steps * size), examples - 1).reshape(steps, size)

        def score_of(batch):
            logits, _ = apply(state.params, state.stats, images[batch])
            return score(logits, labels[batch])

        losses, predictions = jax.tree.map(
            lambda per_batch: per_batch.reshape(-1)[:examples], jax.lax.map(score_of, batches)
        )
        accuracy = jnp.mean(predictions == labels, dtype=jnp.float32)
        return Evaluation(losses.mean(), accuracy, losses, predictions)

    return jax.jit(evaluate)
