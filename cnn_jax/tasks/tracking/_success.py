"""`score`: the success plot and precision of the benchmark OTB."""

import numpy as np
from jax.typing import ArrayLike

from cnn_jax import arguments

OVERLAPS = np.arange(21) / 20  # the thresholds of the success plot


def overlap(one: ArrayLike, other: ArrayLike) -> np.ndarray:
    """Return intersection over union of two boxes each, (...); 0 if both have no area.

    Args:
        one: boxes, (..., 4).
        other: of the same shape.

    Example:
        >>> float(overlap([0.0, 0, 2, 2], [0.0, 1, 2, 3]).round(3))
        0.333
    """
    a, b = _pair(one, other)
    low, high = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
    common = np.maximum(high - low, 0).prod(-1)
    areas = [np.maximum(x[..., 2:] - x[..., :2], 0).prod(-1) for x in (a, b)]
    union = areas[0] + areas[1] - common
    return np.where(union > 0, common / np.where(union > 0, union, 1), 0)


def distance(one: ArrayLike, other: ArrayLike) -> np.ndarray:
    """Return how far the centers of two boxes each are from each other, (...), in pixels.

    Example:
        >>> float(distance([0.0, 0, 2, 2], [3.0, 4, 5, 6]))
        5.0
    """
    a, b = _pair(one, other)
    return np.hypot(*np.moveaxis((a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) / 2, -1, 0))


def success(overlaps: ArrayLike, counts: ArrayLike) -> np.ndarray:
    """Return the success plot: the share of frames with a larger overlap than each threshold.

    Each video's curve is a mean over its frames, and the plot the mean of the curves.

    Args:
        overlaps: (n, t), of found and true boxes.
        counts: (n, t) bools: which frames count; a video without any does not count either.

    Returns:
        (21,), for the thresholds 0, 0.05, ... 1.

    Example:
        >>> success([[0.5, 0.9]], [[True, True]])[[0, 10, 20]].tolist()
        [1.0, 0.5, 0.0]
    """
    larger = np.asarray(overlaps)[..., None] > OVERLAPS
    return _over_videos(larger, counts)


def score(
    found: ArrayLike, true: ArrayLike, counts: ArrayLike, *, pixels: float = 20.0
) -> dict[str, float]:
    """Return the area under the success plot, and precision.

    Precision is the share of frames whose center is found up to `pixels`. OTB has 20, for frames
    from 320 pixels on; for smaller frames it should be scaled with them.

    Args:
        found: boxes, (n, t, 4).
        true: likewise.
        counts: (n, t) bools: which frames count. OTB counts all, the given first one too.
        pixels: see above.

    Returns:
        `success` and `precision`, both in [0, 1]; each video counts the same.

    Raises:
        TypeError, ValueError: an argument is wrong.

    Example:
        >>> box = np.array([[[0.0, 0, 10, 10]]])
        >>> score(box, box, [[True]])
        {'success': 0.9523809523809523, 'precision': 1.0}

    References:
        Wu, Lim and Yang, *Online object tracking: a benchmark*, CVPR 2013, section 4. As in their
        program the success of a perfect tracker is 20 / 21: no overlap is larger than 1.
    """
    pixels = arguments.number("pixels", pixels, at_least=0)
    near = distance(found, true) <= pixels
    if np.shape(counts) != near.shape or near.ndim != 2:
        raise ValueError(
            "`counts` must have one entry for each of the boxes (n, t, 4); got "
            f"{np.shape(counts)} for {np.shape(found)}."
        )
    return {
        "success": float(success(overlap(found, true), counts).mean()),
        "precision": float(_over_videos(near[..., None], counts)[0]),
    }


def _over_videos(right: np.ndarray, counts: ArrayLike) -> np.ndarray:
    """The mean over frames, then over videos: (n, t, thresholds) -> (thresholds,)."""
    counts = np.asarray(counts, bool)
    number = counts.sum(1)
    of_videos = (right & counts[..., None]).sum(1)[number > 0] / number[number > 0, None]
    return of_videos.mean(0) if len(of_videos) else np.zeros(right.shape[-1])


def _pair(one: ArrayLike, other: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if a.ndim == 0 or a.shape[-1] != 4 or a.shape != b.shape:
        raise ValueError(
            f"`one` and `other` must be boxes (..., 4) of one shape; got {a.shape}, {b.shape}."
        )
    return a, b
