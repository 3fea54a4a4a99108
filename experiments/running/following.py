"""Follow the first object of videos, and say how well: what all trackers share."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from cnn_jax.tasks import tracking

AT_ONCE = 32  # videos
PRECISE = 20 / 320  # of a frame's width: 20 pixels in the smallest frames of OTB
Setting = Mapping[str, Any]
SETTINGS: list[Setting] = [
    {"scales": s, "window": w} for s in (1, 3) for w in (0.0, 0.1, 0.2, 0.35, 0.5)
]
# (videos, boxes, scales=, window=) -> boxes
Follow = Callable[..., Any]


def follower(embed: Any, respond: Any, look: Callable[[Any], Any], **options: Any) -> Follow:
    """Return a compiled tracker of one object in each of 32 videos.

    Args:
        embed: see `tracking.track`.
        respond: likewise.
        look: from uint8 videos to what these two take.
        options: of `tracking.track`.
    """

    def follow(videos, boxes, window, scales):
        given = look(videos), boxes
        return tracking.track(embed, respond, *given, window=window, scales=scales, **options)

    compiled = jax.jit(follow, static_argnames="scales")

    def over_all(videos, boxes, *, scales, window):
        found = []
        for start in range(0, len(videos), AT_ONCE):
            part = np.arange(start, start + min(AT_ONCE, len(videos)))
            part = np.minimum(part, len(videos) - 1)  # all parts of one size: one program
            found.append(compiled(videos[part], boxes[part], np.float32(window), scales))
        return np.concatenate([jax.device_get(f) for f in found])[: len(videos)]

    return over_all


def first_object(truth: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Of each video what is true of its first object, where that one is wholly seen at first."""
    clear = (truth["visible"][:, 0, 0] > 0.8) & truth["boxes_valid"][:, 0, 0]
    kept = {name: truth[name][clear][:, :, 0] for name in ("boxes", "boxes_valid", "visible")}
    likes = truth["alike"][clear].any(1)
    # The given first frame does not count.
    kept["boxes_valid"] = kept["boxes_valid"] & (np.arange(kept["boxes_valid"].shape[1]) > 0)
    return {**kept, "video": truth["video"][clear], "alike": likes}


def figures(found: np.ndarray, truth: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Success and precision, and success where it is hard: while hidden, and with look-alikes."""
    counts, pixels = truth["boxes_valid"], PRECISE * truth["video"].shape[2]
    hidden, likes = truth["visible"] < 0.5, truth["alike"][:, None]
    named = {"while half hidden": hidden, "with look-alikes": likes}

    def success(which):
        return tracking.score(found, truth["boxes"], counts & which, pixels=pixels)["success"]

    whole = tracking.score(found, truth["boxes"], counts, pixels=pixels)
    return {**whole, **{f"success {name}": success(which) for name, which in named.items()}}


def tuned(follow: Follow, truth: Mapping[str, np.ndarray], settings: Sequence[Setting]) -> Setting:
    """The setting of a tracker with the largest success."""

    def success(setting):
        found = follow(truth["video"], truth["boxes"][:, 0], **setting)
        return figures(found, truth)["success"]

    return max(settings, key=success)
