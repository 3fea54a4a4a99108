"""`loss`: cross entropy of the classes, squared error of the heatmap, L1 of the votes."""

import jax.numpy as jnp

from cnn_jax import arguments

from .. import segmentation
from .._loss import Loss
from ._targets import UNIT, check_outputs, targets


def loss(*, heatmap_weight: float = 100.0, vote_weight: float = 0.1, sigma: float = 2.0) -> Loss:
    """Return the loss of votes for centers, as training takes it.

    ::

        entropy   the mean over all pixels of the cross entropy of background and classes
        heatmap   the mean over all pixels of (height - Y)^2
        votes     the mean over the pixels of objects of |vote - its place|, down plus right, in
                  pixels; 0 if there are none
        loss      entropy + heatmap_weight * heatmap + vote_weight * votes

    Args:
        heatmap_weight: large, because most of the heatmap is 0; 200 in the paper.
        vote_weight: for objects of about 20 pixels; 0.01 in the paper, for larger ones.
        sigma: of the heatmap's bumps, in pixels.

    Returns:
        `(outputs, batch) -> (losses (n,), {"entropy", "heatmap", "votes", "accuracy": (n,)})`, the
        last one the share of pixels whose class is right.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, the outputs or the batch.

    References:
        Cheng et al., *Panoptic-DeepLab*, 2020, arXiv:1911.10194, equation 1.

    Example:
        >>> batch = {"masks": jnp.zeros((1, 1, 4, 4), bool), "classes": jnp.zeros((1, 1), int)}
        >>> batch["boxes_valid"] = jnp.zeros((1, 1), bool)
        >>> losses, parts = loss()(jnp.zeros((1, 4, 4, 5)), batch)  # background or one class
        >>> round(float(losses[0]), 3), sorted(parts)
        (0.693, ['accuracy', 'entropy', 'heatmap', 'votes'])
    """
    arguments.number("heatmap_weight", heatmap_weight, at_least=0)
    arguments.number("vote_weight", vote_weight, at_least=0)
    arguments.number("sigma", sigma, above=0)
    of_labels = segmentation.loss()

    def instance_loss(outputs, batch):
        classes = check_outputs(outputs)
        outputs = jnp.asarray(outputs, jnp.float32)
        truth = targets(batch, sigma=sigma)
        entropy, others = of_labels(outputs[..., : classes + 1], truth)
        error = jnp.square(outputs[..., classes + 1] - truth["heatmap"])
        inside = truth["label"] > 0
        distance = UNIT * jnp.abs(outputs[..., classes + 2 :] - truth["votes"]).sum(-1)
        number = jnp.maximum(inside.sum((1, 2)), 1).astype(jnp.float32)
        parts = {
            "entropy": entropy,
            "heatmap": error.mean((1, 2)),
            "votes": jnp.where(inside, distance, 0).sum((1, 2)) / number,
            "accuracy": others["accuracy"],
        }
        weighted = heatmap_weight * parts["heatmap"] + vote_weight * parts["votes"]
        return entropy + weighted, parts

    return instance_loss
