"""`videos`: garments that move over a photograph, pass over each other and meet their likes."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from cnn_jax import arguments
from cnn_jax.arguments import with_hints

from ._backgrounds import background
from ._garments import boxes_of, laid, silhouette
from ._paths import Motion, paths
from ._scenes import Truth, checked, pair

EDGES = ("bounce", "leave", "stay")
HALF = 0.6  # of half of a garment's height: about where its edge lies


@with_hints
def videos(
    garments: ArrayLike,
    labels: ArrayLike,
    backgrounds: Any = None,
    *,
    size: int = 64,
    frames: int = 16,
    objects: tuple[int, int] = (1, 3),
    scale: tuple[float, float] = (0.5, 0.9),
    speed: tuple[float, float] = (0.5, 3.0),
    speeds: int | None = None,
    directions: int | None = None,
    degrees: float = 20.0,
    turn: float = 30.0,
    growth: float = 1.3,
    edges: str = "bounce",
    alike: float = 0.5,
) -> Callable[[jax.Array], Truth]:
    """Return a function that makes a video for each key, with the truth about each frame.

    Garments have a color of their own and move at a constant speed over a still background. Those
    in later places lie over those in earlier ones, so the first one is hidden by all that pass it.
    A look-alike is a garment of the class of the first one, every second time the very same, in
    another color; its path crosses that of the first, in the last 60 % of the video.

    Args:
        garments: (k, height, width) or (k, height, width, 1) uint8, bright on black.
        labels: (k,) integers, their classes.
        backgrounds: uint8 photographs, (n, height, width, 3) or a list of images of several sizes,
            of which parts are taken; or a function `key -> (size, size, 3)` in [0, 1], such as
            `altered` makes; None is smooth noise.
        size: height and width of a frame.
        frames: how many; `t` below.
        objects: (fewest, most) garments; the latter is `m` below.
        scale: (low, high) of a garment in the middle of the video, drawn for each.
        speed: (low, high), in pixels per frame, drawn for each garment.
        speeds: how many there are, evenly from low to high; None for any.
        directions: how many there are, at equal angles, the first to the right; None for any.
        degrees: a garment is turned by an angle uniform in `(-degrees, degrees)` in the middle.
        turn: the most degrees by which it turns on its way, to either side.
        growth: the largest factor by which it grows, or shrinks, on its way.
        edges: what a garment does at the edge of the frame: ``"bounce"``; ``"leave"``; or
            ``"stay"``: the middle of its path is so far inside that the center of even the fastest
            one stays 0.6 of half its height from the edge; look-alikes may leave. It is drawn alike
            for all directions and speeds: no single frame tells how a garment moves, and a path and
            its reverse have the same frames.
        alike: the probability that a further garment is a look-alike.

    Returns:
        `keys -> truth`, pure, for keys `(n,)` such as `jax.random.split(key, n)`; a video depends
        on its own key alone. The truth::

            video          (n, t, size, size, 3) uint8
            boxes          (n, t, m, 4) float32: (top, left, bottom, right) in pixels, tight around
                           all of a garment that is inside of the frame, hidden parts included
            boxes_visible  (n, t, m, 4) float32, tight around what is seen of it; 0 if nothing is
            boxes_valid    (n, t, m) bool: whether there is a garment, inside of the frame
            visible        (n, t, m) float32: the share of the garment that is seen
            masks          (n, t, m, size, size) bool: where it is seen; no two overlap
            centers        (n, t, m, 2) float32: its center, down and right, in pixels
            direction      (n, t, m) float32: degrees in [0, 360), 0 to the right, 90 upward
            speed          (n, m) float32: pixels per frame
            classes        (n, m) int32; 0 where there is none
            alike          (n, m) bool: whether it is a look-alike of the first

        Boxes are exact: a pixel belongs to a garment that covers half of it or more.

    Raises:
        TypeError, ValueError: an argument is wrong.

    Example:
        >>> clothes, kinds = np.full((2, 28, 28), 200, np.uint8), np.array([3, 4])
        >>> make = videos(clothes, kinds, size=32, frames=5, objects=(1, 2), directions=4)
        >>> truth = make(jax.random.split(jax.random.key(1), 3))
        >>> truth["video"].shape, truth["boxes"].shape, truth["visible"].shape
        ((3, 5, 32, 32, 3), (3, 5, 2, 4), (3, 5, 2))
    """
    clothes, kinds = checked(garments, labels)
    size = arguments.integer("size", size, at_least=8)
    frames = arguments.integer("frames", frames, at_least=1)
    fewest, most = pair("objects", objects)
    fewest = arguments.integer("objects", fewest, at_least=0)
    most = arguments.integer("objects", most, at_least=max(fewest, 1))
    scales = [arguments.number("scale", s, above=0) for s in pair("scale", scale)]
    slow, fast = (arguments.number("speed", s, at_least=0) for s in pair("speed", speed))
    for name, count in (("speeds", speeds), ("directions", directions)):
        if count is not None:
            arguments.integer(name, count, at_least=1)
    degrees = arguments.number("degrees", degrees, at_least=0, at_most=180)
    turn = arguments.number("turn", turn, at_least=0)
    growth = arguments.number("growth", growth, at_least=1)
    arguments.one_of("edges", edges, EDGES)
    alike = arguments.number("alike", alike, at_least=0, at_most=1)
    reach = HALF * max(clothes.shape[1:]) / 2
    largest = reach * scales[1]
    motion = Motion(size, frames, (slow, fast), speeds, directions, edges, largest)
    if edges == "stay" and motion.margin > size / 2:
        raise ValueError(
            f"`speed` must be lower, or `size` larger, for garments to stay inside; got {speed} "
            f"for {frames} frames of {size} x {size}."
        )
    behind = background(backgrounds, size)
    same_class = _same_class(kinds)
    way = (jnp.arange(frames, dtype=jnp.float32) - motion.middle) / max(motion.middle, 1)

    def layers(garment):
        """What a garment covers in all frames, its light there, and its area."""
        number, factor, drawn, hue, centers = garment
        spin, bigger, angle = 2 * drawn - 1
        sizes = factor * jnp.exp(jnp.log(growth) / 2 * bigger * way)
        lay = jax.vmap(lambda *at: laid(clothes[number], size, *at))
        covers, light = lay(centers, sizes, degrees * angle + turn / 2 * spin * way)
        area = silhouette(clothes[number]).sum().astype(jnp.float32) * sizes**2
        return covers, light[..., None] * (0.55 + 0.45 * hue)[None, None, None], area

    def video(key):
        # Few draws of many numbers: each further one takes XLA 0.3 s to compile on CPU.
        behind_key, key = jax.random.split(key)
        drawn = jax.random.uniform(key, (most + 1, 16))
        count = fewest + jnp.floor(drawn[0, 0] * (most + 1 - fewest)).astype(jnp.int32)
        drawn = drawn[1:]
        wanted = jnp.arange(most) < count
        numbers, hues = jnp.floor(drawn[:, 0] * len(kinds)).astype(jnp.int32), drawn[:, 1:4]
        likes = (drawn[:, 4] < alike) & (jnp.arange(most) > 0)
        like = jnp.where(drawn[:, 5] < 0.5, numbers[0], same_class(numbers[0], drawn[:, 6]))
        numbers = jnp.where(likes, like, numbers)
        hues = jnp.where(likes[:, None], (hues[:1] + 0.5) % 1, hues)  # half of the range away
        factor = scales[0] + (scales[1] - scales[0]) * drawn[:, 7]
        edge = jnp.minimum(reach * factor, size / 2)
        centers, velocity = paths(drawn[:, 8:13], edge, likes, motion)
        # In a loop, as in `scenes`: it is computed once.
        every = numbers, factor, drawn[:, 13:16], hues, centers
        covers, light, area = jax.lax.map(layers, every)
        composed = _composed(behind(behind_key), covers, light, area, wanted)
        down, right = jnp.moveaxis(velocity, -1, 0).swapaxes(1, 2)
        direction = jnp.rad2deg(jnp.arctan2(-down, right)) % 360
        direction = jnp.where(direction < 360, direction, 0)  # what a tiny negative angle becomes
        return {
            **composed,
            "centers": jnp.where(wanted[None, :, None], centers.swapaxes(0, 1), 0),
            "direction": jnp.where(wanted[None], direction, 0),
            "speed": jnp.where(wanted, jnp.hypot(down[0], right[0]), 0),
            "classes": jnp.where(wanted, kinds[numbers], 0),
            "alike": likes & wanted,
        }

    return jax.vmap(video)


def _composed(
    image: jax.Array, covers: jax.Array, light: jax.Array, area: jax.Array, wanted: jax.Array
) -> Truth:
    """Frames of the layers (m, t, size, size), over each other, and what is seen of each."""
    frames = jnp.broadcast_to(image[None], (covers.shape[1], *image.shape))
    for place in range(len(covers)):  # from the bottom to the top
        opacity = jnp.where(wanted[place], covers[place], 0)[..., None]
        frames = frames * (1 - opacity) + jnp.where(wanted[place], light[place], 0)
    solid = (covers >= 0.5) & wanted[:, None, None, None]
    taken, masks = jnp.zeros(solid[0].shape, bool), []
    for place in reversed(range(len(covers))):  # from the top to the bottom
        masks.append(solid[place] & ~taken)
        taken = taken | solid[place]
    solid, seen = solid.swapaxes(0, 1), jnp.stack(masks[::-1], 1)
    share = seen.sum((-2, -1)).astype(jnp.float32) / jnp.maximum(area.swapaxes(0, 1), 1)
    return {
        "video": jnp.round(jnp.clip(frames, 0, 1) * 255).astype(jnp.uint8),
        "boxes": boxes_of(solid),
        "boxes_visible": boxes_of(seen),
        "boxes_valid": solid.any((-2, -1)),
        "visible": jnp.minimum(share, 1),
        "masks": seen,
    }


def _same_class(kinds: jax.Array) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """`(number, part in [0, 1)) -> number` of a garment of the same class."""
    labels = np.asarray(kinds)
    order = np.argsort(labels, kind="stable")
    firsts = jnp.asarray(np.searchsorted(labels[order], labels), jnp.int32)
    counts = jnp.asarray(np.bincount(np.unique(labels, return_inverse=True)[1]), jnp.float32)
    groups = jnp.asarray(np.unique(labels, return_inverse=True)[1], jnp.int32)
    ordered = jnp.asarray(order, jnp.int32)

    def another(number, part):
        step = jnp.floor(part * counts[groups[number]]).astype(jnp.int32)
        return ordered[firsts[number] + step]

    return another
