"""Simonyan and Zisserman 2014, table 1, with 1, 1, 2, 1 and 1 convolutions."""

from cnn_jax import models
from cnn_jax.models.blocks import Style
from cnn_jax.models.vgg import Variant

from ._layers import adaptive_mean, conv_norm, dense, flat, max_pool, relu

SIZE = (32, 32, 2)
OPTIONS = [{}, {"norm": "none"}]
LAST, HEAD = "pool5", ("dense1", "dense2", "logits")
CONVOLUTIONS = (1, 1, 2, 1, 1)


def small(*, norm="batch", num_classes=5, dtype=None, rngs):
    variant = Variant(CONVOLUTIONS, (4, 6, 8, 8, 8), hidden=16)
    return models.VGG(variant, num_classes, 2, Style(norm=norm, dtype=dtype), rngs)


def forward(p, x, *, norm="batch"):
    maps = {}
    for stage, number in enumerate(CONVOLUTIONS, 1):
        for layer in range(number):
            x = relu(conv_norm(p, f"stage{stage}.{layer}", x, 1, 1))
        maps[f"stage{stage}"] = x
        x = maps[f"pool{stage}"] = max_pool(x, (2, 2), 2)
    maps["average"] = adaptive_mean(x, 7)
    maps["dense1"] = relu(dense(p, "dense1", flat(maps["average"])))
    maps["dense2"] = relu(dense(p, "dense2", maps["dense1"]))
    maps["logits"] = dense(p, "logits", maps["dense2"])
    return maps
