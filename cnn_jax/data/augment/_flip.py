"""Mirrored pictures: `flip`."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from cnn_jax import arguments
from cnn_jax.arguments import shown, with_hints

from .parts import geometry
from .parts.batch import Augmentation, per_example
from .parts.moving import places
from .parts.options import share

AXES = {"horizontal": 1, "vertical": 0}


@with_hints
def flip(
    probability: float = 0.5,
    *,
    axis: str = "horizontal",
    keypoint_order: Sequence[int] | None = None,
) -> Augmentation:
    """Mirror each picture with some probability.

    Args:
        probability: in `[0, 1]`.
        axis: ``"horizontal"`` changes left and right, ``"vertical"`` upper and lower.
        keypoint_order: for keypoints that have names, which one takes the place of each in a
            mirrored picture: `(1, 0, 2)` if they are left eye, right eye, nose. None: the same.

    Returns:
        `(key, batch) -> batch`.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, the batch is.

    Example:
        >>> batch = {"image": jnp.array([[1, 2, 3]], jnp.uint8)[None, ..., None]}
        >>> flip(1.0)(jax.random.key(0), batch)["image"].ravel().tolist()
        [3, 2, 1]
    """
    share("probability", probability)
    arguments.one_of("axis", axis, AXES)
    order = _checked_order(() if keypoint_order is None else keypoint_order)
    at = AXES[axis]

    def one(key, example):
        do = jax.random.uniform(key) < probability
        image = example["image"]
        size = image.shape[0], image.shape[1]
        moved = places(example, jnp.where(do, geometry.flipped(size, at), jnp.eye(3)), size, 0.0)
        for name in {"image", "mask"} & set(example):
            moved[name] = jnp.where(do, jnp.flip(example[name], at), example[name])
        for name in {"keypoints", "keypoints_visible"} & set(moved) if order.size else ():
            points = moved[name]
            if len(points) != len(order):
                raise ValueError(
                    f"`keypoint_order` must have an entry for each of {len(points)} keypoints; got "
                    f"{len(order)}."
                )
            moved[name] = jnp.where(do, points[order], points)
        return moved

    return per_example(one)


def _checked_order(order: Sequence[int]) -> np.ndarray:
    numbers = arguments.lengths("keypoint_order", order, at_least=0)
    if sorted(numbers) != list(range(len(numbers))):
        raise ValueError(
            f"`keypoint_order` must hold each of 0 to {len(numbers) - 1} once; got {shown(order)}."
        )
    return np.array(numbers)
