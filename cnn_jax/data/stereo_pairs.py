"""Pairs of views made of photographs, with the exact disparity of every pixel of the left one.

`pairs` makes a pure function of keys, which composes as many pairs as there are keys, on the device
and inside of `jit`. A scene is a stack of surfaces: a wall, a ground, and objects of many shapes,
some with a hole, some thin. Each has a part of a photograph on it and a disparity field of its own:
a plane with a gentle wave. Where several cover a pixel the nearest is seen, that of the largest
disparity, so objects cut each other and the ground, and each view hides what the other shows.

>>> import jax
>>> from cnn_jax.data import photos
>>> make = jax.jit(pairs(list(photos.load("train", channels=3).values()), size=(32, 64)))
>>> truth = make(jax.random.split(jax.random.key(0), 4))
>>> truth["image"].shape, truth["disparity"].shape, truth["visible"].dtype
((4, 2, 32, 64, 3), (4, 32, 64), dtype('bool'))
"""

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from cnn_jax import arguments
from cnn_jax import functional as F
from cnn_jax.data.photos import Joined

Layers = dict[str, jax.Array]  # an entry for each surface of a scene
SCALES = (0.5, 1.2)  # pixels of a photograph for a pixel of a view
WAVE = 0.1  # the steepest slope of a wave, in disparity per pixel
STEPS = 3  # to find what of a surface a pixel of the right view sees: an error of 1 becomes 0.002


def pairs(
    photographs: Sequence[ArrayLike],
    *,
    size: tuple[int, int] = (64, 128),
    max_disparity: int = 32,
    objects: int = 10,
    differences: float = 1.0,
) -> Callable[[jax.Array], dict[str, jax.Array]]:
    """Return a function that makes a pair of views for each key, with the truth about the left.

    The point that the left view shows in the column `x` is in the right one in the column
    `x - disparity` of the same row.

    Args:
        photographs: uint8 (height, width, 3) of any sizes, on the surfaces.
        size: height and width of a view.
        max_disparity: disparities are in `[0, max_disparity - 2]`, in pixels.
        objects: in front of wall and ground; some of them may be hidden.
        differences: how much the light, the sharpness and the noise of two views differ; 0 for
            views that show the same.

    Returns:
        `keys -> truth`, pure, for keys `(n,)`; a pair depends on its own key alone. The truth::

            image      (n, 2, height, width, 3) uint8: left, right
            disparity  (n, height, width) float32, in pixels
            visible    (n, height, width) bool: whether the right view shows the point too

    Raises:
        TypeError, ValueError: an argument is wrong, or a photograph is too small for the views.
    """
    height, width = arguments.per_axis("size", size, 2, "the views", at_least=8)
    most = arguments.integer("max_disparity", max_disparity, at_least=4)
    objects = arguments.integer("objects", objects, at_least=0)
    strength = arguments.number("differences", differences, at_least=0, at_most=2)
    side = int(np.ceil(SCALES[1] * max(height, width + most))) + 1
    images = [np.asarray(photograph) for photograph in photographs]
    if not images:
        raise ValueError("`photographs` must hold at least one; got none.")
    for image in images:
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3:
            raise TypeError(
                f"`photographs` must be uint8 (height, width, 3); got {image.dtype} {image.shape}."
            )
        if min(image.shape[:2]) < side:
            raise ValueError(
                f"`photographs` must be at least {side} x {side} for views of {height} x {width} "
                f"and `max_disparity` {most}; got {image.shape}."
            )
    rows, columns = jnp.indices((height, width)).astype(jnp.float32)
    joined = Joined.of(images)

    def pair(key):
        shape_key, light_key, noise_key = jax.random.split(key, 3)
        drawn = jax.random.uniform(shape_key, (objects + 2, 25))
        layers = _layers(drawn, height, width, most)
        cut = partial(joined.drawn, size=side)
        textures = jax.vmap(cut)(drawn[:, 16:19]).astype(jnp.float32)
        atlas, color = textures.reshape(-1, side, 3), _colors(textures, drawn[:, 19:24])
        first = side * jnp.arange(objects + 2, dtype=jnp.float32)  # rows of the atlas
        room = side - 1 - layers["scale"] * max(height, width + most)  # to move a texture in
        layers["start"] = drawn[:, 24] * room

        def view(right):
            which, x, disparity = _front(layers, columns, rows, right)
            scale, start = layers["scale"][which], layers["start"][which]
            at = jnp.stack([first[which] + start + scale * rows, start + scale * x], -1)
            base, contrast, mean = (c[which] for c in color)
            shown = base + contrast * (F.sample(atlas, at) / 255 - mean)
            return jnp.clip(shown, 0, 1), which, disparity

        left, which, disparity = view(right=0)
        other, _, _ = _front(layers, columns - disparity, rows, 1)
        views = jnp.stack([left, view(right=1)[0]])
        views = _taken(views, light_key, noise_key, strength)
        return {
            "image": jnp.round(jnp.clip(views, 0, 1) * 255).astype(jnp.uint8),
            "disparity": disparity,
            "visible": (other == which) & (columns - disparity >= 0),
        }

    return jax.vmap(pair)


def _between(drawn: jax.Array, low: float, high: float) -> jax.Array:
    return low + (high - low) * drawn


