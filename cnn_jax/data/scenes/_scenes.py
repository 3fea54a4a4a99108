"""`scenes`: garments scaled, turned and laid over each other on a background."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from cnn_jax import arguments
from cnn_jax.arguments import shown

from ._backgrounds import background
from ._garments import boxes_of, laid, silhouette

Truth = dict[str, jax.Array]


def scenes(
    garments: ArrayLike,
    labels: ArrayLike,
    backgrounds: Any = None,
    *,
    size: int = 96,
    objects: tuple[int, int] = (1, 6),
    scale: tuple[float, float] = (0.8, 1.6),
    degrees: float = 30.0,
    min_visible: float = 0.4,
) -> Callable[[jax.Array], Truth]:
    """Return a function that composes a scene for each key, with the truth about it.

    Garments have a color of their own. Those in later places lie over those in earlier ones. A
    garment of which less than `min_visible` could be seen, because others lie over it or because it
    would be outside, is left out, so all that is seen belongs to valid objects.

    Args:
        garments: (k, height, width) or (k, height, width, 1) uint8, bright on black.
        labels: (k,) integers, their classes.
        backgrounds: uint8 photographs, (n, height, width, 3) or a list of images of several sizes,
            of which parts are taken; or a function `key -> (size, size, 3)` in [0, 1], such as
            `altered` makes; None is smooth noise.
        size: height and width of a scene.
        objects: (fewest, most) garments; the latter is `m` below.
        scale: (low, high), drawn for each garment.
        degrees: a garment is turned by an angle uniform in `(-degrees, degrees)`.
        min_visible: the share of a garment that must be seen, in `[0, 0.9]`.

    Returns:
        `keys -> truth`, pure, for keys `(n,)` such as `jax.random.split(key, n)`; a scene depends
        on its own key alone. The truth::

            image          (n, size, size, 3) uint8
            boxes          (n, m, 4) float32: (top, left, bottom, right) in pixels, tight around
                           all of a garment that is inside of the picture, hidden parts included
            boxes_visible  (n, m, 4) float32, tight around what is seen of it
            boxes_valid    (n, m) bool: which of the places hold a garment
            classes        (n, m) int32; 0 where there is none
            masks          (n, m, size, size) bool: where it is seen; no two overlap
            depth          (n, m) int32: 0 for the garment on top, 1 for the one below; m for none

        Boxes are exact: a pixel belongs to a garment that covers half of it or more.

    Raises:
        TypeError, ValueError: an argument is wrong.

    Example:
        >>> clothes, kinds = np.full((2, 28, 28), 200, np.uint8), np.array([3, 4])
        >>> make = scenes(clothes, kinds, size=48, objects=(1, 2), degrees=0)
        >>> truth = make(jax.random.split(jax.random.key(1), 3))
        >>> truth["image"].shape, truth["boxes_valid"].shape, truth["masks"].dtype
        ((3, 48, 48, 3), (3, 2), dtype('bool'))
    """
    clothes, kinds = checked(garments, labels)
    size = arguments.integer("size", size, at_least=8)
    fewest, most = pair("objects", objects)
    fewest = arguments.integer("objects", fewest, at_least=0)
    most = arguments.integer("objects", most, at_least=max(fewest, 1))
    smallest, largest = (arguments.number("scale", s, above=0) for s in pair("scale", scale))
    turn = arguments.number("degrees", degrees, at_least=0, at_most=180)
    share = arguments.number("min_visible", min_visible, at_least=0, at_most=0.9)
    behind = background(backgrounds, size)
    half = max(clothes.shape[1:]) / 2

    def layer(drawn):
        """A garment at random: what it covers, its light, its area and its class."""
        number = jnp.floor(drawn[0] * len(kinds)).astype(jnp.int32)
        factor = smallest + (largest - smallest) * drawn[1]
        edge = jnp.minimum(half * factor * 0.6, size / 2)  # at times a part is outside
        center = edge + (size - 2 * edge) * drawn[2:4]
        angle = turn * (2 * drawn[4] - 1)
        covers, light = laid(clothes[number], size, center, factor, angle)
        color = 0.55 + 0.45 * drawn[5:8]
        area = silhouette(clothes[number]).sum().astype(jnp.float32) * factor**2
        return covers, light[..., None] * color[None, None], area, kinds[number]

    def scene(key):
        # Few draws of many numbers: each further one takes XLA 0.3 s to compile on CPU.
        behind_key, key = jax.random.split(key)
        drawn = jax.random.uniform(key, (most + 1, 8))
        # In a loop, for XLA would fuse `vmap`'s code into all that uses it, and compute it anew in
        # each: four times as long on CPU.
        covers, light, area, classes = jax.lax.map(layer, drawn[1:])
        count = fewest + jnp.floor(drawn[0, 0] * (most + 1 - fewest)).astype(jnp.int32)
        wanted = jnp.arange(most) < count
        solid = covers >= 0.5
        masks, kept = _seen(solid, wanted, area, share)

        image = behind(behind_key)
        for place in range(most):  # from the bottom to the top
            opacity = jnp.where(kept[place], covers[place], 0)[..., None]
            image = image * (1 - opacity) + jnp.where(kept[place], light[place], 0)
        whole = solid & kept[:, None, None]
        number = kept.astype(jnp.int32)
        above = jnp.cumsum(number[::-1])[::-1] - number
        return {
            "image": jnp.round(jnp.clip(image, 0, 1) * 255).astype(jnp.uint8),
            "boxes": boxes_of(whole),
            "boxes_visible": boxes_of(masks),
            "boxes_valid": kept,
            "classes": jnp.where(kept, classes, 0),
            "masks": masks,
            "depth": jnp.where(kept, above, most),
        }

    return jax.vmap(scene)


def _seen(
    solid: jax.Array, wanted: jax.Array, area: jax.Array, share: float
) -> tuple[jax.Array, jax.Array]:
    """What is seen of each garment, (m, size, size), and which are kept, (m,)."""
    masks, kept = [], []
    taken = jnp.zeros(solid.shape[1:], bool)
    for place in reversed(range(len(solid))):  # from the top to the bottom
        mask = solid[place] & ~taken
        keep = wanted[place] & mask.any() & (mask.sum().astype(area.dtype) >= share * area[place])
        mask = mask & keep
        taken = taken | mask
        masks.append(mask)
        kept.append(keep)
    return jnp.stack(masks[::-1]), jnp.stack(kept[::-1])


def pair(name: str, value: Any) -> tuple[Any, Any]:
    """The two entries of a pair (low, high)."""
    if not isinstance(value, Sequence) or len(value) != 2:
        raise ValueError(f"`{name}` must be a pair (low, high); got {shown(value)}.")
    low, high = (arguments.number(name, entry) for entry in value)
    if low > high:
        raise ValueError(f"`{name}` must be a pair (low, high); got {shown(value)}.")
    return value[0], value[1]


def checked(garments: ArrayLike, labels: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """Garments as (k, height, width), and their labels."""
    clothes, kinds = np.asarray(garments), np.asarray(labels)
    clothes = clothes[..., 0] if clothes.ndim == 4 and clothes.shape[-1] == 1 else clothes
    if clothes.dtype != np.uint8:
        raise TypeError(f"`garments` must hold uint8; got {clothes.dtype}.")
    if clothes.ndim != 3 or 0 in clothes.shape:
        raise ValueError(f"`garments` must be (k, height, width); got {np.shape(garments)}.")
    if kinds.dtype.kind not in "iu":
        raise TypeError(f"`labels` must be integers; got {kinds.dtype}.")
    if kinds.shape != clothes.shape[:1]:
        raise ValueError(
            f"`labels` must have one entry for each of {len(clothes)} garments; got {kinds.shape}."
        )
    return jnp.asarray(clothes), jnp.asarray(kinds, jnp.int32)
