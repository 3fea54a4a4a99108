"""`hits` and `pck`: which joints are found, and the percentage of them."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from cnn_jax import arguments

from .._accumulator import Accumulator
from ._checks import checked
from ._heatmaps import SHIFTS, decode

SIZES = ("box", "torso")


def hits(
    found: ArrayLike,
    batch: Mapping[str, Any],
    *,
    share: float = 0.1,
    of: str = "box",
    picture: tuple[int, int] | None = None,
) -> tuple[jax.Array, jax.Array]:
    """Say which joints are found: those not farther from their place than a share of a size.

    Args:
        found: (n, joints, 2), from `decode`.
        batch: `keypoints` and `keypoints_visible`; `torso` for the second size.
        share: of the size.
        picture: height and width; joints outside of it do not count. None: all visible, finite
            joints count, wherever they are.
        of: which size: ``"box"``, the longer side of the tight box around the person's joints that
            count, 0 if there is one joint only (Yang and Ramanan, with a share of 0.1 for whole
            people); or ``"torso"``, `batch["torso"]`, (n,) floats: pixels from the left shoulder to
            the right hip, as usual for the Leeds Sports Poses, there with a share of 0.2.

    Returns:
        Two of (n, joints) bool: which are found, and which count. What does not count is not found.

    Raises:
        TypeError, ValueError: an argument is wrong.

    References:
        Yang and Ramanan, *Articulated human detection with flexible mixtures of parts*, 2013,
        section 6.1: the percentage of correct keypoints, PCK.

    Example:
        >>> batch = {"keypoints": jnp.array([[[0.0, 0.0], [30.0, 10.0]]])}
        >>> right, _ = hits(jnp.array([[[0.0, 3.0], [30.0, 14.0]]]), batch)
        >>> right.tolist()
        [[True, False]]
    """
    share = arguments.number("share", share, at_least=0)
    arguments.one_of("of", of, SIZES)
    points, counts = checked(batch, picture)
    found = jnp.asarray(found, jnp.float32)
    if found.shape != points.shape:
        raise ValueError(
            f"`found` must have the shape of `keypoints`, {points.shape}; got {found.shape}."
        )
    if of == "torso":
        if "torso" not in batch or jnp.shape(batch["torso"]) != points.shape[:1]:
            raise ValueError('`batch` must have `torso`, (n,) floats, with `of="torso"`.')
        size = jnp.asarray(batch["torso"], jnp.float32)
    else:
        low = jnp.where(counts[..., None], points, jnp.inf).min(1)
        high = jnp.where(counts[..., None], points, -jnp.inf).max(1)
        size = jnp.maximum((high - low).max(-1), 0)
    distance = jnp.sqrt(((found - points) ** 2).sum(-1))
    return (distance <= share * size[:, None]) & counts, counts


def pck(
    joints: int, *, share: float = 0.1, of: str = "box", stride: int = 4, shift: str = "quarter"
) -> Accumulator:
    """Return the percentage of correct keypoints as a metric, a share in [0, 1].

    Args:
        joints: the number of heatmaps.
        share: as for `hits`.
        of: as for `hits`.
        stride: pixels of a cell on each axis.
        shift: as for `decode`.

    Returns:
        An accumulator whose result is `{"pck": found / counting, over all joints, "joints":
        (joints,) the same of each}`; NaN where none counts.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, the outputs or the batch.

    Example:
        >>> metric, outputs = pck(1, stride=1), jnp.zeros((2, 4, 4, 1)).at[:, 1, 1].set(1.0)
        >>> batch = {"keypoints": jnp.array([[[1.5, 1.5]], [[3.5, 1.5]]])}
        >>> metric.result(metric.add(metric.start(), outputs, batch))["pck"]
        0.5
    """
    joints = arguments.integer("joints", joints, at_least=1)
    arguments.number("share", share, at_least=0)
    arguments.one_of("of", of, SIZES)
    arguments.integer("stride", stride, at_least=1)
    arguments.one_of("shift", shift, SHIFTS)

    def add(total, outputs, batch):
        if jnp.shape(outputs)[-1] != joints:
            raise ValueError(
                f"`outputs` must have {joints} heatmaps, as the metric; got {jnp.shape(outputs)}."
            )
        found = decode(outputs, stride=stride, shift=shift)["keypoints"]
        picture = (outputs.shape[1] * stride, outputs.shape[2] * stride)
        right, counts = hits(found, batch, share=share, of=of, picture=picture)
        return total + jnp.stack([right.sum(0), counts.sum(0)]).astype(jnp.int32)

    def result(total):
        right, counts = np.asarray(total, np.float64)
        with np.errstate(invalid="ignore"):
            return {"pck": float(right.sum() / counts.sum()), "joints": right / counts}

    return Accumulator(lambda: jnp.zeros((2, joints), jnp.int32), add, result)
