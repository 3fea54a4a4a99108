"""Szegedy et al. 2014, table 1, as torchvision has it."""

import numpy as np

from cnn_jax import models
from cnn_jax.models.blocks import Style
from cnn_jax.models.googlenet import Variant

from ._layers import (
    adaptive_mean,
    conv_norm,
    dense,
    flat,
    max_pool,
    max_pool_rounding_up,
    mean,
    relu,
)

SIZE = (32, 32, 2)
OPTIONS = [{}, {"five": "5x5", "norm": "none"}]
LAST, HEAD = "inception5b", ("aux1", "aux2", "logits")


def small(*, five="3x3", norm="batch", num_classes=5, dtype=None, rngs):
    widths = tuple((4, 4, 6, 2, 4, 2 + i % 2) for i in range(9))
    variant = Variant((4, 8), widths, auxiliary=(4, 8), five=five, auxiliary_dropout=0.0)
    style = Style(norm=norm, epsilon=1e-3, dtype=dtype)
    return models.GoogLeNet(variant, num_classes, 2, style, rngs)


def forward(p, x, *, five="3x3", norm="batch"):
    layer = lambda name, x, *window: relu(conv_norm(p, name, x, *window, epsilon=1e-3))  # noqa: E731
    maps = {"conv1": layer("conv1", x, 2, 3)}
    maps["pool1"] = max_pool_rounding_up(maps["conv1"], 3)
    maps["conv2"] = layer("conv2", maps["pool1"])
    maps["conv3"] = layer("conv3", maps["conv2"], 1, 1)
    x = maps["pool2"] = max_pool_rounding_up(maps["conv3"], 3)
    for name in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"):
        unit = f"inception{name}"
        one = layer(f"{unit}.one", x)
        three = layer(f"{unit}.three", layer(f"{unit}.reduce_three", x), 1, 1)
        fifth = layer(f"{unit}.five", layer(f"{unit}.reduce_five", x), 1, int(five[0]) // 2)
        pooled = layer(f"{unit}.project", max_pool(x, (3, 3), 1, 1))
        x = maps[unit] = np.concatenate([one, three, fifth, pooled], -1)
        if name in ("4a", "4d"):
            head = {"4a": "aux1", "4d": "aux2"}[name]
            y = flat(layer(f"{head}.conv", adaptive_mean(x, 4)))
            maps[head] = dense(p, f"{head}.logits", relu(dense(p, f"{head}.dense", y)))
        if name == "3b":
            x = maps["pool3"] = max_pool_rounding_up(x, 3)
        if name == "4e":
            x = maps["pool4"] = max_pool_rounding_up(x, 2)
    maps["features"] = mean(x)
    maps["logits"] = dense(p, "logits", maps["features"])
    return maps
