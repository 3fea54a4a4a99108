"""Dong et al. 2014, sections 3 and 4.3."""

from cnn_jax import models

from ._layers import conv, relu

SIZE = (11, 9, 3)
OPTIONS = [{}, {"variant": "9-5-5"}]
LAST, HEAD = "image", ()


def small(*, dtype=None, rngs, **options):
    return models.srcnn(in_channels=3, dtype=dtype, rngs=rngs, **options)


def forward(p, x, *, variant="9-1-5"):
    maps = {"conv1": relu(conv(p, "conv1", x, 1, 4))}
    maps["conv2"] = relu(conv(p, "conv2", maps["conv1"], 1, {"9-1-5": 0, "9-5-5": 2}[variant]))
    maps["image"] = conv(p, "conv3", maps["conv2"], 1, 2)
    return maps
