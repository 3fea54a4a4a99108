"""Huang et al. 2016, table 1, with 1, 2, 1 and 1 layers."""

import numpy as np

from cnn_jax import models
from cnn_jax.models.blocks import Style
from cnn_jax.models.densenet import Variant

from ._layers import batch_norm, conv, conv_norm, dense, max_pool, mean, relu, windows

SIZE = (32, 32, 2)
OPTIONS = [{}, {"bottleneck": 0}]
LAST, HEAD = "norm", ("logits",)
LAYERS = (1, 2, 1, 1)


def small(*, bottleneck=4, num_classes=5, dtype=None, rngs):
    variant = Variant(LAYERS, growth=4, stem=8, bottleneck=bottleneck)
    return models.DenseNet(variant, num_classes, 2, Style(dtype=dtype), rngs)


def forward(p, x, *, bottleneck=4):
    maps = {"stem": relu(conv_norm(p, "stem", x, 2, 3))}
    x = maps["pool"] = max_pool(maps["stem"], (3, 3), 2, 1)
    for block, layers in enumerate(LAYERS, 1):
        for layer in range(layers):
            name = f"block{block}.{layer}"
            y = relu(batch_norm(p, f"{name}.norm", x))
            if bottleneck:
                y = relu(conv_norm(p, f"{name}.reduce", y))
            x = np.concatenate([x, conv(p, f"{name}.conv", y, 1, 1)], -1)
        maps[f"block{block}"] = x
        if block < 4:
            name = f"transition{block}"
            x = conv(p, f"{name}.conv", relu(batch_norm(p, f"{name}.norm", x)))
            x = maps[name] = windows(x, (2, 2), 2).mean((-2, -1))
    maps["norm"] = relu(batch_norm(p, "norm", x))
    maps["features"] = mean(maps["norm"])
    maps["logits"] = dense(p, "logits", maps["features"])
    return maps
