"""A residual way down from half the size, a way up beside it, and logits of the whole size."""

import numpy as np

from cnn_jax import models

from ._layers import conv_norm, relu

SIZE = (16, 24, 2)
OPTIONS = [{}, {"depth": 1, "blocks": 1}, {"norm": "none"}]
LAST, HEAD = "up1", ("logits",)


def small(*, num_classes=5, dtype=None, rngs, **options):
    options = {"in_channels": 2, "channels": 4, "depth": 2, "blocks": 2, **options}
    return models.unet_small(num_classes=num_classes, dtype=dtype, rngs=rngs, **options)


def transposed(p, name, x, taps):
    """y[2 i + t - (taps - 2) / 2, o] += x[i, c] k[t, o, c] for the taps t of both axes."""
    kernel, cut = p[f"{name}.kernel"], (taps - 2) // 2
    assert kernel.shape[:2] == (taps, taps)
    n, height, width, _ = x.shape
    y = np.zeros((n, 2 * height + 2 * cut, 2 * width + 2 * cut, kernel.shape[2]))
    for i in range(taps):
        for j in range(taps):
            y[:, i : i + 2 * height : 2, j : j + 2 * width : 2] += x @ kernel[i, j].T
    return y[:, cut : cut + 2 * height, cut : cut + 2 * width] + p[f"{name}.bias"]


def forward(p, x, *, depth=2, blocks=2, norm="batch"):
    x = relu(conv_norm(p, "stem", x, 2, 1))
    maps, way = {"stem": x}, [x]
    for stage in range(1, depth + 1):
        for block in range(blocks if stage == depth else 1):
            name, stride = f"stage{stage}.{block}", 1 if block else 2
            y = conv_norm(
                p, f"{name}.conv2", relu(conv_norm(p, f"{name}.conv1", x, stride, 1)), 1, 1
            )
            x = relu(y + (x if block else conv_norm(p, f"{name}.shortcut", x, stride)))
        maps[f"stage{stage}"] = x
        way.append(x)
    for stage in range(depth, 0, -1):
        x = np.concatenate([way[stage - 1], transposed(p, f"up{stage}.up", x, 2)], -1)
        x = relu(conv_norm(p, f"up{stage}.pair.conv1", x, 1, 1))
        x = maps[f"up{stage}"] = relu(conv_norm(p, f"up{stage}.pair.conv2", x, 1, 1))
    maps["logits"] = transposed(p, "logits", x, 4)
    return maps
