"""A figure's joints, the lengths of its limbs, and the angles that they can take."""

import jax
import jax.numpy as jnp

JOINTS = (  # in the order of the Leeds Sports Poses; left and right are the person's own
    "right ankle",
    "right knee",
    "right hip",
    "left hip",
    "left knee",
    "left ankle",
    "right wrist",
    "right elbow",
    "right shoulder",
    "left shoulder",
    "left elbow",
    "left wrist",
    "neck",
    "head top",
)

LENGTHS = {  # by the two joints, as shares of the height from the ankles to the top of the head
    ("neck", "head top"): 0.17,
    ("right shoulder", "left shoulder"): 0.23,
    ("right hip", "left hip"): 0.13,
    **{
        (f"{side} {start}", f"{side} {end}"): length
        for side in ("right", "left")
        for start, end, length in (
            ("shoulder", "elbow", 0.17),
            ("elbow", "wrist", 0.15),
            ("hip", "knee", 0.26),
            ("knee", "ankle", 0.26),
        )
    },
}
TRUNK = 0.31  # from the neck to the middle of the hips
SHOULDER = 0.02  # how far below the neck they are

LIMBS = tuple(  # pairs of indices, to be drawn as a skeleton
    (JOINTS.index(start), JOINTS.index(end))
    for start, end in (*LENGTHS, ("neck", "right hip"), ("neck", "left hip"))
)

LEAN = 20.0  # of the trunk and the head, in degrees to both sides
LIMITS = {  # in degrees from the limb above, outward; the first of each limb from straight down
    "shoulder": (-15.0, 165.0),
    "elbow": (-130.0, 100.0),
    "hip": (-10.0, 60.0),
    "knee": (-75.0, 10.0),
}
ANGLES = 3 + 2 * len(LIMITS)


def pose(drawn: jax.Array, tilt: float, away: jax.Array) -> jax.Array:
    """Return the joints of a figure of height 1, with the middle of its hips at the origin.

    All limbs keep to the picture's plane, so each has its full length. A person who faces us has
    the right side at the left of the picture; one who looks away has it at the right.

    Args:
        drawn: (ANGLES,) in [0, 1], where each angle lies between its limits.
        tilt: the whole figure is turned by up to so many degrees, to both sides.
        away: whether it looks away.

    Returns:
        (14, 2): down and right.
    """
    sides = 2 * drawn[:3] - 1
    hips = tilt * sides[0]
    trunk = hips + LEAN * sides[1]
    head = trunk + LEAN * sides[2]
    low, high = (jnp.array([limit[end] for limit in LIMITS.values()]) for end in (0, 1))
    bends = low[:, None] + (high - low)[:, None] * drawn[3:].reshape(len(LIMITS), 2)

    neck = -TRUNK * _down(trunk)
    found = {"neck": neck, "head top": neck - LENGTHS["neck", "head top"] * _down(head)}
    for number, side in enumerate(("right", "left")):
        outward = jnp.where(away, -1.0, 1.0) * (2 * number - 1)
        arm, forearm, thigh, shin = bends[:, number]
        half_shoulders = LENGTHS["right shoulder", "left shoulder"] / 2
        half_hips = LENGTHS["right hip", "left hip"] / 2
        shoulder = neck + SHOULDER * _down(trunk) + outward * half_shoulders * _right(trunk)
        chains = (
            ("shoulder", shoulder, trunk, (("elbow", arm), ("wrist", forearm))),
            ("hip", outward * half_hips * _right(hips), hips, (("knee", thigh), ("ankle", shin))),
        )
        for name, place, angle, limbs in chains:
            found[f"{side} {name}"] = place
            for end, bend in limbs:
                angle = angle - outward * bend
                length = LENGTHS[f"{side} {name}", f"{side} {end}"]
                place, name = place + length * _down(angle), end
                found[f"{side} {name}"] = place
    return jnp.stack([found[name] for name in JOINTS])


def _down(degrees: jax.Array) -> jax.Array:
    """Straight down, turned clockwise: at 90 degrees it points to the left."""
    return jnp.stack([jnp.cos(jnp.deg2rad(degrees)), -jnp.sin(jnp.deg2rad(degrees))])


def _right(degrees: jax.Array) -> jax.Array:
    return jnp.stack([jnp.sin(jnp.deg2rad(degrees)), jnp.cos(jnp.deg2rad(degrees))])
