"""The small residual U-Net: its table, its sizes, and what a wrong call is told."""

import re

import pytest

from cnn_jax import models

from .networks import abstract, parameters, shapes

STAGES = {  # of 3 channels and 11 classes: shrinking, channels, parameters
    "stem": (2, 24, 9 * 3 * 24 + 2 * 24),
    "stage1": (4, 48, (9 * 24 + 9 * 48 + 24) * 48 + 3 * 2 * 48),
    "stage2": (8, 96, (9 * 48 + 5 * 9 * 96 + 48) * 96 + 7 * 2 * 96),
    "up2": (4, 48, (4 * 96 + 1) * 48 + (9 * 96 + 9 * 48) * 48 + 2 * 2 * 48),
    "up1": (2, 24, (4 * 48 + 1) * 24 + (9 * 48 + 9 * 24) * 24 + 2 * 2 * 24),
    "logits": (1, 11, (16 * 24 + 1) * 11),
}


def test_parameters_and_shapes():
    model = abstract(models.unet_small)
    for name, (_, _, number) in STAGES.items():
        assert parameters(model, name) == number, name
    assert parameters(model) == sum(number for _, _, number in STAGES.values()) == 600_779
    expected = {name: (2, 64 // n, 40 // n, c) for name, (n, c, _) in STAGES.items()}
    assert shapes(model, 2, 64, 40, 3) == expected


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_size_must_be_halved_once_more_than_there_are_stages(depth):
    model, least = abstract(models.unet_small, depth=depth, channels=2), 2 ** (depth + 1)
    assert shapes(model, 3, least, 3 * least, 3)["logits"] == (3, least, 3 * least, 11)
    text = (
        f"height and a width that are multiples of {least}; got shape (1, {least}, {least + 2}, 3)."
    )
    with pytest.raises(ValueError, match=re.escape(text)):
        shapes(model, 1, least, least + 2, 3)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"depth": 0}, "`depth` must be a positive int; got 0."),
        ({"blocks": 0}, "`blocks` must be a positive int; got 0."),
        ({"channels": 0}, "`channels` must be a positive int; got 0."),
        ({"norm": "layer"}, "`norm` must be one of 'batch', 'group'"),
        ({"num_classes": 0}, "`num_classes` must be a positive int; got 0."),
    ],
)
def test_a_wrong_option_is_told_what_is_wrong(options, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        abstract(models.unet_small, **options)
