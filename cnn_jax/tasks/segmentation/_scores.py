"""`confusion`, a matrix of counts, and `scores`, the intersection over union that they give."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from cnn_jax import arguments

from .._accumulator import Accumulator
from ._decoding import check_ignore, pixels


def confusion(classes: int, *, ignore: int | None = None) -> Accumulator:
    """Return the confusion matrix as a metric: pixels of each true class by predicted class.

    Args:
        classes: the number of classes.
        ignore: a class whose pixels do not count.

    Returns:
        An accumulator whose result is `(classes, classes)` int64; row `i` sums to the number of
        pixels of class `i`. It is exact up to 2**63 pixels.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, the outputs or `label`.

    Example:
        >>> metric = confusion(2)
        >>> batch = {"label": jnp.array([[[0, 1, 1, 255]]])}
        >>> logits = jnp.array([[[[1.0, 0], [1, 0], [0, 1], [0, 1]]]])
        >>> metric.result(metric.add(metric.start(), logits, batch)).tolist()
        [[1, 0], [1, 1]]
    """
    arguments.integer("classes", classes, at_least=1)
    check_ignore(ignore)

    def add(total, outputs, batch):
        logits, label, counts = pixels(outputs, batch, ignore)
        if logits.shape[-1] != classes:
            raise ValueError(
                f"`outputs` must have {classes} classes, as the metric; got {logits.shape}."
            )
        # One product of matrices: a scatter of pixels is a loop on a CPU.
        weight = counts.astype(jnp.float32)[..., None]
        true = jax.nn.one_hot(label, classes, dtype=jnp.float32) * weight
        said = jax.nn.one_hot(jnp.argmax(logits, -1), classes, dtype=jnp.float32)
        of_images = jnp.einsum("nhwi,nhwj->nij", true, said, precision="highest")
        low = total["low"] + of_images.astype(jnp.uint32).sum(0, dtype=jnp.uint32)
        return {"low": low, "high": total["high"] + (low < total["low"]).astype(jnp.uint32)}

    def start():  # 32 bits are too few for the pixels of a large set
        return {name: jnp.zeros((classes, classes), jnp.uint32) for name in ("low", "high")}

    def result(total):
        low, high = (np.asarray(total[name]).astype(np.int64) for name in ("low", "high"))
        return (high << 32) + low

    return Accumulator(start, add, result)


def scores(
    counts: ArrayLike, names: Sequence[str] | None = None, *, ignore: int | None = None
) -> dict[str, float]:
    """Return the intersection over union of each class, its mean, and the share of right pixels.

    The intersection over union of class `i` of a confusion matrix `c` is that of all images at
    once: `c[i, i] / (sum of row i + sum of column i - c[i, i])`. A class that is neither in the
    truth nor predicted has none (NaN), and is left out of the mean.

    Args:
        counts: a confusion matrix, from `confusion`.
        names: of the classes; by default their numbers.
        ignore: a class that is left out of the mean; the same as for `confusion`.

    Returns:
        `miou`, `accuracy`, and `iou of NAME` for each class; all NaN without a pixel.

    Raises:
        TypeError, ValueError: `counts` is not square, there are other numbers of names and classes,
            or `ignore` is no class.

    References:
        Everingham et al., *The PASCAL visual object classes challenge: a retrospective*, 2015.

    Example:
        >>> scores([[2, 1], [0, 1]], ["ground", "cat"])["iou of cat"]
        0.5
    """
    counts = np.asarray(counts, np.float64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError(f"`counts` must be (classes, classes); got {counts.shape}.")
    names = [str(number) for number in range(len(counts))] if names is None else names
    if len(names) != len(counts):
        raise ValueError(f"`names` must be one of each of {len(counts)} classes; got {len(names)}.")
    check_ignore(ignore)
    right, total = np.diag(counts), counts.sum()
    union = counts.sum(0) + counts.sum(1) - right
    if ignore is not None and ignore < len(union):  # others may be taken for it
        union[ignore] = 0
    iou = np.where(union > 0, right / np.where(union > 0, union, 1), np.nan)
    nothing = float("nan")
    return {
        "miou": float(iou[union > 0].mean()) if (union > 0).any() else nothing,
        "accuracy": float(right.sum() / total) if total else nothing,
        **{f"iou of {name}": float(value) for name, value in zip(names, iou)},
    }
