"""Classification: one of several classes for each example.

The network's outputs are logits, `(n, classes)`. A batch has `label`: `(n,)` integers, or `(n,
classes)` floats, the share of each class, as mixup and cutmix make them.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from cnn_jax import arguments

from ._accumulator import Accumulator
from ._loss import Loss


def loss(*, label_smoothing: float = 0.0, top: Sequence[int] = (1,)) -> Loss:
    """Return the cross entropy as training takes a loss, with the accuracies beside it.

    `loss[n] = -sum over c of q[n, c] * log_softmax(logits[n])[c]`, in nats and in float32 for any
    logits, with `q = (1 - s) * onehot(label) + s / classes` for a smoothing of `s` (Szegedy et al.
    2016, *Rethinking the Inception Architecture*, arXiv:1512.00567, section 7).

    Args:
        label_smoothing: `s`, in `[0, 1)`. It counts wherever the loss is used: give evaluation a
            loss without it.
        top: for each `k`, whether the label is among the `k` largest logits is reported, as
            `accuracy` for 1 and `top5` for 5. A mixed label counts as its largest share.

    Returns:
        `(logits, batch) -> (losses (n,), {name: (n,) of 0 and 1})`.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, the logits or labels have
            other shapes.

    Example:
        >>> logits = jnp.array([[0.0, 0.0], [0.0, 9.0]])
        >>> losses, others = loss()(logits, {"label": jnp.array([1, 1])})
        >>> losses.round(4).tolist(), others["accuracy"].tolist()
        ([0.6930999755859375, 9.999999747378752e-05], [0.0, 1.0])
    """
    arguments.number("label_smoothing", label_smoothing, at_least=0, below=1)
    top = tuple(arguments.integer("top", k, at_least=1) for k in top)

    def cross_entropy(logits, batch):
        logits = _checked(logits, batch)
        label, classes = batch["label"], logits.shape[-1]
        if label.ndim == 2:
            shares, label = label.astype(jnp.float32), jnp.argmax(label, axis=-1)
        else:
            shares = jax.nn.one_hot(label, classes, dtype=jnp.float32)
        shares = (1 - label_smoothing) * shares + label_smoothing / classes
        # A class whose logit is -inf costs nothing where it has no share.
        terms = jnp.where(shares > 0, shares * jax.nn.log_softmax(logits), 0)
        losses = -jnp.sum(terms, axis=-1)
        others = {"accuracy" if k == 1 else f"top{k}": in_top(logits, label, k) for k in top}
        return losses, others

    return cross_entropy


def in_top(logits: jax.Array, label: jax.Array, k: int) -> jax.Array:
    """Say for each example whether its label is among the `k` largest logits, `(n,)` of 0 and 1.

    Of equal logits the first counts as larger, as for `argmax`. A label that is no class, or whose
    logit is NaN, is not.

    Example:
        >>> in_top(jnp.array([[3.0, 2.0, 1.0]]), jnp.array([1]), 1).tolist()
        [0.0]
    """
    label = label.astype(jnp.int32)[:, None]
    own = jnp.take_along_axis(logits, label, axis=-1)
    before = jnp.arange(logits.shape[-1])[None] < label
    smaller = (logits < own) | ((logits == own) & ~before)  # its own, too
    return ((~smaller).sum(-1) < k).astype(jnp.float32)


def decode(logits: ArrayLike, *, top: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Return the most likely classes and their probabilities, the most likely first.

    Args:
        logits: `(n, classes)`.
        top: how many, at most all.

    Returns:
        Classes `(n, top)` int, and probabilities `(n, top)` float32.

    Example:
        >>> classes, probabilities = decode(jnp.array([[0.0, 1.0, 0.5]]), top=2)
        >>> classes.tolist(), probabilities.round(2).tolist()
        ([[1, 2]], [[0.5099999904632568, 0.3100000023841858]])
    """
    top = min(arguments.integer("top", top, at_least=1), np.shape(logits)[-1])
    probabilities = np.asarray(jax.nn.softmax(jnp.asarray(logits, jnp.float32)))
    classes = np.argsort(-probabilities, axis=-1, kind="stable")[:, :top]
    return classes, np.take_along_axis(probabilities, classes, axis=-1)


