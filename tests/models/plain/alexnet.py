"""Krizhevsky et al. 2012, section 3; Krizhevsky 2014 for the other variant."""

from dataclasses import replace

import numpy as np

from cnn_jax import models
from cnn_jax.models.alexnet import VARIANTS
from cnn_jax.models.blocks import Style

from ._layers import adaptive_mean, conv, dense, flat, max_pool, relu

SIZE = (75, 75, 2)
OPTIONS = [{}, {"variant": "2014"}]
LAST, HEAD = "pool5", ("dense1", "dense2", "logits")


def small(*, variant="2012", num_classes=5, dtype=None, rngs):
    shape = replace(VARIANTS[variant], channels=(8, 16, 12, 12, 8), hidden=16)
    return models.AlexNet(shape, num_classes, 2, Style(dtype=dtype), rngs)


def forward(p, x, *, variant="2012"):
    first = variant == "2012"
    groups = 2 if first else 1
    maps = {}
    x = maps["conv1"] = relu(conv(p, "conv1", x, 4, 0 if first else 2))
    x = maps["pool1"] = max_pool(normalized(x) if first else x, (3, 3), 2)
    x = maps["conv2"] = relu(conv(p, "conv2", x, 1, 2, groups=groups))
    x = maps["pool2"] = max_pool(normalized(x) if first else x, (3, 3), 2)
    x = maps["conv3"] = relu(conv(p, "conv3", x, 1, 1))
    x = maps["conv4"] = relu(conv(p, "conv4", x, 1, 1, groups=groups))
    x = maps["conv5"] = relu(conv(p, "conv5", x, 1, 1, groups=groups))
    x = maps["pool5"] = max_pool(x, (3, 3), 2)
    maps["average"] = adaptive_mean(x, 6)
    maps["dense1"] = relu(dense(p, "dense1", flat(maps["average"])))
    maps["dense2"] = relu(dense(p, "dense2", maps["dense1"]))
    maps["logits"] = dense(p, "logits", maps["dense2"])
    return maps


def normalized(x):
    """b[i] = a[i] / (k + alpha * sum of a[j]^2 over 5 neighbors)^beta, section 3.3."""
    y, channels = np.empty_like(x), x.shape[-1]
    for i in range(channels):
        near = x[..., max(0, i - 2) : min(channels, i + 3)]
        y[..., i] = x[..., i] / (2 + 1e-4 * (near**2).sum(-1)) ** 0.75
    return y
