"""Disparities by block matching, and how far disparities are from the truth."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import jax
import numpy as np

from cnn_jax.tasks import stereo

WINDOWS = (5, 9, 7, 11, 15, 21)
CHECK = 1.0  # pixels between the disparities of both views


def measures(found: Any, truth: Mapping[str, Any], most: int) -> dict[str, float]:
    """The end-point error and the share of bad pixels, means over pairs."""
    true = truth["disparity"]
    return {
        "epe": float(stereo.end_point_error(found, true, max_disparity=most).mean()),
        "bad3": float(stereo.bad(found, true, max_disparity=most).mean()),
    }


def only_seen(truth: Mapping[str, Any]) -> dict[str, Any]:
    """The truth without the pixels that the right view does not show."""
    true = truth["disparity"]
    return {**truth, "disparity": np.where(stereo.visible(true), true, np.nan)}


def best(truth: Mapping[str, Any], most: int, windows: Iterable[int]) -> tuple[np.ndarray, str]:
    """Match blocks in the way that has the smallest end-point error on these very pairs.

    Returns:
        Disparities (n, height, width), and the way in words.
    """
    left, right = np.moveaxis(truth["image"].astype(np.float32), 1, 0)
    ways = {}
    for window in windows:
        match = partial(stereo.block_match, disparities=most, window=window)
        both = jax.jit(lambda a, b, m=match: (m(a, b), stereo.filled(m(a, b, check=CHECK))))
        plain, checked = map(np.asarray, both(left, right))
        ways[f"windows of {window} x {window}"] = plain
        ways[f"windows of {window} x {window}, checked and filled"] = checked
    how = min(ways, key=lambda way: measures(ways[way], truth, most)["epe"])
    return ways[how], how
