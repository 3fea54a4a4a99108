"""Backgrounds to train on: half as they are, half altered, and none of a held-out photograph."""

import numpy as np

from cnn_jax.data import photos
from experiments import _made


def test_backgrounds_to_train_on_are_parts_of_photographs_or_altered_ones():
    made = _made.behind("train", 32)
    assert {image.shape for image in made} == {(48, 48, 3)}
    assert {image.dtype for image in made} == {np.dtype(np.uint8)}
    assert len(made) == 2 * 32 * 33  # 5 million pixels
    photographs = photos.load("train", channels=3).values()
    rows = {row.tobytes() for image in photographs for row in windows(image[:, :, 0])}
    mirrored = {np.frombuffer(row, np.uint8)[::-1].tobytes() for row in rows}
    is_part = [image[7, :, 0].tobytes() in rows | mirrored for image in made]
    half = len(made) // 2
    assert all(is_part[:half])
    assert np.mean(is_part[half:]) < 0.05
    assert len({image.tobytes() for image in made}) > 0.95 * len(made)


def test_held_out_backgrounds_are_other_photographs_as_they_are():
    made = _made.behind("test", 64)
    for image, expected in zip(made, photos.load("test", channels=3).values(), strict=True):
        np.testing.assert_array_equal(image, expected)


def windows(plane):
    """All rows of 48 pixels."""
    return np.lib.stride_tricks.sliding_window_view(plane, 48, 1).reshape(-1, 48)
