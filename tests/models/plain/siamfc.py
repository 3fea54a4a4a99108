"""Bertinetto et al. 2016, Table 1, with other channels: both variants."""

from cnn_jax import models
from cnn_jax.models.blocks import Style
from cnn_jax.models.siamfc import Variant

from ._layers import conv_norm, max_pool, relu

SIZE = (37, 41, 2)
OPTIONS = [{}, {"norm": "none"}, {"published": True}]
LAST, HEAD = "conv3", ()


def small(*, norm="batch", published=False, dtype=None, rngs):
    layers = ((4, 5, 1, 1), (6, 3, 1, 1), (5, 3, 1, 1))
    variant = Variant(layers, (2, 2), 32, 37, 4)
    if published:
        layers = ((4, 5, 2, 1), (6, 3, 1, 2), (4, 3, 1, 2))
        variant = Variant(layers, (3,), 37, 41, 4)
    return models.SiamFC(variant, 2, Style(norm=norm, dtype=dtype), rngs)


def forward(p, x, *, norm="batch", published=False):
    maps = {"conv1": relu(conv_norm(p, "conv1", x, 2 if published else 1))}
    size = (3, 3) if published else (2, 2)
    maps["pool1"] = x = max_pool(maps["conv1"], size, 2)
    groups = 2 if published else 1
    maps["conv2"] = x = relu(conv_norm(p, "conv2", x, groups=groups))
    if not published:
        maps["pool2"] = x = max_pool(x, size, 2)
    maps["conv3"] = conv_norm(p, "conv3", x, groups=groups)
    return maps
