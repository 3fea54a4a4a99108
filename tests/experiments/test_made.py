"""Backgrounds to train on: half as they are, half altered; held-out ones are other photographs."""

import numpy as np

from cnn_jax.data import photos
from experiments.data import making

WIDE = 48  # of backgrounds for scenes of 32


def rows_of(plane):
    """All rows of 48 pixels, and what they are in a mirror."""
    rows = np.lib.stride_tricks.sliding_window_view(plane, WIDE, 1).reshape(-1, WIDE)
    return {row.tobytes() for both in (rows, rows[:, ::-1]) for row in both}


def test_backgrounds_to_train_on_are_parts_of_photographs_or_altered_ones(monkeypatch):
    rng = np.random.default_rng(0)
    photographs = {name: rng.integers(0, 256, (60, 80, 3), np.uint8) for name in "abc"}
    monkeypatch.setattr(photos, "load", lambda *_, **__: photographs)
    made = making.backgrounds.__wrapped__("train", 32, 128 * WIDE**2)  # not kept
    assert len(made) == 128
    assert {image.shape for image in made} == {(WIDE, WIDE, 3)}
    assert {image.dtype for image in made} == {np.dtype(np.uint8)}
    rows = set().union(*(rows_of(image[..., 0]) for image in photographs.values()))
    is_part = [image[7, :, 0].tobytes() in rows for image in made]
    assert is_part == [True] * 64 + [False] * 64
    assert len({image.tobytes() for image in made}) > 120


def test_held_out_backgrounds_are_other_photographs_as_they_are():
    made = making.backgrounds("test", 64)
    for image, expected in zip(made, photos.load("test", channels=3).values(), strict=True):
        np.testing.assert_array_equal(image, expected)
