"""`mirror_order` and `mirrored`: left and right exchanged."""

from collections.abc import Sequence

import jax
import numpy as np
from jax.typing import ArrayLike

from ._checks import heatmaps


def mirror_order(joints: Sequence[str]) -> tuple[int, ...]:
    """Say which joint takes the place of each in a mirrored picture: left and right are exchanged.

    It is what `data.augment.flip` takes as its `keypoint_order`.

    Args:
        joints: names in which ``"left"`` or ``"right"`` says the side.

    Raises:
        ValueError: one has no counterpart.

    Example:
        >>> mirror_order(("right wrist", "left wrist", "neck"))
        (1, 0, 2)
    """
    names, order = list(joints), []
    for name in names:
        parts = [part.replace("left", "right") for part in name.split("right")]
        other = "left".join(parts)
        if other not in names:
            raise ValueError(
                f"`joints` must have both of a left and a right joint; {name!r} is there, and not "
                f"{other!r}."
            )
        order.append(names.index(other))
    return tuple(order)


def mirrored(outputs: ArrayLike, order: Sequence[int]) -> jax.Array:
    """Return the heatmaps of the mirrored picture: turned over, left and right exchanged.

    The mean of a picture's heatmaps and those of its mirror image, mirrored back, is a little
    better than the first alone: that is how the paper tests.

    Args:
        outputs: (n, h, w, joints).
        order: from `mirror_order`.

    Raises:
        ValueError: `order` has another length, or the outputs another rank.

    Example:
        >>> import jax.numpy as jnp
        >>> mirrored(jnp.array([[[[1.0, 2.0], [3.0, 4.0]]]]), (1, 0)).tolist()
        [[[[4.0, 3.0], [2.0, 1.0]]]]
    """
    outputs = heatmaps(outputs)
    if sorted(order) != list(range(outputs.shape[-1])):
        raise ValueError(
            f"`order` must hold each of 0 to {outputs.shape[-1] - 1} once; got {tuple(order)}."
        )
    return outputs[:, :, ::-1][..., np.array(order)]
