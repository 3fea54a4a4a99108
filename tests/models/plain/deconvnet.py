"""Noh et al. 2015, table 2, with few channels."""

import numpy as np

from cnn_jax import models

from ._layers import batch_norm, conv, conv_norm, relu

SIZE = (64, 96, 2)
OPTIONS = [{}, {"norm": "none"}]
LAST, HEAD = "back1", ("logits",)


def small(*, num_classes=5, dtype=None, rngs, **options):
    options = {"in_channels": 2, "channels": 3, "hidden": 6, "window": 2, **options}
    return models.deconvnet(num_classes=num_classes, **options, dtype=dtype, rngs=rngs)


def pool(x):
    """The largest of each 2 x 2 pixels, and which of the four it is."""
    n, height, width, channels = x.shape
    four = x.reshape(n, height // 2, 2, width // 2, 2, channels).transpose(0, 1, 3, 5, 2, 4)
    four = four.reshape(n, height // 2, width // 2, channels, 4)
    return four.max(-1), four.argmax(-1)


def unpool(x, which):
    """x at the one of four that `which` names, 0 at the others."""
    n, height, width, channels = x.shape
    four = np.where(which[..., None] == np.arange(4), x[..., None], 0)
    four = four.reshape(n, height, width, channels, 2, 2).transpose(0, 1, 4, 2, 5, 3)
    return four.reshape(n, 2 * height, 2 * width, channels)


def back(p, name, x, cut):
    """y[i + t, o] += x[i, c] k[t, o, c], its edge cut off; then as after a convolution."""
    kernel = p[f"{name}.conv.kernel"]
    n, height, width, _ = x.shape
    rows, columns, out, _ = kernel.shape
    y = np.zeros((n, height + rows - 1, width + columns - 1, out))
    for i in range(rows):
        for j in range(columns):
            y[:, i : i + height, j : j + width] += x @ kernel[i, j].T
    y = y[:, cut : y.shape[1] - cut, cut : y.shape[2] - cut] + p.get(f"{name}.conv.bias", 0.0)
    return relu(batch_norm(p, f"{name}.norm", y) if f"{name}.norm.mean" in p else y)


def forward(p, x, *, norm="batch"):
    maps, places = {}, {}
    for stage, number in enumerate((2, 2, 3, 3, 3), 1):
        for layer in range(number):
            x = relu(conv_norm(p, f"stage{stage}.{layer}", x, 1, 1))
        maps[f"stage{stage}"] = x
        x, places[stage] = pool(x)
    x = maps["dense1"] = relu(conv_norm(p, "dense1", x))
    x = maps["dense2"] = relu(conv_norm(p, "dense2", x))
    x = maps["dense3"] = back(p, "dense3", x, 0)
    for stage, number in ((5, 3), (4, 3), (3, 3), (2, 2), (1, 2)):
        x = unpool(x, places[stage])
        for layer in range(number):
            x = back(p, f"back{stage}.{layer}", x, 1)
        maps[f"back{stage}"] = x
    maps["logits"] = conv(p, "logits", x)
    return maps
