"""Xiao et al. 2018 with small maps: a way down, and three transposed convolutions."""

import numpy as np

from cnn_jax import models
from cnn_jax.models.blocks import Style
from cnn_jax.models.simple_baseline import Variant

from ._layers import batch_norm, conv, conv_norm, relu

SIZE = (32, 48, 2)
OPTIONS = [{}]
LAST, HEAD = "up3", ("logits",)


def small(*, num_classes=5, dtype=None, rngs):
    variant = Variant(None, (8, 6, 7), stem=4, widths=(6, 8, 10), blocks=2)
    return models.SimpleBaseline(variant, num_classes, 2, Style(dtype=dtype), rngs)


def transposed(p, name, x):
    """y[2 i + t - 1, o] += x[i, c] k[t, o, c] for the 4 x 4 taps t, on both axes."""
    kernel = p[f"{name}.kernel"]
    n, height, width, _ = x.shape
    y = np.zeros((n, 2 * height + 2, 2 * width + 2, kernel.shape[2]))
    for i in range(4):
        for j in range(4):
            y[:, i : i + 2 * height : 2, j : j + 2 * width : 2] += x @ kernel[i, j].T
    return y[:, 1:-1, 1:-1]


def forward(p, x):
    maps = {"stem": relu(conv_norm(p, "backbone.stem", x, 2, 1))}
    x = maps["stem"]
    for stage in (1, 2, 3):
        for number in (0, 1):
            name, stride = f"backbone.stage{stage}.{number}", 1 if number else 2
            y = relu(conv_norm(p, f"{name}.conv1", x, stride, 1))
            y = conv_norm(p, f"{name}.conv2", y, 1, 1)
            x = relu(y + (x if number else conv_norm(p, f"{name}.shortcut", x, stride)))
        maps[f"stage{stage}"] = x
    for name in ("up1", "up2", "up3"):
        x = maps[name] = relu(batch_norm(p, f"{name}.norm", transposed(p, f"{name}.conv", x)))
    maps["logits"] = conv(p, "logits", x)
    return maps
