"""`targets`: what the network should say about given masks."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from cnn_jax import arguments

from ..segmentation import checked
from ..segmentation import targets as labels

UNIT = 8.0  # pixels of a vote of 1: about how far a pixel of these objects is from the center


def targets(batch: Mapping[str, ArrayLike], *, sigma: float = 2.0) -> dict[str, jax.Array]:
    """Return the labels, the heatmap of centers and the votes of the masks of a batch.

    A center `c` puts a bump on the heatmap: `Y[q] = max over objects of exp(-|q - c|^2 / (2
    sigma^2))`. Where masks overlap, the object in the later place counts: it lies on top.

    Args:
        batch: `masks`, `boxes_valid`, `classes`.
        sigma: of the bumps, in pixels.

    Returns:
        ::

            label     (n, height, width) int32: 0, or 1 + the class of the object there
            heatmap   (n, height, width) float32 in [0, 1]
            votes     (n, height, width, 2) float32: from a pixel of an object to its center, down
                      and right, in units of `UNIT` pixels; 0 elsewhere

    Raises:
        TypeError, ValueError: an argument is wrong, or the batch is.

    Example:
        >>> batch = {"masks": jnp.zeros((1, 1, 4, 4), bool).at[0, 0, 1:, 1:].set(True)}
        >>> batch |= {"boxes_valid": jnp.ones((1, 1), bool), "classes": jnp.zeros((1, 1), int)}
        >>> found = targets(batch)
        >>> found["heatmap"][0].argmax().item(), (UNIT * found["votes"][0, 1, 3]).tolist()
        (10, [1.0, -1.0])
    """
    masks, valid, _ = checked(batch)
    sigma = arguments.number("sigma", sigma, above=0)
    n, _, height, width = masks.shape
    masks = masks & valid[..., None, None]
    rows = jnp.arange(height, dtype=jnp.float32)[:, None]
    columns = jnp.arange(width, dtype=jnp.float32)[None]
    heatmap = jnp.zeros((n, height, width), jnp.float32)
    votes = jnp.zeros((n, height, width, 2), jnp.float32)
    for place in range(masks.shape[1]):
        mask = masks[:, place]
        area = mask.sum((1, 2))
        share = mask.astype(jnp.float32) / jnp.maximum(area, 1).astype(jnp.float32)[:, None, None]
        down = (
            jnp.matmul(share.sum(2), rows, precision="highest")[:, :, None] - rows[None]
        )  # (n, height, 1)
        right = (
            jnp.matmul(share.sum(1), columns.T, precision="highest")[:, :, None] - columns[None]
        )  # (n, 1, width)
        bump = jnp.exp(-(down**2 + right**2) / (2 * sigma**2))
        heatmap = jnp.maximum(heatmap, jnp.where((area > 0)[:, None, None], bump, 0))
        vote = jnp.stack(jnp.broadcast_arrays(down, right), -1) / UNIT
        votes = jnp.where(mask[..., None], vote, votes)
    return {**labels(batch), "heatmap": heatmap, "votes": votes}


def check_outputs(outputs: ArrayLike) -> int:
    """The number of classes of a network's outputs, without the background."""
    shape, dtype = jnp.shape(outputs), jnp.asarray(outputs).dtype
    if len(shape) != 4 or shape[-1] < 5 or not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(
            "`outputs` must be floats (n, height, width, classes + 4): logits of background and "
            f"classes, a height and two votes; got {dtype} {shape}."
        )
    return shape[-1] - 4
