"""`decode`: what the network says as masks; and how good they are, `average_precision`."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from cnn_jax import arguments
from cnn_jax import functional as F

from .. import detection
from ._targets import UNIT, check_outputs


def decode(
    outputs: ArrayLike, *, top: int = 16, least: float = 0.1, apart: int = 5, kinds: int = 1
) -> dict[str, jax.Array]:
    """Return what the network says as masks, the highest peaks first.

    A peak is a height that no other in the `apart` x `apart` pixels around it exceeds. Each pixel
    that is an object rather than background belongs to the peak that is the nearest to where it
    votes for. A mask's classes are those of its pixels, in the mean.

    Args:
        outputs: (n, height, width, classes + 4).
        top: how many peaks of each picture, at most all pixels.
        least: a peak must be higher.
        apart: pixels, odd.
        kinds: how many classes each mask is given, the likeliest; each is an entry of its own.

    Returns:
        ::

            masks     (n, top * kinds, height, width) bool
            scores    (n, top * kinds) float32 in [0, 1]: the height of the peak, times the
                      probability of the class; 0 where there is no mask
            classes   (n, top * kinds) int32

    Raises:
        TypeError, ValueError: an argument is wrong.
    """
    classes = check_outputs(outputs)
    outputs = jnp.asarray(outputs, jnp.float32)
    n, height, width, _ = outputs.shape
    top = min(arguments.integer("top", top, at_least=1), height * width)
    kinds = min(arguments.integer("kinds", kinds, at_least=1), classes)
    least = arguments.number("least", least, at_least=0, at_most=1)
    if arguments.integer("apart", apart, at_least=1) % 2 == 0:
        raise ValueError(f"`apart` must be odd; got {apart}.")

    heights = outputs[..., classes + 1 : classes + 2]
    around = F.max_pool(heights, (apart, apart), stride=1, padding=apart // 2)
    peaks = jnp.where((around == heights) & (heights > least), heights, -jnp.inf)
    peaks, cells = jax.lax.top_k(peaks.reshape(n, -1), top)
    exists = jnp.isfinite(peaks)
    centers = jnp.stack([cells // width, cells % width], -1).astype(jnp.float32)

    votes = UNIT * outputs[..., classes + 2 :] + _places(height, width)[None]
    away = jnp.square(votes[:, None] - centers[:, :, None, None]).sum(-1)
    away = jnp.where(exists[..., None, None], away, jnp.inf)  # (n, top, height, width)
    said = jax.nn.softmax(outputs[..., : classes + 1])
    solid = (said[..., 0] < 0.5) & exists.any(1)[:, None, None]
    nearest = jnp.argmin(away, 1)[:, None] == jnp.arange(top)[None, :, None, None]
    masks = nearest & solid[:, None]

    area = masks.sum((2, 3)).astype(jnp.float32)
    of_masks = jnp.einsum(
        "nkhw,nhwc->nkc", masks.astype(jnp.float32), said[..., 1:], precision="highest"
    )
    likely, labels = jax.lax.top_k(of_masks / jnp.maximum(area, 1)[..., None], kinds)
    scores = jnp.where(exists, jnp.clip(peaks, 0, 1), 0)[..., None] * likely
    return {
        "masks": jnp.repeat(masks, kinds, axis=1),
        "scores": scores.reshape(n, -1),
        "classes": labels.reshape(n, -1).astype(jnp.int32),
    }


def average_precision(
    found: Mapping[str, ArrayLike], truth: Mapping[str, ArrayLike], *, classes: int, most: int = 100
) -> dict[str, float]:
    """`detection.average_precision` of masks: COCO's, with the overlap of masks.

    Example:
        >>> truth = {"masks": jnp.ones((1, 1, 2, 2), bool), "classes": jnp.array([[0]])}
        >>> found = {**truth, "scores": jnp.array([[0.5]])}
        >>> truth["boxes_valid"] = jnp.array([[True]])
        >>> round(average_precision(found, truth, classes=1)["ap"], 3)
        1.0
    """
    return detection.average_precision(found, truth, classes=classes, most=most, of="masks")


def _places(height: int, width: int) -> jax.Array:
    """The row and column of each pixel, (height, width, 2)."""
    rows, columns = jnp.arange(height), jnp.arange(width)
    grid = jnp.meshgrid(rows, columns, indexing="ij")
    return jnp.stack(grid, -1).astype(jnp.float32)
