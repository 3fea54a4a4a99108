"""What belongs to a picture, moved by one homography: pixels, masks, boxes and keypoints."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cnn_jax import arguments
from cnn_jax import functional as F
from cnn_jax.arguments import shown

from . import geometry
from .batch import Example, as_float, as_stored
from .options import share


class Outside(NamedTuple):
    """What comes into the picture from outside of it, and when a box has gone out."""

    fill: float
    fill_mask: int
    min_visible: float


def outside(*, fill: Any = 0.0, fill_mask: Any = 0, min_visible: Any = 0.0) -> Outside:
    """The options as they are, checked."""
    return Outside(
        arguments.number("fill", fill),
        arguments.integer("fill_mask", fill_mask),
        share("min_visible", min_visible),
    )


def warp(example: Example, homography: jax.Array, rules: Outside) -> Example:
    """Everything where the homography takes it; the picture keeps its size."""
    image = example["image"]
    size = image.shape[0], image.shape[1]
    moved = places(example, homography, size, rules.min_visible)
    points = came_from(homography, size)
    moved["image"] = as_stored(_pixels(as_float(image), points, rules.fill), image)
    if "mask" in example:
        moved["mask"] = labels(example["mask"], points, rules.fill_mask)
    return moved


def came_from(homography: jax.Array, size: tuple[int, int]) -> jax.Array:
    """Where the pixels of the new picture came from, `(h, w, 2)`, in elements of the old one."""
    rows, columns = (jnp.arange(n, dtype=jnp.float32) + 0.5 for n in size)
    centers = jnp.stack(jnp.meshgrid(rows, columns, indexing="ij"), -1)
    return geometry.move(geometry.inverse(homography), centers) - 0.5


def _pixels(image: jax.Array, points: jax.Array, fill: float) -> jax.Array:
    """Bilinear between the pixels and, at the picture's edges, the fill."""
    pixels = F.sample(image, points)
    if fill:
        sides = jnp.asarray(image.shape[:2], jnp.float32)[None, None]
        inside = jnp.clip(points + 1, 0, 1) * jnp.clip(sides - points, 0, 1)
        pixels = pixels + (1 - inside.prod(-1, keepdims=True)).astype(image.dtype) * fill
    return pixels


def labels(mask: jax.Array, points: jax.Array, fill_mask: int) -> jax.Array:
    """The nearest labels; outside of the mask `fill_mask`."""
    fill = mask_value(mask.dtype, fill_mask)
    maps = mask if mask.ndim == 3 else mask[..., None]
    maps = F.sample(maps - fill, points, method="nearest") + fill  # around 0, whatever overflows
    return maps if mask.ndim == 3 else maps[..., 0]


def mask_value(dtype: Any, fill_mask: int) -> np.ndarray:
    """The label `fill_mask` in the dtype of a mask."""
    limits = np.iinfo(dtype)
    if not limits.min <= fill_mask <= limits.max:
        raise ValueError(f"`fill_mask` must fit into a mask of {dtype}; got {shown(fill_mask)}.")
    return np.array(fill_mask, dtype)


def places(
    example: Example, homography: jax.Array, size: tuple[int, int], min_visible: float
) -> Example:
    """Boxes and keypoints of an example where the homography takes them, in a picture of `size`."""
    moved = {}
    if "boxes" in example:
        boxes, valid = example["boxes"], example.get("boxes_valid", True)
        moved["boxes"], inside = _boxes(boxes, homography, size, min_visible)
        moved["boxes_valid"] = inside & valid
    if "keypoints" in example:
        points, visible = example["keypoints"], example.get("keypoints_visible", True)
        new = geometry.move(homography, points.astype(jnp.float32))
        sides = jnp.asarray(size, jnp.float32)[None]
        moved["keypoints"] = new.astype(points.dtype)
        moved["keypoints_visible"] = ((new >= 0) & (new <= sides)).all(-1) & visible
    return moved


def _boxes(boxes: jax.Array, homography: jax.Array, size: tuple[int, int], min_visible: float):
    """The boxes around the moved corners, clipped; and which have enough left in the picture."""
    corners = boxes.astype(jnp.float32)[:, np.array([[0, 1], [0, 3], [2, 3], [2, 1]])]
    corners = geometry.move(homography, corners)
    whole = jnp.concatenate([corners.min(1), corners.max(1)], -1)
    clipped = jnp.clip(whole, 0, jnp.asarray([*size, *size], jnp.float32)[None])
    left = _area(clipped)
    enough = (left > 0) & (left >= min_visible * _area(whole))
    return clipped.astype(boxes.dtype), enough


def _area(boxes: jax.Array) -> jax.Array:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
