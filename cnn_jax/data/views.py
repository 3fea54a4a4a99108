"""`views`: pairs of views of photographs, with the exact homography between them.

A pair is made as published: a square of a photograph is the first view; its corners are moved at
random, and the second view shows what lies in that quadrilateral, as if a camera had moved before a
plane. Each may have blur, another light and noise of its own.

References:
    DeTone, Malisiewicz and Rabinovich, *Deep image homography estimation*, 2016, arXiv:1606.03798,
    section III.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from cnn_jax import arguments
from cnn_jax import functional as F
from cnn_jax.arguments import with_hints

from .augment.parts import geometry
from .photos import Joined

Range = float | Sequence[float]


@with_hints
def views(
    photographs: Sequence[ArrayLike],
    *,
    size: int = 128,
    reach: float | None = None,
    blur: Range = 0.0,
    light: float = 0.0,
    noise: Range = 0.0,
) -> Callable[[jax.Array], dict[str, jax.Array]]:
    """Return a function that makes a pair of views for each key, with the truth about it.

    Args:
        photographs: uint8 (height, width, 1) each, of any sizes, at least `size + 2 * reach`.
        size: height and width of both views.
        reach: the corners move by up to so many pixels on each axis; at most a quarter of `size`,
            which is the default, as published: so a quadrilateral is always convex.
        blur: the standard deviation of a Gaussian blur, in pixels; or a pair `(low, high)`, between
            which each view draws its own.
        light: of each view: contrast times `1 + a`, brightness plus `b`, both uniform in `(-light,
            light)`, where 1 is white.
        noise: the standard deviation of Gaussian noise in 255ths, or a pair.

    Returns:
        `keys -> truth`, pure, for keys `(n,)` such as `jax.random.split(key, n)`; a pair depends on
        its own key alone. The truth::

            first, second   (n, size, size, 1) uint8
            corners         (n, 4, 2) float32: where the corners of the second view (top left, top
                            right, bottom right, bottom left) lie in the first, minus where they lie
                            in the second: (y, x) in pixels
            scene           (n, side, side, 1) uint8: the photograph around the first view, without
                            blur, with a margin of `reach`, rounded up, on each side

    Raises:
        TypeError, ValueError: an argument is wrong.

    Example:
        >>> from cnn_jax.data import photos
        >>> gray = photos.load("train", channels=1)
        >>> make = views(list(gray.values()), size=64, noise=(0, 20))
        >>> truth = make(jax.random.split(jax.random.key(0), 3))
        >>> truth["first"].shape, truth["scene"].shape, float(jnp.abs(truth["corners"]).max()) <= 16
        ((3, 64, 64, 1), (3, 96, 96, 1), True)
    """
    size = arguments.integer("size", size, at_least=8)
    limit = size / 4 if reach is None else reach
    limit = arguments.number("reach", limit, at_least=0, at_most=size / 4)
    margin = -int(-limit // 1)
    blurs, noises = arguments.span("blur", blur), arguments.span("noise", noise)
    light = arguments.number("light", light, at_least=0, below=1)
    side = size + 2 * margin
    joined = Joined.of(_checked(photographs, side))
    rows = jnp.arange(size, dtype=jnp.float32) + 0.5
    centers = jnp.stack(jnp.meshgrid(rows, rows, indexing="ij"), -1)
    square = jnp.array([[0, 0], [0, 1], [1, 1], [1, 0]], jnp.float32)

    def seen(view, drawn, noise):
        """A view (size, size, 1) in [0, 1], as a camera stores it."""
        view = _blurred(view, blurs[0] + (blurs[1] - blurs[0]) * drawn[0])
        view = (view - 0.5) * (1 + light * (2 * drawn[1] - 1)) + 0.5 + light * (2 * drawn[2] - 1)
        level = (noises[0] + (noises[1] - noises[0]) * drawn[3]) / 255
        return jnp.round(jnp.clip(view + level * noise, 0, 1) * 255).astype(jnp.uint8)

    def pair(key):
        # Few draws of many numbers: each further one takes XLA 0.3 s to compile on CPU.
        draw_key, noise_key = jax.random.split(key)
        drawn = jax.random.uniform(draw_key, (19,))
        noise = jax.random.normal(noise_key, (2 * size**2,)).reshape(2, size, size, 1)
        scene = joined.drawn(drawn[:3], side)
        corners = limit * (2 * drawn[3:11].reshape(4, 2) - 1)
        homography = geometry.corners_to((size, size), square + corners / size)
        plane = scene.astype(jnp.float32) / 255
        second = F.sample(plane, geometry.move(homography, centers) + (margin - 0.5))
        first = plane[margin : margin + size, margin : margin + size]
        both = jax.vmap(seen)(jnp.stack([first, second]), drawn[11:].reshape(2, 4), noise)
        return {"first": both[0], "second": both[1], "corners": corners, "scene": scene}

    return jax.vmap(pair)


def _blurred(view: jax.Array, deviation: jax.Array) -> jax.Array:
    """A Gaussian blur of its own strength, 0 for none; at an edge, of what is there.

    A product with a matrix for each axis: a kernel would have another length for each strength.
    """
    places = jnp.arange(len(view), dtype=jnp.float32)
    distance = (places[:, None] - places[None]) / jnp.maximum(deviation, 1e-3)
    weights = jnp.exp(-jnp.square(distance) / 2)
    weights = weights / weights.sum(1, keepdims=True)
    return jnp.einsum("ij,jkc,lk->ilc", weights, view, weights, precision="highest")


def _checked(photographs: Sequence[ArrayLike], side: int) -> list[np.ndarray]:
    arrays = [np.asarray(photograph) for photograph in photographs]
    for array in arrays or [np.zeros(0)]:
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[-1] != 1:
            raise ValueError(
                "`photographs` must be one or more uint8 arrays (height, width, 1); got "
                f"{array.dtype} {array.shape}."
            )
        if min(array.shape[:2]) < side:
            raise ValueError(
                f"`photographs` must be at least {side} x {side} pixels, a view and the reach "
                f"around it; got {array.shape}."
            )
    return arrays
