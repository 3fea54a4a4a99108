"""Which joints of a batch count, and what is wrong with a batch or with heatmaps."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike


def checked(
    batch: Mapping[str, Any], size: tuple[int, int] | None = None
) -> tuple[jax.Array, jax.Array]:
    """Joints in float32, 0 where they do not count, and which count: inside of `size`, if given."""
    if "keypoints" not in batch:
        raise ValueError("`batch` must have `keypoints`, (n, joints, 2) floats.")
    points = jnp.asarray(batch["keypoints"])
    if points.ndim != 3 or points.shape[-1] != 2:
        raise ValueError(f"`keypoints` must have the shape (n, joints, 2); got {points.shape}.")
    if not jnp.issubdtype(points.dtype, jnp.floating):
        raise TypeError(f"`keypoints` must hold floats; got {points.dtype}.")
    points = points.astype(jnp.float32)
    counts = jnp.isfinite(points).all(-1)
    if "keypoints_visible" in batch:
        visible = jnp.asarray(batch["keypoints_visible"])
        if visible.dtype != jnp.bool_:
            raise TypeError(f"`keypoints_visible` must hold bools; got {visible.dtype}.")
        if visible.shape != points.shape[:2]:
            raise ValueError(
                f"`keypoints_visible` must have one entry for each of `keypoints` {points.shape}; "
                f"got {visible.shape}."
            )
        counts &= visible
    if size is not None:
        counts &= ((points >= 0) & (points <= np.array(size, np.float32).reshape(1, 1, 2))).all(-1)
    return jnp.where(counts[..., None], points, 0), counts


def heatmaps(outputs: ArrayLike) -> jax.Array:
    outputs = jnp.asarray(outputs, jnp.float32)
    if outputs.ndim != 4 or 0 in outputs.shape[1:]:
        raise ValueError(f"`outputs` must be heatmaps (n, h, w, joints); got {outputs.shape}.")
    return outputs
