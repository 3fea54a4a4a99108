"""`decode`: the peaks of heatmaps as boxes, and `nms`, which thins out boxes."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from cnn_jax import arguments
from cnn_jax import functional as F

from ._targets import check_outputs


def decode(outputs: ArrayLike, *, top: int = 100, stride: int = 4) -> dict[str, jax.Array]:
    """Return what the network says as boxes, the most certain first.

    A peak is a logit that no other in the 3 x 3 cells around it exceeds, on the same heatmap. Box
    and score are those of its cell.

    Args:
        outputs: (n, h, w, classes + 4).
        top: how many boxes of each picture, at most all cells of all heatmaps.
        stride: pixels of a cell on each axis.

    Returns:
        ::

            boxes     (n, top, 4) float32: (top, left, bottom, right) in pixels; not clipped
            scores    (n, top) float32 in [0, 1], falling; 0 where there are fewer peaks
            classes   (n, top) int32

    Raises:
        TypeError, ValueError: an argument is wrong.
    """
    outputs = jnp.asarray(outputs, jnp.float32)
    classes = check_outputs(outputs)
    n, height, width, _ = outputs.shape
    top = min(arguments.integer("top", top, at_least=1), height * width * classes)
    arguments.integer("stride", stride, at_least=1)
    logits = outputs[..., :classes]
    peak = F.max_pool(logits, (3, 3), stride=1, padding=1) == logits
    scores = jnp.where(peak, jax.nn.sigmoid(logits), 0)
    scores, places = jax.lax.top_k(scores.reshape(n, -1), top)
    cell, labels = places // classes, places % classes
    at_peaks = outputs[..., classes:].reshape(n, -1, 4)
    at_peaks = jnp.take_along_axis(at_peaks, cell[..., None], axis=1)
    corner = jnp.stack([cell // width, cell % width], -1).astype(jnp.float32)
    center, half = corner + at_peaks[..., 2:], jnp.maximum(at_peaks[..., :2], 0) / 2
    boxes = stride * jnp.concatenate([center - half, center + half], -1)
    return {"boxes": boxes, "scores": scores, "classes": labels.astype(jnp.int32)}


def nms(found: Mapping[str, jax.Array], *, overlap: float = 0.5) -> dict[str, jax.Array]:
    """Suppress boxes that overlap with a more certain one of their class: their score becomes 0.

    From the most certain box to the least, one is kept if its intersection over union with every
    kept one of its class is at most `overlap`. Static shapes, inside of `jit`.

    Args:
        found: `boxes` (n, k, 4), `scores` (n, k) and `classes` (n, k), in any order.
        overlap: in `[0, 1]`.

    Returns:
        The same in the same order, with some scores 0.

    Raises:
        TypeError, ValueError: an argument is wrong.

    Example:
        >>> boxes = jnp.array([[[0.0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 9]]])
        >>> classes, scores = jnp.array([[0, 0, 1]]), jnp.array([[0.9, 0.8, 0.7]])
        >>> found = nms({"boxes": boxes, "scores": scores, "classes": classes})
        >>> (found["scores"] > 0).tolist()
        [[True, False, True]]
    """
    arguments.number("overlap", overlap, at_least=0, at_most=1)

    def one(boxes, scores, classes):
        order = jnp.argsort(-scores, stable=True)
        same = classes[:, None] == classes[None]
        rivals = (overlaps(boxes, boxes) > overlap) & same

        def judge(i, kept):
            place = order[i]
            keep = (scores[place] > 0) & ~(rivals[place] & kept).any()
            return kept.at[place].set(keep)

        kept = jax.lax.fori_loop(0, len(scores), judge, jnp.zeros(len(scores), bool))
        return jnp.where(kept, scores, 0)

    boxes, scores, classes = (jnp.asarray(found[n]) for n in ("boxes", "scores", "classes"))
    return {**found, "scores": jax.vmap(one)(boxes, scores, classes)}


def overlaps(boxes: jax.Array, others: jax.Array) -> jax.Array:
    """Intersection over union of each box with each other one; 0 if both have no area.

    Args:
        boxes: (j, 4), (top, left, bottom, right).
        others: (k, 4).

    Returns:
        (j, k) in [0, 1].

    Example:
        >>> float(overlaps(jnp.array([[0.0, 0, 2, 2]]), jnp.array([[1.0, 0, 3, 2]]))[0, 0].round(3))
        0.3330000042915344
    """
    boxes, others = boxes[:, None], others[None]
    low = jnp.maximum(boxes[..., :2], others[..., :2])
    high = jnp.minimum(boxes[..., 2:], others[..., 2:])
    common = jnp.maximum(high - low, 0).prod(-1)
    area, other = ((b[..., 2:] - b[..., :2]).prod(-1) for b in (boxes, others))
    union = area + other - common
    return jnp.where(union > 0, common / jnp.where(union > 0, union, 1), 0)
