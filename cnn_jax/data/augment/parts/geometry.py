"""Homographies: 3 x 3 matrices that move points `(y, x)` of a picture, and how they are made.

Pixel `(i, j)` is the square from `(i, j)` to `(i + 1, j + 1)`: its center is `(i + 1/2, j + 1/2)`.
All sums are written out: a matrix product may run in fewer bits on an accelerator, and nothing to
do must be the identity bit for bit.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike


def matrix(rows: Sequence[Sequence[ArrayLike]]) -> jax.Array:
    """A matrix of entries, some of which may be traced."""
    return jnp.stack([jnp.stack([jnp.asarray(e, jnp.float32) for e in row]) for row in rows])


def move(homography: jax.Array, points: jax.Array) -> jax.Array:
    """Points `(..., 2)` where the homography takes them.

    Example:
        >>> move(shifted(1.0, 2.0), jnp.array([[0.5, 0.5]])).tolist()
        [[1.5, 2.5]]
    """
    y, x = points[..., 0], points[..., 1]
    rows = [row[0] * y + row[1] * x + row[2] for row in homography]
    return jnp.stack([rows[0] / rows[2], rows[1] / rows[2]], -1)


def compose(second: jax.Array, first: jax.Array) -> jax.Array:
    """The homography that does the first, then the second."""
    return jnp.sum(second[:, :, None] * first[None], axis=1)


def inverse(homography: jax.Array) -> jax.Array:
    """The way back: the adjugate, as a factor of a homography does not matter."""
    (a, b, c), (d, e, f), (g, h, i) = homography
    return matrix(
        [
            [e * i - f * h, c * h - b * i, b * f - c * e],
            [f * g - d * i, a * i - c * g, c * d - a * f],
            [d * h - e * g, b * g - a * h, a * e - b * d],
        ]
    )


def shifted(y: ArrayLike, x: ArrayLike) -> jax.Array:
    """By so many pixels down and to the right."""
    return matrix([[1.0, 0.0, y], [0.0, 1.0, x], [0.0, 0.0, 1.0]])


def flipped(size: tuple[int, int], axis: int) -> jax.Array:
    """Upside down (axis 0) or left to right (axis 1)."""
    height, width = size
    if axis == 0:
        return matrix([[-1.0, 0.0, height], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    return matrix([[1.0, 0.0, 0.0], [0.0, -1.0, width], [0.0, 0.0, 1.0]])


def stretched(corner: Sequence[Any], scale: Sequence[Any]) -> jax.Array:
    """The part that begins at `corner` moved to (0, 0), with both axes stretched by `scale`."""
    (y, x), (down, right) = corner, scale
    return matrix([[down, 0.0, -down * y], [0.0, right, -right * x], [0.0, 0.0, 1.0]])


def affine(
    size: tuple[int, int],
    *,
    degrees: ArrayLike = 0.0,
    scale: Any = 1.0,
    shear: Sequence[Any] = (0.0, 0.0),
    translate: Sequence[Any] = (0.0, 0.0),
) -> jax.Array:
    """Shear, then scale, then turn about the center of the picture, then shift.

    Args:
        size: of the picture, `(height, width)`.
        degrees: counterclockwise as one sees the picture.
        scale: larger than 1 enlarges what one sees.
        shear: `(down, right)`: a point `d` pixels right of the center goes `down * d` pixels down,
            and one `d` pixels below it goes `right * d` pixels to the right.
        translate: `(down, right)` in pixels.
    """
    cos, sin = cos_sin(degrees)
    down, right = shear
    a, b = scale * (cos - sin * right), scale * (cos * down - sin)
    c, d = scale * (sin + cos * right), scale * (sin * down + cos)
    y, x = size[0] / 2, size[1] / 2
    return matrix(
        [
            [a, b, translate[0] + (y - (a * y + b * x))],
            [c, d, translate[1] + (x - (c * y + d * x))],
            [0.0, 0.0, 1.0],
        ]
    )


def cos_sin(degrees: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """Cosine and sine, exact for whole quarter turns.

    Example:
        >>> [float(x) for x in cos_sin(-450.0)]
        [0.0, -1.0]
    """
    degrees = jnp.asarray(degrees, jnp.float32)
    quarters = jnp.round(degrees / 90)
    rest = jnp.deg2rad(degrees - 90 * quarters)
    cos, sin = jnp.cos(rest), jnp.sin(rest)
    which = jnp.mod(quarters, 4).astype(jnp.int32)
    return lax.select_n(which, cos, -sin, -cos, sin), lax.select_n(which, sin, cos, -sin, -cos)


def corners_to(size: tuple[int, int], corners: jax.Array) -> jax.Array:
    """The homography that takes the corners of a picture to other places.

    Args:
        size: of the picture, `(height, width)`.
        corners: (4, 2), where the corners top left, top right, bottom right and bottom left go, in
            shares of the height and of the width.

    References:
        Heckbert, *Fundamentals of Texture Mapping and Image Warping*, 1989, section 2.2.3.
    """
    (y0, x0), (y1, x1), (y2, x2), (y3, x3) = corners
    sum_y, sum_x = y0 - y1 + y2 - y3, x0 - x1 + x2 - x3
    area = (x1 - x2) * (y3 - y2) - (x3 - x2) * (y1 - y2)
    g = (sum_x * (y3 - y2) - (x3 - x2) * sum_y) / area
    h = ((x1 - x2) * sum_y - sum_x * (y1 - y2)) / area
    of_unit_square = [
        [y3 - y0 + h * y3, y1 - y0 + g * y1, y0],
        [x3 - x0 + h * x3, x1 - x0 + g * x1, x0],
        [h, g, 1.0],
    ]
    sides = (*size, 1)
    return matrix(
        [[e * (sides[i] / sides[j]) for j, e in enumerate(row)]
         for i, row in enumerate(of_unit_square)]
    )  # fmt: skip
