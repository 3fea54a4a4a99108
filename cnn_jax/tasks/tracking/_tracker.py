"""`track`: an object through all frames, by anything that compares two images."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cnn_jax import arguments
from cnn_jax import functional as F

from ._crops import checked_boxes, context, crop

# exemplars (n, e, e, c) -> what is kept of them
Embed = Callable[[jax.Array], Any]
# what is kept, and search images (n, scales, s, s, c) -> responses (n, scales, rows, columns)
Respond = Callable[[Any, jax.Array], jax.Array]


class State(NamedTuple):
    """Where a tracker believes its objects to be: centers and sizes, both (n, 2), in pixels."""

    center: jax.Array
    size: jax.Array

    @property
    def boxes(self) -> jax.Array:
        """The same as boxes, (n, 4)."""
        return jnp.concatenate([self.center - self.size / 2, self.center + self.size / 2], -1)


def track(
    embed: Embed,
    respond: Respond,
    videos: jax.Array,
    boxes: jax.Array,
    *,
    exemplar: int,
    search: int,
    stride: int,
    amount: float = 0.5,
    scales: int = 3,
    scale_step: float = 1.04,
    scale_penalty: float = 0.97,
    damping: float = 0.35,
    window: jax.Array | float = 0.3,
    upsample: int = 4,
) -> jax.Array:
    """Track one object in each video, from its box in the first frame on.

    In each frame a square around the last place is cut out at several scales and compared with the
    exemplar, which stays that of the first frame. The scale with the largest response wins, other
    scales than the last one having paid a penalty. Its response is interpolated, brought to [0, 1],
    and mixed with a cosine window, so that far places pay too; the object is at the maximum. Sizes
    follow the scale slowly.

    Args:
        embed: `exemplars (n, exemplar, exemplar, c) -> kept`, any tree of arrays.
        respond: `(kept, searches (n, scales, search, search, c)) -> (n, scales, rows, columns)`.
        videos: (n, t, height, width, c) floats, as `embed` and `respond` want them.
        boxes: (n, 4) floats, of the objects in the first frames.
        exemplar: height and width of an exemplar.
        search: of a search image; both show the object in the same size.
        stride: pixels of the search image between two places of a response.
        amount: of context around the object, see `context`.
        scales: how many, an odd number; 1 keeps the size.
        scale_step: the factor between two scales, at least 1.
        scale_penalty: what the response of another scale is multiplied by.
        damping: by how much of the way sizes go to those of the best scale.
        window: the share of the cosine window, in `[0, 1]`. It may be traced.
        upsample: by which factor responses are interpolated.

    Returns:
        (n, t, 4) float32: boxes inside of the frame; the first ones are those given.

    Raises:
        TypeError, ValueError: an argument is wrong.

    References:
        Bertinetto et al. 2016, section 3.1, "Tracking algorithm", with five scales of 1.025 and a
        damping of 0.35. The paper does not say how large its penalties are.
    """
    exemplar = arguments.integer("exemplar", exemplar, at_least=1)
    search = arguments.integer("search", search, at_least=exemplar)
    stride = arguments.integer("stride", stride, at_least=1)
    upsample = arguments.integer("upsample", upsample, at_least=1)
    if arguments.integer("scales", scales, at_least=1) % 2 == 0:
        raise ValueError(f"`scales` must be odd; got {scales}.")
    arguments.number("scale_step", scale_step, at_least=1)
    arguments.number("scale_penalty", scale_penalty, at_least=0, at_most=1)
    arguments.number("damping", damping, at_least=0, at_most=1)
    if isinstance(window, int | float):
        arguments.number("window", window, at_least=0, at_most=1)
    boxes = checked_boxes("boxes", boxes)
    if videos.ndim != 5 or boxes.shape != (len(videos), 4):
        raise ValueError(
            "`videos` must be (n, t, height, width, channels), with `boxes` (n, 4); got "
            f"{videos.shape} and {boxes.shape}."
        )
    others = np.arange(scales) - scales // 2
    factors = jnp.asarray(float(scale_step) ** others, jnp.float32)
    penalties = jnp.asarray(np.where(others == 0, 1, scale_penalty), jnp.float32)
    frame = jnp.asarray(videos.shape[2:4], jnp.float32)
    kept = embed(crop(videos[:, 0], *context(boxes, amount), exemplar))

    def step(state: State, images: jax.Array) -> tuple[State, jax.Array]:
        _, side = context(state.boxes, amount)
        sides = side[:, None] * factors[None] * (search / exemplar)
        cut = jax.vmap(lambda sides: crop(images, state.center, sides, search), 1, 1)
        place, scale = find(respond(kept, cut(sides)), penalties, window, upsample)
        pixel = jnp.take_along_axis(sides, scale[:, None], 1) / search
        center = jnp.clip(state.center + place * stride * pixel, 0, frame[None])
        after = State(center, state.size * (1 + damping * (factors[scale] - 1))[:, None])
        return after, after.boxes

    start = State((boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2])
    _, found = jax.lax.scan(step, start, jnp.moveaxis(videos[:, 1:], 1, 0))
    ends = jnp.concatenate([frame, frame])
    found = jnp.clip(jnp.moveaxis(found, 0, 1), 0, ends[None, None])
    return jnp.concatenate([boxes[:, None], found], 1)


def find(
    responses: jax.Array, penalties: jax.Array, window: jax.Array | float, upsample: int
) -> tuple[jax.Array, jax.Array]:
    """The best place of responses, and the best scale.

    Args:
        responses: (n, scales, rows, columns).
        penalties: (scales,).
        window: the share of the cosine window.
        upsample: by which factor responses are interpolated.

    Returns:
        (n, 2): places from the middle, in steps of the response, down and right; and (n,): scales.
    """
    rows, columns = (upsample * length for length in responses.shape[2:])
    low = responses.min((1, 2, 3))
    peaks = (responses.max((2, 3)) - low[:, None]) * penalties[None]
    middle = len(penalties) // 2  # keeps the size, where no other scale is better
    scale = jnp.where(peaks.max(-1) > peaks[:, middle], peaks.argmax(-1), middle)
    best = jnp.take_along_axis(responses, scale[:, None, None, None], 1)[:, 0, :, :, None]
    best = F.upsample(best, (upsample, upsample), method="cubic")[..., 0]
    low, high = (reduce(best, (1, 2), keepdims=True) for reduce in (jnp.min, jnp.max))
    share = (best - low) / jnp.maximum(high - low, 1e-9)
    near = np.hanning(rows + 2)[1:-1, None] * np.hanning(columns + 2)[None, 1:-1]
    total = (1 - window) * share + window * jnp.asarray(near, jnp.float32)[None]
    peak = total.reshape(len(total), -1).argmax(-1)
    places = jnp.stack([peak // columns, peak % columns], -1).astype(jnp.float32)
    middle = jnp.asarray([rows, columns], jnp.float32) / 2 - 0.5
    return (places - middle[None]) / upsample, scale
