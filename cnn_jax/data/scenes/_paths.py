"""Where garments are in each frame of a video: straight paths, with or without mirrors."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

MEET = (0.4, 1.0)  # look-alikes meet the first garment in this part of the video


@dataclass(frozen=True)
class Motion:
    """How garments may move.

    Attributes:
        size: height and width of a frame.
        frames: how many.
        speed: (low, high), in pixels per frame.
        speeds: how many there are, evenly from low to high; None for any.
        directions: at equal angles, the first to the right; None for any.
        edges: ``"bounce"``, ``"leave"`` or ``"stay"``, see `videos`.
        reach: how near to the edge the center of the largest garment may come, in pixels.
    """

    size: int
    frames: int
    speed: tuple[float, float]
    speeds: int | None
    directions: int | None
    edges: str
    reach: float

    @property
    def middle(self) -> float:
        """The time in the middle of the video, in frames."""
        return (self.frames - 1) / 2

    @property
    def margin(self) -> float:
        """How far from the edge the middle of a path must be for all of it to stay inside."""
        return self.reach + self.speed[1] * self.middle


def paths(
    drawn: jax.Array, edge: jax.Array, likes: jax.Array, motion: Motion
) -> tuple[jax.Array, jax.Array]:
    """Centers and velocities of garments in all frames.

    Args:
        drawn: (m, 5) uniform numbers: place down and right, speed, direction, when a look-alike
            meets the first one.
        edge: (m,): how close to the edge of the frame a center may come.
        likes: (m,) bools: whose path crosses that of the first one.
        motion: how they may move.

    Returns:
        Both (m, t, 2), down and right: in pixels, and in pixels per frame.
    """
    low, high = motion.speed
    rate, way = drawn[:, 2], drawn[:, 3]
    if motion.speeds is not None:
        rate = jnp.floor(rate * motion.speeds) / max(motion.speeds - 1, 1)
    pixels = low + (high - low) * rate
    if motion.directions is not None:
        way = jnp.floor(way * motion.directions) / motion.directions
    angle = 2 * jnp.pi * way
    velocity = pixels[:, None] * jnp.stack([-jnp.sin(angle), jnp.cos(angle)], -1)
    inside = jnp.full_like(edge, motion.margin) if motion.edges == "stay" else edge
    anchor = inside[:, None] + (motion.size - 2 * inside[:, None]) * drawn[:, :2]

    meeting = (motion.frames - 1) * (MEET[0] + (MEET[1] - MEET[0]) * drawn[:, 4])
    first = anchor[:1] + (meeting - motion.middle)[:, None] * velocity[:1]
    if motion.edges == "bounce":
        first, _ = mirrored(first, edge[:1, None], motion.size)
    anchor = jnp.where(likes[:, None], first, anchor)
    times = jnp.arange(motion.frames, dtype=jnp.float32)
    since = times[None] - jnp.where(likes, meeting, motion.middle)[:, None]
    centers = anchor[:, None] + since[..., None] * velocity[:, None]
    signs = jnp.ones_like(centers)
    if motion.edges == "bounce":
        centers, signs = mirrored(centers, edge[:, None, None], motion.size)
    return centers, velocity[:, None] * signs


def mirrored(places: jax.Array, edge: jax.Array, size: float) -> tuple[jax.Array, jax.Array]:
    """Places on a straight path as they are between two mirrors, and 1 or -1 for the way.

    The mirrors stand at `edge` and at `size - edge`.

    Example:
        >>> places, signs = mirrored(jnp.array([1.0, 3.0, 9.0]), jnp.array([2.0]), 10)
        >>> places.tolist(), signs.tolist()
        ([3.0, 3.0, 7.0], [-1.0, 1.0, -1.0])
    """
    span = jnp.maximum(size - 2 * edge, 1e-6)
    turns = jnp.floor((places - edge) / span)
    inside = places - edge - turns * span
    back = turns % 2 == 1
    return edge + jnp.where(back, span - inside, inside), jnp.where(back, -1.0, 1.0)