def confusion(classes: int) -> Accumulator:
    """Return the confusion matrix as a metric: examples of each true class by predicted class.

    Args:
        classes: the number of classes.

    Returns:
        An accumulator whose result is `(classes, classes)` int; row `i` sums to the number of
        examples of class `i`.

    Example:
        >>> metric = confusion(2)
        >>> batch = {"label": jnp.array([0, 1, 1])}
        >>> logits = jnp.array([[1.0, 0], [1, 0], [0, 1]])
        >>> metric.result(metric.add(metric.start(), logits, batch)).tolist()
        [[1, 0], [1, 1]]
    """
    arguments.integer("classes", classes, at_least=1)

    def add(counts, logits, batch):
        logits = _checked(logits, batch)
        if logits.shape[-1] != classes:
            raise ValueError(
                f"`logits` must have {classes} classes, as the metric; got {logits.shape}."
            )
        label = _classes_of(batch["label"])
        row = jnp.where(label < 0, classes, label)  # a negative one is no class, and dropped
        return counts.at[row, jnp.argmax(logits, axis=-1)].add(1, mode="drop")

    return Accumulator(lambda: jnp.zeros((classes, classes), jnp.int32), add, np.asarray)


def calibration(bins: int = 15) -> Accumulator:
    """Return the expected calibration error as a metric.

    Predictions are put into bins by the probability of the predicted class, which is called their
    confidence. The error is `sum over bins of (share of examples) * |accuracy - confidence|`, each
    the mean of its bin (Guo et al. 2017, *On Calibration of Modern Neural Networks*,
    arXiv:1706.04599, equation 3).

    Args:
        bins: of equal width, over `[0, 1]`.

    Returns:
        An accumulator whose result is a float in `[0, 1]`.

    Example:
        >>> metric = calibration()
        >>> batch = {"label": jnp.array([0, 1])}
        >>> logits = jnp.log(jnp.array([[0.8, 0.2], [0.8, 0.2]]))
        >>> round(metric.result(metric.add(metric.start(), logits, batch)), 3)
        0.3
    """
    arguments.integer("bins", bins, at_least=1)

    def add(total, logits, batch):
        probabilities = jax.nn.softmax(_checked(logits, batch))
        confidence = probabilities.max(-1)
        label = _classes_of(batch["label"])
        right = (jnp.argmax(logits, axis=-1) == label).astype(jnp.float32)
        place = jnp.clip(jnp.ceil(confidence * bins).astype(jnp.int32) - 1, 0, bins - 1)
        return total.at[place].add(jnp.stack([jnp.ones_like(right), right, confidence], -1))

    def result(total):
        counts, right, confidence = np.asarray(total, np.float64).T
        return float(np.abs(right - confidence).sum() / max(counts.sum(), 1))

    return Accumulator(lambda: jnp.zeros((bins, 3)), add, result)


def check_labels(labels: ArrayLike, classes: int) -> None:
    """Refuse labels that a network of so many classes has no logit for.

    Inside of a compiled step this cannot be checked, so call it on the data before training.

    Args:
        labels: `(n,)` integers, or `(n, classes)` floats.
        classes: how many logits the network returns.

    Raises:
        TypeError: the labels are no integers.
        ValueError: one lies outside of `[0, classes)`, or there is another number of shares.

    Example:
        >>> check_labels([0, 3], classes=3)
        Traceback (most recent call last):
        ValueError: `labels` must be in [0, 3); they go from 0 to 3.
    """
    arguments.integer("classes", classes, at_least=1)
    array = np.asarray(labels)
    if array.ndim == 2 and array.dtype.kind == "f":
        if array.shape[1] != classes:
            raise ValueError(
                f"`labels` must have a share for each of {classes} classes; got {array.shape}."
            )
        return
    if array.dtype.kind not in "iu":
        raise TypeError(f"`labels` must be integers; got {array.dtype}.")
    if array.ndim != 1:
        raise ValueError(f"`labels` must have the shape (n,); got {array.shape}.")
    if array.size and not 0 <= array.min() <= array.max() < classes:
        raise ValueError(
            f"`labels` must be in [0, {classes}); they go from {array.min()} to {array.max()}."
        )


def _classes_of(label: jax.Array) -> jax.Array:
    """The class of each example, of shares the largest."""
    return jnp.argmax(label, axis=-1) if label.ndim == 2 else label


def _checked(logits: Any, batch: Any) -> jax.Array:
    """Float32 logits; refuse shapes that do not fit the labels."""
    shape, labels = jnp.shape(logits), jnp.shape(batch["label"])
    if len(shape) != 2 or labels not in (shape[:1], shape):
        raise ValueError(
            "The model must return logits (n, classes), and `label` must be (n,) or (n, classes); "
            f"got logits {shape} and labels {labels}."
        )
    if len(labels) == 1 and not jnp.issubdtype(batch["label"].dtype, jnp.integer):
        raise TypeError(f"`label` must be integers or shares; got {batch['label'].dtype} {labels}.")
    return jnp.asarray(logits, jnp.float32)
