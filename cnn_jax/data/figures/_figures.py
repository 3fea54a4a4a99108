"""`figures`: people in random poses and clothes before a background."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cnn_jax import arguments
from cnn_jax.arguments import shown

from ..scenes import background
from . import _parts as parts
from ._drawing import Capsules, near, over
from ._skeleton import ANGLES, JOINTS, pose

Truth = dict[str, jax.Array]
MARGIN = 0.04  # of the picture, between its edge and the joints
BEHIND = 0.3  # the share of arms that are behind the trunk
SHORT = 0.4  # the share of shirts with short sleeves, and of short trousers
SKIN, HAIR = (1.0, 0.8, 0.66), (0.3, 0.2, 0.12)  # at the brightest
DRAWN = {  # how many random numbers are drawn for what
    "angles": ANGLES,
    "figure": 3,  # height, width, whether it looks away
    "place": 2,
    "behind": 4,
    "short": 2,
    "tones": 2,  # of skin and hair
    "colors": 9,
    "stripes": 4,
}


def figures(
    backgrounds: Any = None,
    *,
    size: int = 64,
    height: tuple[float, float] = (0.45, 0.75),
    degrees: float = 20.0,
    away: float = 0.3,
    occluders: int = 2,
) -> Callable[[jax.Array], Truth]:
    """Return a function that draws a person for each key, with the places of all joints.

    Left and right are the person's own. Who faces us has a face with two eyes and a mark down the
    front of the shirt, and the right side at the left of the picture. Who looks away has neither:
    hair all over the head, and the right side at the right. All limbs keep to the picture's plane.
    Arms lie before or behind the trunk, and either leg before the other.

    Args:
        backgrounds: uint8 photographs, (n, height, width, 3) or a list of images of several sizes,
            of which parts are taken; or a function `key -> (size, size, 3)` in [0, 1], such as
            `scenes.altered` makes; None is smooth noise.
        size: height and width of a picture.
        height: (low, high), from the ankles to the top of the head of a person who stands straight,
            as a share of `size`; drawn for each.
        degrees: the whole person is turned by an angle uniform in `(-degrees, degrees)`.
        away: the share of people who look away.
        occluders: the most bars that lie over a picture; each is there in half of the pictures.

    Returns:
        `keys -> truth`, pure, for keys `(n,)` such as `jax.random.split(key, n)`; a picture depends
        on its own key alone. The truth::

            image               (n, size, size, 3) uint8
            keypoints           (n, 14, 2) float32: (row, column) in pixels of each of `JOINTS`, as
                                in `data.augment`: the center of the first pixel is (0.5, 0.5)
            keypoints_visible   (n, 14) bool: which are in the picture
            keypoints_hidden    (n, 14) bool: over which another limb, the head or a bar lies
            torso               (n,) float32: pixels from the left shoulder to the right hip
            away                (n,) bool: who looks away

        A hidden joint is in its place, and counts: as in the Leeds Sports Poses.

    Raises:
        TypeError, ValueError: an argument is wrong.

    References:
        Johnson and Everingham, *Clustered pose and nonlinear appearance models for human pose
        estimation*, 2010: the Leeds Sports Poses, whose 14 joints these are.

    Example:
        >>> make = figures(size=32, height=(0.5, 0.6), occluders=0)
        >>> truth = make(jax.random.split(jax.random.key(1), 3))
        >>> truth["image"].shape, truth["keypoints"].shape, truth["away"].dtype
        ((3, 32, 32, 3), (3, 14, 2), dtype('bool'))
    """
    size = arguments.integer("size", size, at_least=16)
    smallest, largest = _pair("height", height)
    tilt = arguments.number("degrees", degrees, at_least=0, at_most=180)
    turned = arguments.number("away", away, at_least=0, at_most=1)
    bars = arguments.integer("occluders", occluders, at_least=0)
    behind = background(backgrounds, size)
    counts = {**DRAWN, "bars": 10 * bars}
    middles = jnp.arange(size, dtype=jnp.float32) + 0.5
    pixels = jnp.stack(jnp.meshgrid(middles, middles, indexing="ij"), -1)

    def figure(key):
        # Few draws of many numbers: each further one takes XLA 0.3 s to compile on CPU.
        behind_key, key = jax.random.split(key)
        numbers = jax.random.uniform(key, (sum(counts.values()),))
        drawn = dict(zip(counts, jnp.split(numbers, np.cumsum(list(counts.values()))[:-1])))
        looks_away = drawn["figure"][2] < turned
        tall = size * (smallest + (largest - smallest) * drawn["figure"][0])
        joints = _placed(tall * pose(drawn["angles"], tilt, looks_away), drawn["place"], size)

        person, bar = _person(joints, tall, drawn), _bars(drawn["bars"].reshape(bars, 10), size)
        capsules = Capsules(*(jnp.concatenate(pair) for pair in zip(person, bar)))
        colors, stripes = _clothes(drawn, looks_away, bars)
        lie = near(capsules, pixels)
        weights, rest = over(jnp.clip(0.5 - lie.outside, 0, 1), capsules.depth)
        cycles = lie.along / (0.09 * tall)
        light = 1 - 0.25 * jnp.minimum(lie.across, 1) ** 2
        dark = cycles - jnp.floor(cycles) < 0.5
        light = light * jnp.where(dark, 1 - stripes[:, None, None], 1)
        image = rest[..., None] * behind(behind_key)
        image = image + jnp.tensordot(weights * light, colors, [[0], [0]])
        inside = ((joints >= 0) & (joints <= size)).all(-1)
        return {
            "image": jnp.round(jnp.clip(image, 0, 1) * 255).astype(jnp.uint8),
            "keypoints": joints,
            "keypoints_visible": inside,
            "keypoints_hidden": _hidden(capsules, joints),
            "torso": _between(joints, "left shoulder", "right hip"),
            "away": looks_away,
        }

    return jax.vmap(figure)


def _placed(joints: jax.Array, drawn: jax.Array, size: int) -> jax.Array:
    """Joints moved to a random place; a tenth of the places let some of them be outside."""
    low, high = joints.min(0, keepdims=True), joints.max(0, keepdims=True)
    margin = MARGIN * size
    room = size - 2 * margin - (high - low)
    return joints - low + margin + room * (1.1 * drawn[None] - 0.05)


def _person(joints: jax.Array, tall: jax.Array, drawn: dict[str, jax.Array]) -> Capsules:
    """The parts of a person as capsules."""
    ends = jnp.tensordot(parts.ENDS, joints, 1, precision="highest")
    stout = jnp.where(parts.HEAD, 1, 0.9 + 0.4 * drawn["figure"][1])  # but heads are alike
    widths = tall * stout[:, None] * parts.WIDTHS
    lots = drawn["behind"]
    # Legs: behind the other one, or not. Arms: behind all, or in front.
    shifts = jnp.concatenate([0.3 * lots[:2], jnp.where(lots[2:] < BEHIND, -4, 0) + 0.3 * lots[2:]])
    depth = jnp.asarray(parts.DEPTHS) + jnp.asarray(parts.LIMB) @ shifts
    return Capsules(ends[:, 0], ends[:, 1], widths, depth)


def _bars(drawn: jax.Array, size: int) -> Capsules:
    """Bars that may lie over the person, each in half of the pictures."""
    middle = size * drawn[:, :2]
    half = size * 0.25 * (drawn[:, 2:4] - 0.5)
    width = jnp.where(drawn[:, 4] < 0.5, size * (0.02 + 0.05 * drawn[:, 5]), -size)
    depth = jnp.full(len(drawn), 9.0)
    return Capsules(middle - half, middle + half, jnp.stack([width, width], -1), depth)


def _clothes(
    drawn: dict[str, jax.Array], away: jax.Array, bars: int
) -> tuple[jax.Array, jax.Array]:
    """Colors of all parts and bars, (k, 3) in [0, 1], and how dark their stripes are, (k,)."""
    shirt, trousers, shoes = drawn["colors"].reshape(3, 3)
    skin = jnp.array(SKIN) * (0.45 + 0.55 * drawn["tones"][0])
    hair = jnp.array(HAIR) * (0.1 + 0.8 * drawn["tones"][1])
    short = drawn["short"] < SHORT
    stripe = jnp.where(drawn["stripes"][:2] < 0.5, 0.5 * drawn["stripes"][2:], 0)
    color = {
        "skin": skin,
        "hair": hair,
        "face": jnp.where(away, hair, skin),
        "eyes": jnp.where(away, hair, 0.05),
        "shirt": 0.1 + 0.9 * shirt,
        "mark": jnp.where(away, 0.1 + 0.9 * shirt, (shirt + 0.5) % 1),
        "sleeves": jnp.where(short[0], skin, 0.1 + 0.9 * shirt),
        "trousers": 0.1 + 0.9 * trousers,
        "shins": jnp.where(short[1], skin, 0.1 + 0.9 * trousers),
        "shoes": 0.5 * shoes,
    }
    zero = jnp.zeros(())
    dark = dict.fromkeys(parts.COLORS, zero) | {
        "shirt": stripe[0],
        "sleeves": jnp.where(short[0], 0, stripe[0]),
        "trousers": stripe[1],
        "shins": jnp.where(short[1], 0, stripe[1]),
    }
    colors = jnp.stack([color[name] for name in parts.COLORS])[parts.COLOR]
    stripes = jnp.stack([dark[name] for name in parts.COLORS])[parts.COLOR]
    bar = drawn["bars"].reshape(bars, 10)
    return jnp.concatenate([colors, bar[:, 6:9]]), jnp.concatenate([stripes, 0.5 * bar[:, 9]])


def _hidden(capsules: Capsules, joints: jax.Array) -> jax.Array:
    """Over which joints something lies that is in front of their own parts."""
    covers = near(capsules, joints).outside < 0  # (k, 14)
    own = np.concatenate([parts.OWN, np.zeros((len(capsules.depth) - len(parts.OWN), 14), bool)])
    depth = jnp.where(own, capsules.depth[:, None], -np.inf).max(0)
    return (covers & ~own & (capsules.depth[:, None] > depth[None])).any(0)


def _between(joints: jax.Array, one: str, other: str) -> jax.Array:
    return jnp.sqrt(((joints[JOINTS.index(one)] - joints[JOINTS.index(other)]) ** 2).sum())


def _pair(name: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, Sequence) or len(value) != 2:
        raise ValueError(f"`{name}` must be a pair (low, high); got {shown(value)}.")
    low = arguments.number(name, value[0], above=0)
    return low, arguments.number(name, value[1], at_least=low, at_most=2)