def _layers(drawn: jax.Array, height: int, width: int, most: int) -> Layers:
    """What describes each surface, wall and ground first, of numbers (layers, 25) in [0, 1).

    The disparity is `at + slope_x (x - center_x) + slope_y (y - center_y) + a wave`.
    """
    u = drawn.T
    number = jnp.arange(len(drawn))
    wall, ground = number == 0, number == 1
    behind = _between(u[5, 0], 0.05, 0.45) * most  # the disparity of the wall
    horizon = _between(u[1, 1], 0.2, 1.1) * height
    slant = (_between(u[2, 1], 0.4, 0.95) * most - behind) / (1.3 * height - horizon)
    slope_x, slope_y = _between(u[0:2], -1, 1) ** 3 * 0.15  # most are steep in no direction
    across = 2 * np.pi / _between(u[2], 16, 64)  # the wave, radians per pixel
    turn, wave_turn = 2 * np.pi * u[3], 2 * np.pi * u[4]
    small = min(height, width)
    return {
        "everywhere": wall | ground,
        "at": jnp.where(wall | ground, behind, _between(u[5], 0.08, 0.95) * most),
        "center_x": jnp.where(wall | ground, width / 2, u[6] * (width + most / 2)),
        "center_y": jnp.where(wall, height / 2, jnp.where(ground, horizon, u[7] * height)),
        "slope_x": jnp.where(ground, 0, slope_x),
        "slope_y": jnp.where(ground, slant, slope_y),
        "wave": jnp.where(ground, 0, WAVE * u[8] ** 3 / across),
        "wave_x": across * jnp.cos(wave_turn),
        "wave_y": across * jnp.sin(wave_turn),
        "cos": jnp.cos(turn),
        "sin": jnp.sin(turn),
        "long": jnp.exp(_between(u[9], np.log(4), np.log(0.7 * small))),
        "short": jnp.exp(_between(u[10], np.log(1.5), np.log(0.5 * small))),
        "square": u[11] < 0.5,  # nearly a rectangle; else an ellipse
        "bends": _between(u[12], 1, 6),
        "bent": jnp.maximum(0, _between(u[13], -0.5, 0.5)),
        "hole": jnp.maximum(0, _between(u[14], -1.2, 0.8)),  # its share of the radius
        "scale": _between(u[15], *SCALES),
        "most": jnp.full(len(drawn), most - 2.0),
    }


def _covers(layer: Layers, x: jax.Array, y: jax.Array) -> jax.Array:
    """Whether one surface is at places of the left view."""
    x, y = x - layer["center_x"], y - layer["center_y"]
    v = (layer["cos"] * y - layer["sin"] * x) / layer["short"]
    u = (layer["cos"] * x + layer["sin"] * y) / layer["long"]
    v = jnp.square(v + layer["bent"] * jnp.sin(layer["bends"] * u))
    u, hole = jnp.square(u), jnp.square(layer["hole"])
    radius = jnp.where(layer["square"], jnp.maximum(u, v), u + v)  # squared
    return layer["everywhere"] | ((radius < 1) & (radius >= hole))


def _front(
    layers: Layers, columns: jax.Array, rows: jax.Array, right: int
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """What a view shows at places (h, w): the surface, its column in the left view, the disparity.

    A place `x'` of the right view sees that `x` of a surface for which `x = x' + d(x)`. With a
    plane alone one can solve for it; the wave, far less steep, is put in again and again.
    """

    def one(layer):
        slope, center, y = layer["slope_x"], layer["center_x"], rows - layer["center_y"]

        def wave(x):
            turns = layer["wave_x"] * (x - center) + layer["wave_y"] * y
            return layer["wave"] * jnp.sin(turns)

        plane = layer["at"] + layer["slope_y"] * y - slope * center  # at x = 0
        x = columns
        if right:
            x = start = (x + plane) / (1 - slope)
            for _ in range(STEPS):
                x = start + wave(x) / (1 - slope)
        d = jnp.clip(plane + slope * x + wave(x), 0, layer["most"])
        x = columns + d if right else x
        return x, d, jnp.where(_covers(layer, x, rows), d, -1)

    x, disparity, score = jax.vmap(one)(layers)
    which = jnp.argmax(score, 0)
    x, disparity = (jnp.take_along_axis(a, which[None], 0)[0] for a in (x, disparity))
    return which, x, disparity


def _colors(textures: jax.Array, drawn: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """What to add to a texture in [0, 1], by what to multiply it first, and its mean: (n, 3) or 1.

    Colors become others, and some surfaces have hardly any contrast.
    """
    mean = textures[:, ::8, ::8].mean((1, 2)) / 255
    share = drawn[:, 3:4]
    contrast = jnp.minimum(1.5, jnp.exp(_between(drawn[:, 4:5], -2.5, 1.5)))
    return (1 - share) * mean + share * drawn[:, :3], contrast, mean


def _taken(views: jax.Array, key: jax.Array, noise_key: jax.Array, strength: float) -> jax.Array:
    """Views (2, h, w, 3) as two cameras take them: each with light, sharpness, noise of its own."""
    if not strength:
        return views
    drawn = jax.random.uniform(key, (2, 1, 1, 8))
    around = jnp.pad(views, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    soft = (around[:, 2:] + around[:, 1:-1] + around[:, :-2]) / 3
    soft = (soft[:, :, 2:] + soft[:, :, 1:-1] + soft[:, :, :-2]) / 3
    both = _between(drawn[:1, ..., 6:7], 0, 0.8)  # most of the blur is that of both
    blur = jnp.clip(both + 0.2 * strength * _between(drawn[..., 7:8], -1, 1), 0, 1)
    gain = 1 + 0.15 * strength * _between(drawn[..., 0:1], -1, 1)
    gain = gain + 0.05 * strength * _between(drawn[..., 1:4], -1, 1)  # of each color
    offset = 0.04 * strength * _between(drawn[..., 4:5], -1, 1)
    deviation = 0.03 * strength * drawn[..., 5:6]
    noise = deviation * jax.random.normal(noise_key, (views.size,)).reshape(views.shape)
    return (views + blur * (soft - views)) * gain + offset + noise
