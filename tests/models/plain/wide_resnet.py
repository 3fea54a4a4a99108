"""Zagoruyko and Komodakis 2016, table 1, with two blocks in each stage."""

from cnn_jax import models
from cnn_jax.models.blocks import Style
from cnn_jax.models.wide_resnet import Variant

from ._layers import batch_norm, conv, conv_norm, dense, mean, relu

SIZE = (16, 16, 2)
OPTIONS = [{}]
LAST, HEAD = "norm", ("logits",)


def small(*, num_classes=5, dtype=None, rngs):
    style = Style(dropout=0.1, dtype=dtype)
    return models.WideResNet(Variant(2, width=8), num_classes, 2, style, rngs)


def forward(p, x):
    maps = {}
    x = maps["stem"] = conv(p, "stem", x, 1, 1)
    for stage in (1, 2, 3):
        for number in range(2):
            name, stride = f"stage{stage}.{number}", 2 if stage > 1 and number == 0 else 1
            ready = relu(batch_norm(p, f"{name}.norm", x))
            y = relu(conv_norm(p, f"{name}.conv1", ready, stride, 1))
            y = conv(p, f"{name}.conv2", y, 1, 1)
            if number == 0:
                x = conv(p, f"{name}.shortcut", ready, stride)
            x = x + y
        maps[f"stage{stage}"] = x
    maps["norm"] = relu(batch_norm(p, "norm", x))
    maps["features"] = mean(maps["norm"])
    maps["logits"] = dense(p, "logits", maps["features"])
    return maps
