"""The small network for videos: its numbers, and what its depth in time changes."""

import re

import numpy as np
import pytest

from cnn_jax import models

from .networks import abstract, filled, images, maps, parameters, shapes


def test_parameters_and_shapes():
    for depth, expected in ((3, 71_290), (1, 24_346)):
        model = abstract(models.c3d_small, depth=depth)
        convolutions = ((3, 16), (16, 32), (32, 64))
        count = sum(9 * depth * a * b + 2 * b for a, b in convolutions) + 65 * 10
        assert parameters(model) == count == expected
        assert shapes(model, 2, 5, 8, 40, 48, 3) == {
            "stage1": (2, 5, 8, 20, 24, 16),
            "stage2": (2, 5, 8, 10, 12, 32),
            "stage3": (2, 5, 8, 5, 6, 64),
            "mean": (2, 5, 64),
            "logits": (2, 5, 10),
        }


@pytest.mark.parametrize("depth", [1, 3])
def test_only_depth_knows_the_order_of_frames(depth):
    model = filled(models.c3d_small, depth=depth, channels=(4, 6))
    model.eval()
    x = images(2, 6, 8, 8, 3)
    found, backward = (np.asarray(maps(model, v)["logits"]) for v in (x, x[:, ::-1]))
    difference = np.abs(found - backward).max() / np.abs(found).max()
    assert difference < 1e-5 if depth == 1 else difference > 1e-2


def test_a_unit_sees_depth_frames_for_each_stage():
    model = filled(models.c3d_small, channels=(4, 5, 6))
    model.eval()
    x = images(9, 8, 8, 3)
    changed = x.copy()
    changed[4] += 1
    found, after = (np.asarray(maps(model, v)["stage2"]) for v in (x, changed))
    assert list(np.flatnonzero(np.abs(after - found).max((1, 2, 3)) > 1e-6)) == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"depth": 2}, "`depth` must be odd, so that time keeps its length; got 2."),
        ({"depth": 0}, "`depth` must be a positive int; got 0."),
        ({"channels": ()}, "`channels` must have an entry for each stage; got ()."),
        ({"channels": (4, 0)}, "`channels` must be at least 1 on every axis; got (4, 0)."),
        ({"norm": "layer"}, "`norm` must be one of 'batch', 'group'"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(options, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        abstract(models.c3d_small, **options)


def test_videos_that_are_too_small_are_refused():
    with pytest.raises(ValueError, match=re.escape("and at least 1x8x8: a smaller one leaves")):
        shapes(abstract(models.c3d_small), 4, 7, 8, 3)
