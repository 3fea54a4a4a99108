"""Measures of logits: cross entropy, predictions, the confusion matrix."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike

from cnn_jax import arguments

from ._checks import integers


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Metrics:
    """Means over one batch, float32; after an epoch one entry per step.

    Args:
        loss: mean cross entropy in nats, `()` or `(steps,)`.
        accuracy: share of examples whose largest logit is their label's, `()` or `(steps,)`.
    """

    loss: jax.Array
    accuracy: jax.Array


def score(logits: jax.Array, labels: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the cross entropy and the predicted class of every example.

    `loss[n] = log(sum(exp(logits[n]))) - logits[n, labels[n]]`, in float32 for any logits.

    Args:
        logits: `(batch, classes)`.
        labels: `(batch,)`, integers in `[0, classes)`.

    Returns:
        Losses `(batch,)` float32, and predictions `(batch,)` int32.

    Raises:
        ValueError: the shapes are not these.
        TypeError: `labels` are no integers.

    Example:
        >>> losses, predictions = score(jnp.array([[0.0, 0.0], [0.0, 9.0]]), jnp.array([0, 1]))
        >>> losses.round(4).tolist(), predictions.tolist()
        ([0.6930999755859375, 9.999999747378752e-05], [0, 1])
    """
    if np.ndim(logits) != 2 or np.shape(labels) != np.shape(logits)[:1]:
        raise ValueError(
            "The model must return logits (batch, classes), one row per label; "
            f"got {np.shape(logits)} for labels {np.shape(labels)}."
        )
    logits, labels = jnp.asarray(logits), jnp.asarray(labels)
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        raise TypeError(f"`labels` must be integers; got {labels.dtype}.")
    losses = optax.softmax_cross_entropy_with_integer_labels(logits.astype(jnp.float32), labels)
    return losses, jnp.argmax(logits, axis=-1).astype(jnp.int32)


def confusion_matrix(labels: ArrayLike, predictions: ArrayLike, *, classes: int) -> np.ndarray:
    """Count the examples of each true class (row) by their predicted class (column).

    Args:
        labels: `(n,)` integers in `[0, classes)`.
        predictions: `(n,)` integers in `[0, classes)`, as `evaluate` returns them.
        classes: the number of classes.

    Returns:
        `(classes, classes)` int64; the sum of row `i` is the number of examples of class `i`.

    Raises:
        TypeError: `labels` or `predictions` are no integers, or `classes` is no int.
        ValueError: their shapes are not the same `(n,)`, or one lies outside of `[0, classes)`.

    Example:
        >>> confusion_matrix([0, 0, 1, 1], [0, 1, 1, 1], classes=2)
        array([[1, 1],
               [0, 2]])
    """
    classes = arguments.integer("classes", classes, at_least=1)
    given = {"labels": labels, "predictions": predictions}
    rows, columns = (np.asarray(integers(f"`{name}`", values)) for name, values in given.items())
    if rows.ndim != 1 or rows.shape != columns.shape:
        raise ValueError(
            "`labels` and `predictions` must both have shape (n,); "
            f"got {rows.shape} and {columns.shape}."
        )
    for name, values in zip(given, (rows, columns)):
        if len(values) and not 0 <= values.min() <= values.max() < classes:
            raise ValueError(
                f"`{name}` must be in [0, {classes}); they go from {values.min()} to "
                f"{values.max()}."
            )
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (rows, columns), 1)
    return counts
