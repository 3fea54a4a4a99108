"""Pictures turned, sheared, scaled and seen from aside: `rotate`, `affine` and `perspective`."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from cnn_jax import arguments
from cnn_jax.arguments import shown, with_hints

from .parts import geometry
from .parts.batch import Augmentation, per_example
from .parts.moving import outside, warp
from .parts.options import Range, pair, share, symmetric


@with_hints
def rotate(
    degrees: Range, *, fill: float = 0.0, fill_mask: int = 0, min_visible: float = 0.0
) -> Augmentation:
    """Turn each picture about its center by an angle of its own; it keeps its size.

    Args:
        degrees: the angle is uniform in `(-degrees, degrees)`, or in a pair `(low, high)`; positive
            is counterclockwise. Quarter turns of a square picture are exact.
        fill: value of pixels from outside, which the picture's edges fade to over half a pixel.
        fill_mask: label of pixels from outside.
        min_visible: the share of a box that must be left in the picture, else it is not valid.

    Returns:
        `(key, batch) -> batch`. Pixels are bilinear, masks have the nearest label.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, the batch is.

    Example:
        >>> batch = {"image": jnp.array([[1, 2], [3, 4]], jnp.uint8)[None, ..., None]}
        >>> rotate((90, 90))(jax.random.key(0), batch)["image"][0, ..., 0].tolist()
        [[2, 4], [1, 3]]
    """
    low, high = symmetric("degrees", degrees)
    rules = outside(fill=fill, fill_mask=fill_mask, min_visible=min_visible)

    def one(key, example):
        angle = jax.random.uniform(key, minval=low, maxval=high)
        size = example["image"].shape[:2]
        return warp(example, geometry.affine(size, degrees=angle), rules)

    return per_example(one)


@with_hints
def affine(
    degrees: Range = 0.0,
    *,
    translate: float | Sequence[float] = 0.0,
    scale: Sequence[float] = (1.0, 1.0),
    shear: Range = 0.0,
    fill: float = 0.0,
    fill_mask: int = 0,
    min_visible: float = 0.0,
) -> Augmentation:
    """Shear, scale, turn and shift each picture, by amounts of its own; it keeps its size.

    About the center `c`, a point `p` goes to `c + t + scale * turn @ shear @ (p - c)`.

    Args:
        degrees: the angle is uniform in `(-degrees, degrees)`, or in a pair `(low, high)`; positive
            is counterclockwise.
        translate: the shift is uniform in `(-translate, translate)` times the height and the width;
            one share for both axes, or `(down, right)`.
        scale: the factor is uniform in `(low, high)`; 2 shows everything twice as large.
        shear: of the rows against each other, in degrees below 90: uniform in `(-shear, shear)`, or
            in a pair `(low, high)`.
        fill: value of pixels from outside, which the picture's edges fade to over half a pixel.
        fill_mask: label of pixels from outside.
        min_visible: the share of a box that must be left in the picture, else it is not valid.

    Returns:
        `(key, batch) -> batch`. Pixels are bilinear, masks have the nearest label.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, the batch is.

    Example:
        >>> batch = {"image": jnp.ones((8, 28, 28, 1), jnp.uint8)}
        >>> augment = affine(10, translate=0.1, scale=(0.9, 1.1), shear=5)
        >>> augment(jax.random.key(0), batch)["image"].shape
        (8, 28, 28, 1)
    """
    angles = symmetric("degrees", degrees)
    shifts = _per_axis_shares(translate)
    scales = pair("scale", scale, above=0)
    shears = symmetric("shear", shear, at_most=89)
    rules = outside(fill=fill, fill_mask=fill_mask, min_visible=min_visible)
    ranges = [angles, scales, shears, *((-shift, shift) for shift in shifts)]
    low, high = np.array(ranges, np.float32).T

    def one(key, example):
        drawn = jax.random.uniform(key, low.shape, minval=low, maxval=high)
        angle, factor, slant, down, right = drawn
        height, width = example["image"].shape[:2]
        homography = geometry.affine(
            (height, width),
            degrees=angle,
            scale=factor,
            shear=(0.0, jnp.tan(jnp.deg2rad(slant))),
            translate=(height * down, width * right),
        )
        return warp(example, homography, rules)

    return per_example(one)


@with_hints
def perspective(
    distortion: float = 0.5,
    *,
    probability: float = 0.5,
    fill: float = 0.0,
    fill_mask: int = 0,
    min_visible: float = 0.0,
) -> Augmentation:
    """See each picture from aside: move its corners inward, each to a place of its own.

    Args:
        distortion: in `[0, 1)`; a corner moves by up to half of this share of the height and of the
            width, uniformly. Above 2/3 some corners would make no convex picture: of 0.9 one in 50;
            such a picture stays as it is.
        probability: with which a picture is changed.
        fill: value of pixels from outside, which the picture's edges fade to over half a pixel.
        fill_mask: label of pixels from outside.
        min_visible: the share of a box that must be left in the picture, else it is not valid.

    Returns:
        `(key, batch) -> batch`. Pixels are bilinear, masks have the nearest label.

    Raises:
        TypeError, ValueError: an argument is wrong; or, when it is used, the batch is.

    Example:
        >>> batch = {"image": jnp.ones((8, 28, 28, 1))}
        >>> perspective(0.3)(jax.random.key(0), batch)["image"].shape
        (8, 28, 28, 1)
    """
    arguments.number("distortion", distortion, at_least=0, below=1)
    share("probability", probability)
    rules = outside(fill=fill, fill_mask=fill_mask, min_visible=min_visible)
    corners = np.array([[0, 0], [0, 1], [1, 1], [1, 0]], np.float32)

    def one(key, example):
        coin, *drawn = jax.random.uniform(key, (9,))
        to = jnp.abs(corners - distortion / 2 * jnp.stack(drawn).reshape(4, 2))
        homography = geometry.corners_to(example["image"].shape[:2], to)
        side = jnp.roll(to, -1, 0) - to
        after = jnp.roll(side, -1, 0)
        convex = (side[:, 1] * after[:, 0] > side[:, 0] * after[:, 1]).all()
        do = (coin < probability) & convex
        return warp(example, jnp.where(do, homography, jnp.eye(3)), rules)

    return per_example(one)


def _per_axis_shares(translate: object) -> tuple[float, float]:
    """`translate` as a share of the height and one of the width."""
    entries = translate if isinstance(translate, tuple | list) else (translate, translate)
    if len(entries) != 2:
        raise ValueError(
            f"`translate` must be a number or a pair (down, right); got {shown(translate)}."
        )
    down, right = (share("translate", entry) for entry in entries)
    return down, right
