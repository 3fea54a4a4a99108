"""Long et al. 2015, section 4, on VGG-16, with few channels."""

import numpy as np

from cnn_jax import models

from ._layers import batch_norm, conv, conv_norm, max_pool_rounding_up, relu

SIZE = (64, 32, 2)
OPTIONS = [{"padding": "same", "norm": "batch"}, {"padding": "valid", "window": 7}]
LAST, HEAD = "conv7", ("score", "score4", "score3", "up2", "up4", "up8")


def small(*, num_classes=5, window=3, padding="same", dtype=None, rngs, **options):
    options = {"in_channels": 2, "channels": 2, "hidden": 6, "dropout": 0.0, **options}
    sizes = {"num_classes": num_classes, "window": window, "padding": padding}
    return models.fcn8(**sizes, **options, dtype=dtype, rngs=rngs)


def enlarged(p, name, x, stride, cut):
    """y[stride i + t, o] += x[i, c] k[t, o, c] for taps t of two strides, and its edge cut off."""
    kernel = p[f"{name}.kernel"]
    n, height, width, _ = x.shape
    y = np.zeros((n, (height + 1) * stride, (width + 1) * stride, kernel.shape[2]))
    for i in range(2 * stride):
        for j in range(2 * stride):
            rows = slice(i, i + height * stride, stride)
            y[:, rows, j : j + width * stride : stride] += x @ kernel[i, j].T
    return y[:, cut : y.shape[1] - cut, cut : y.shape[2] - cut]


def forward(p, x, *, padding, norm="none", window=3):
    size, maps, published = x.shape[1:3], {}, padding == "valid"
    for stage, number in enumerate((2, 2, 3, 3, 3), 1):
        for layer in range(number):
            name, first = f"stage{stage}.{layer}", published and stage == 1 and layer == 0
            x = conv(p, f"{name}.conv", x, 1, 100 if first else 1)
            x = relu(batch_norm(p, f"{name}.norm", x) if norm == "batch" else x)
        maps[f"stage{stage}"] = x
        x = maps[f"pool{stage}"] = max_pool_rounding_up(x, 2)
    maps["conv6"] = relu(conv_norm(p, "conv6", x, 1, 0 if published else 1))
    maps["conv7"] = relu(conv_norm(p, "conv7", maps["conv6"]))
    x = maps["score"] = conv(p, "score", maps["conv7"])
    for name, up, pool, edge in (("score4", "up2", "pool4", 5), ("score3", "up4", "pool3", 9)):
        x = enlarged(p, up, x, 2, 0 if published else 1)
        finer, start = conv(p, name, maps[pool]), edge if published else 0
        x = x + finer[:, start : start + x.shape[1], start : start + x.shape[2]]
        maps[name] = x
    x = enlarged(p, "up8", x, 8, 0 if published else 4)
    start = 31 if published else 0
    maps["logits"] = x[:, start : start + size[0], start : start + size[1]]
    return maps
