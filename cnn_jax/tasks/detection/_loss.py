"""`loss`: the penalty-reduced focal loss of the heatmaps, and L1 of sizes and offsets."""

import jax
import jax.numpy as jnp

from cnn_jax import arguments

from .._loss import Loss
from ._targets import check_outputs, targets


def loss(*, stride: int = 4, size_weight: float = 0.1, offset_weight: float = 1.0) -> Loss:
    """Return the loss of CenterNet, as training takes it.

    With `p` the sigmoid of a logit, `Y` the heatmap of `targets` and `N` the number of a picture's
    objects, or 1 if there are none::

        heatmap = -1/N sum over cells and classes of  (1 - p)^2 log p              where Y = 1
                                                      (1 - Y)^4 p^2 log(1 - p)     elsewhere
        size    =  1/N sum over objects of |size - its size|, height plus width, in cells
        offset  =  1/N sum over objects of |offset - its offset|, likewise
        loss    =  heatmap + size_weight * size + offset_weight * offset

    Args:
        stride: pixels of a cell on each axis.
        size_weight: of the sizes, 0.1 in the paper.
        offset_weight: of the offsets.

    Returns:
        `(outputs, batch) -> (losses (n,), {"heatmap", "size", "offset": (n,)})`.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, the outputs or the batch.

    Example:
        >>> batch = {"boxes": jnp.zeros((1, 1, 4)), "boxes_valid": jnp.zeros((1, 1), bool)}
        >>> batch["classes"] = jnp.zeros((1, 1), jnp.int32)
        >>> losses, parts = loss()(jnp.full((1, 4, 4, 5), -9.0), batch)  # no objects: none found
        >>> losses.shape, bool(losses[0] < 1e-6), sorted(parts)
        ((1,), True, ['heatmap', 'offset', 'size'])
    """
    arguments.integer("stride", stride, at_least=1)
    arguments.number("size_weight", size_weight, at_least=0)
    arguments.number("offset_weight", offset_weight, at_least=0)

    def centernet_loss(outputs, batch):
        classes = check_outputs(outputs)
        outputs = jnp.asarray(outputs, jnp.float32)
        n, *grid, _ = outputs.shape
        truth = targets(batch, grid=(grid[0], grid[1]), classes=classes, stride=stride)
        focal = _focal(outputs[..., :classes], truth["heatmap"])
        at_centers = outputs[..., classes:].reshape(n, -1, 4)
        at_centers = jnp.take_along_axis(at_centers, truth["cell"][..., None], axis=1)
        counts = truth["counts"].astype(jnp.float32)
        number = jnp.maximum(counts.sum(-1), 1)

        def distance(found, true):
            return (jnp.abs(found - true).sum(-1) * counts).sum(-1) / number

        parts = {
            "heatmap": focal.sum((1, 2, 3)) / number,
            "size": distance(at_centers[..., :2], truth["size"]),
            "offset": distance(at_centers[..., 2:], truth["offset"]),
        }
        weighted = size_weight * parts["size"] + offset_weight * parts["offset"]
        return parts["heatmap"] + weighted, parts

    return centernet_loss


def _focal(logits: jax.Array, heatmap: jax.Array) -> jax.Array:
    p, log_p, log_not = (
        jax.nn.sigmoid(logits),
        jax.nn.log_sigmoid(logits),
        jax.nn.log_sigmoid(-logits),
    )
    center = (1 - p) ** 2 * log_p
    elsewhere = (1 - heatmap) ** 4 * p**2 * log_not
    return -jnp.where(heatmap == 1, center, elsewhere)
