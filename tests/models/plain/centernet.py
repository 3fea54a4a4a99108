"""Zhou et al. 2019 with small maps: a way down, a way up and three heads."""

import numpy as np

from cnn_jax import models
from cnn_jax.models.blocks import Style
from cnn_jax.models.centernet import Variant

from ._layers import batch_norm, conv, conv_norm, max_pool, relu

SIZE = (32, 48, 2)
OPTIONS = [{}, {"authors": True}]
LAST, HEAD = "up2", ("heatmap", "size", "offset")


def small(*, authors=False, num_classes=5, dtype=None, rngs):
    variant = Variant(4, (6, 8, 10), (8, 6), 5)
    if authors:
        variant = Variant(4, (4, 6, 8), (8, 6), 5, 2, window=7, pool=True, lateral=False)
    return models.CenterNet(variant, num_classes, 2, Style(dtype=dtype), rngs)


def transposed(p, name, x):
    """y[2 i + t - 1, o] += x[i, c] k[t, o, c] for the 4 x 4 taps t, on both axes."""
    kernel = p[f"{name}.kernel"]
    n, height, width, _ = x.shape
    y = np.zeros((n, 2 * height + 2, 2 * width + 2, kernel.shape[2]))
    for i in range(4):
        for j in range(4):
            y[:, i : i + 2 * height : 2, j : j + 2 * width : 2] += x @ kernel[i, j].T
    return y[:, 1:-1, 1:-1]


def forward(p, x, *, authors=False):
    maps, down = {}, []
    x = maps["stem"] = relu(conv_norm(p, "stem", x, 2, 3 if authors else 1))
    if authors:
        x = maps["pool"] = max_pool(x, (3, 3), 2, 1)
    for stage in (1, 2, 3):
        for number in range(2 if authors else 1):
            name = f"stage{stage}.{number}"
            stride = 2 if number == 0 and not (authors and stage == 1) else 1
            y = relu(conv_norm(p, f"{name}.conv1", x, stride, 1))
            y = conv_norm(p, f"{name}.conv2", y, 1, 1)
            if f"{name}.shortcut.conv.kernel" in p:
                x = conv_norm(p, f"{name}.shortcut", x, stride)
            x = relu(x + y)
        maps[f"stage{stage}"] = x
        down.append(x)
    for number in (1, 2):
        x = relu(batch_norm(p, f"up{number}.norm", transposed(p, f"up{number}.conv", x)))
        if not authors:
            x = x + conv_norm(p, f"lateral{number}", down[2 - number])
        maps[f"up{number}"] = x
    for head in HEAD:
        maps[head] = conv(p, f"{head}.conv2", relu(conv(p, f"{head}.conv1", x, 1, 1)))
    maps["logits"] = np.concatenate([maps[head] for head in HEAD], -1)
    return maps
