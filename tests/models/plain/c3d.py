"""Tran et al. 2014, figure 3, with one convolution in each stage but the third."""

import numpy as np

from cnn_jax import models
from cnn_jax.models.blocks import Style
from cnn_jax.models.c3d import Variant

from ._layers import conv_norm, dense, flat, relu, windows

SIZE = (16, 16, 16, 2)
OPTIONS = [{}, {"norm": "none"}]
LAST, HEAD = "stage5", ("dense1", "dense2", "logits")


def small(*, norm="batch", num_classes=5, dtype=None, rngs):
    variant = Variant(((4,), (4,), (6, 6), (6,), (8,)), hidden=12)
    return models.C3D(variant, num_classes, SIZE, Style(norm=norm, dtype=dtype), rngs)


def forward(p, x, *, norm="batch"):
    maps = {}
    for stage, convolutions in enumerate((1, 1, 2, 1, 1), 1):
        for number in range(convolutions):
            x = relu(conv_norm(p, f"stage{stage}.{number}", x, 1, 1))
        time, around = 1 if stage == 1 else 2, 1 if stage == 5 else 0
        padding = [(0, 0), (around, around), (around, around)]
        x = windows(x, (time, 2, 2), 1, padding, fill=-np.inf).max((-3, -2, -1))
        x = maps[f"stage{stage}"] = x[:, ::time, ::2, ::2]
    maps["dense1"] = relu(dense(p, "dense1", flat(x)))
    maps["dense2"] = relu(dense(p, "dense2", maps["dense1"]))
    maps["logits"] = dense(p, "logits", maps["dense2"])
    return maps
