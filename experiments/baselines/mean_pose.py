"""The mean pose of people, in the true box around each, or at its mean place."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cnn_jax.data.figures import JOINTS


def boxes(truth: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """The corner and the sides of the box around each person's visible joints, (n, 1, 2) each."""
    visible = truth["keypoints_visible"][..., None]
    low = np.where(visible, truth["keypoints"], np.inf).min(1, keepdims=True)
    high = np.where(visible, truth["keypoints"], -np.inf).max(1, keepdims=True)
    return low, np.maximum(high - low, 1)


def mean_pose(examples: Mapping[str, Any], truth: Mapping[str, Any]) -> np.ndarray:
    """The mean pose of examples, put into the true box around each person of others.

    Args:
        examples: from `data.figures`, to take the mean of.
        truth: likewise, of which the boxes alone are used.

    Returns:
        (n, 14, 2), places in pixels.
    """
    low, sides = boxes(examples)
    counts = examples["keypoints_visible"][..., None]
    places = np.where(counts, (examples["keypoints"] - low) / sides, 0)
    low, sides = boxes(truth)
    return (low + sides * (places.sum(0) / counts.sum(0))).astype(np.float32)


def mean_place(examples: Mapping[str, Any], count: int) -> np.ndarray:
    """The mean place of each joint in the pictures of examples, `count` times: (count, 14, 2)."""
    return np.broadcast_to(examples["keypoints"].mean(0), (count, len(JOINTS), 2))
