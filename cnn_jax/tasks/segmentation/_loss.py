"""`loss`: cross entropy and Dice."""

import jax
import jax.numpy as jnp

from cnn_jax import arguments

from .._loss import Loss
from ._decoding import check_ignore, pixels


def loss(*, entropy: float = 1.0, dice: float = 0.0, ignore: int | None = None) -> Loss:
    """Return a weighted sum of cross entropy and Dice loss, as training takes a loss.

    With `p` the softmax of the logits, `g` the label as one-hot vectors, and sums over the pixels
    of an image that count::

        entropy   -mean of log p at the label
        dice      1 - mean over the classes of  (2 sum p g + 1) / (sum p + sum g + 1)

    Cross entropy judges each pixel alone; Dice judges areas, so that small ones count as much. The
    1 avoids 0 / 0 for a class that is neither in the image nor predicted; predicting a class that
    is not in the image still costs something. Both are 0 for an image without a pixel that counts.

    Args:
        entropy: the weight of the cross entropy.
        dice: the weight of the Dice loss.
        ignore: a class that does not count, as if it had no label.

    Returns:
        `(outputs, batch) -> (losses (n,), {"entropy", "dice", "accuracy": (n,)})`, the last one the
        share of the pixels that are right.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, the outputs or `label`.

    References:
        Milletari, Navab and Ahmadi, *V-Net*, 2016, arXiv:1606.04797, with squares there.

    Example:
        >>> losses, parts = loss()(jnp.zeros((2, 4, 4, 3)), {"label": jnp.ones((2, 4, 4), int)})
        >>> losses.shape, round(float(losses[0]), 3)  # log 3
        ((2,), 1.099)
    """
    entropy = arguments.number("entropy", entropy, at_least=0)
    dice = arguments.number("dice", dice, at_least=0)
    if entropy == dice == 0:
        raise ValueError("`entropy` or `dice` must be positive; got 0 and 0.")
    check_ignore(ignore)

    def segmentation_loss(outputs, batch):
        logits, label, counts = pixels(outputs, batch, ignore)
        classes = logits.shape[-1]
        logs = jax.nn.log_softmax(logits)
        weight = counts.astype(logs.dtype)[..., None]
        true = jax.nn.one_hot(label, classes, dtype=logs.dtype) * weight
        number = jnp.maximum(counts.sum((1, 2)), 1).astype(logs.dtype)
        said = jnp.exp(logs) * weight
        common, total = (said * true).sum((1, 2)), (said + true).sum((1, 2))
        right = (jnp.argmax(logits, -1) == label) & counts
        parts = {
            "entropy": -jnp.where(true > 0, logs * true, 0).sum((1, 2, 3)) / number,
            "dice": 1 - ((2 * common + 1) / (total + 1)).mean(-1),
            "accuracy": right.sum((1, 2)).astype(logs.dtype) / number,
        }
        return entropy * parts["entropy"] + dice * parts["dice"], parts

    return segmentation_loss
