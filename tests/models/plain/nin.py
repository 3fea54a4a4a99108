"""Lin et al. 2013: each convolution is followed by two of 1x1."""

from cnn_jax import models
from cnn_jax.models.blocks import Style
from cnn_jax.models.nin import Variant

from ._layers import conv, conv_norm, max_pool, mean, relu

SIZE = (67, 67, 2)
OPTIONS = [{}, {"norm": "batch"}]
LAST, HEAD = "pool3", ("block4", "logits")


def small(*, norm="none", num_classes=5, dtype=None, rngs):
    return models.NiN(Variant((4, 6, 8)), num_classes, 2, Style(norm=norm, dtype=dtype), rngs)


def forward(p, x, *, norm="none"):
    maps = {}
    for block, (stride, padding) in enumerate(((4, 0), (1, 2), (1, 1)), 1):
        x = relu(conv_norm(p, f"block{block}.0", x, stride, padding))
        x = relu(conv_norm(p, f"block{block}.1", x))
        x = maps[f"block{block}"] = relu(conv_norm(p, f"block{block}.2", x))
        x = maps[f"pool{block}"] = max_pool(x, (3, 3), 2)
    x = relu(conv_norm(p, "block4.0", x, 1, 1))
    maps["block4"] = relu(conv_norm(p, "block4.1", x))
    maps["classes"] = relu(conv(p, "logits", maps["block4"]))
    maps["logits"] = mean(maps["classes"])
    return maps
