"""ORB and RANSAC: the homography between two views from keypoints that look alike, by scikit-image.

Beside a network they get their fair chance: views at full resolution, and parameters chosen on
training pairs.
"""

import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from skimage import feature, filters, measure, transform

from cnn_jax.tasks import homography


class Parameters(NamedTuple):
    """What can be chosen, by `CHOICES`; and how long RANSAC tries."""

    enlarge: int = 2
    """How many times larger views are made first: ORB looks at 31 pixels around a keypoint."""
    smooth: float = 1.0
    """The standard deviation of a blur before that, in pixels."""
    threshold: float = 0.05
    """By how much FAST wants a corner to differ from what is around it; white is 1."""
    ratio: float = 1.0
    """A match is left out if its distance is more than this share of the second best's."""
    residual: float = 3.0
    """How far a match may lie from where RANSAC's homography says, in pixels."""
    trials: int = 500
    """How many samples RANSAC draws at most; it stops when a better one is unlikely."""


CHOICES = {
    "enlarge": (2, 1),
    "smooth": (1.0, 0.0, 2.0),
    "threshold": (0.05, 0.02),
    "ratio": (1.0, 0.85),
    "residual": (3.0, 5.0),
}
KEYPOINTS = 500


def estimate(
    first: np.ndarray, second: np.ndarray, parameters: Parameters, limit: float
) -> np.ndarray | None:
    """Return offsets of the corners, (4, 2) in pixels, or None if it fails.

    It fails if there are less than 4 matches, if RANSAC finds no homography, and if that moves a
    corner by more than `limit` pixels or makes no convex quadrilateral of the view.

    Args:
        first: (size, size) uint8.
        second: alike.
        parameters: see there.
        limit: what no corner can have moved.
    """
    size, sides = len(first), []
    for view in (first, second):
        found = _keypoints(view, parameters)
        if found is None:
            return None
        sides.append(found)
    (places, descriptors), (others, of_others) = sides
    pairs = feature.match_descriptors(
        descriptors, of_others, cross_check=True, max_ratio=parameters.ratio
    )
    if len(pairs) < 4:
        return None
    with warnings.catch_warnings():  # RANSAC warns when it finds nothing
        warnings.simplefilter("ignore")
        model, _ = measure.ransac(
            (others[pairs[:, 1]], places[pairs[:, 0]]),
            transform.ProjectiveTransform,
            min_samples=4,
            residual_threshold=parameters.residual,
            max_trials=parameters.trials,
            stop_probability=0.999,
            rng=0,
        )
    if model is None or not np.isfinite(model.params).all():
        return None
    with np.errstate(all="ignore"):
        corners = homography.CORNERS * float(size)
        offsets = model(corners) - corners
    possible = np.abs(offsets).max() <= limit and bool(homography.convex(offsets, size))
    return offsets if possible else None


def estimates(
    pairs: Mapping[str, np.ndarray], parameters: Parameters, limit: float
) -> tuple[np.ndarray, np.ndarray]:
    """Offsets (n, 4, 2) of many pairs, those that fail as if nothing moved; and which failed, (n,).

    Args:
        pairs: `first` and `second`, (n, size, size, 1) uint8.
        parameters: see there.
        limit: see `estimate`.
    """
    views = zip(pairs["first"][..., 0], pairs["second"][..., 0])
    found = [estimate(first, second, parameters, limit) for first, second in views]
    failed = np.array([offsets is None for offsets in found])
    return np.stack([np.zeros((4, 2)) if f is None else f for f in found]), failed


def tuned(pairs: Mapping[str, np.ndarray], start: Parameters, limit: float) -> Parameters:
    """The parameters with the least mean corner error: one after another the best of its choices.

    Args:
        pairs: training pairs, with `corners`, their truth.
        start: what to begin with.
        limit: see `estimate`.
    """
    measured: dict[Parameters, float] = {}

    def error(parameters: Parameters) -> float:
        if parameters not in measured:
            offsets, _ = estimates(pairs, parameters, limit)
            measured[parameters] = errors(offsets, pairs["corners"]).mean()
        return measured[parameters]

    best = start
    for name, choices in CHOICES.items():
        best = min((best._replace(**{name: value}) for value in choices), key=error)
    return best


def errors(found: Any, true: Any) -> np.ndarray:
    """The corner error of each pair, (n,), in pixels."""
    return np.linalg.norm(np.asarray(found) - np.asarray(true), axis=-1).mean(-1)


def _keypoints(view: np.ndarray, parameters: Parameters) -> tuple[np.ndarray, np.ndarray] | None:
    """Places (k, 2) in pixels and descriptors (k, 256), or None if there are none."""
    image = view / 255
    if parameters.smooth:
        image = filters.gaussian(image, parameters.smooth)
    size = len(image) * parameters.enlarge
    image = transform.resize(image, (size, size), order=1) if parameters.enlarge > 1 else image
    orb = feature.ORB(n_keypoints=KEYPOINTS, fast_threshold=parameters.threshold)
    try:
        orb.detect_and_extract(image)
    except (RuntimeError, IndexError, ValueError):  # how it says that there is no keypoint
        return None
    if orb.keypoints is None or len(orb.keypoints) == 0:
        return None
    return (orb.keypoints + 0.5) / parameters.enlarge, orb.descriptors
