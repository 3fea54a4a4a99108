"""Shi et al. 2016, section 3."""

import numpy as np

from cnn_jax import models

from ._layers import conv, relu

SIZE = (6, 7, 3)
OPTIONS = [{}, {"scale": 2, "activation": "relu"}]
LAST, HEAD = "image", ()


def small(*, dtype=None, rngs, **options):
    return models.espcn(in_channels=3, dtype=dtype, rngs=rngs, **options)


def forward(p, x, *, scale=3, activation="tanh"):
    act = {"relu": relu, "tanh": np.tanh}[activation]
    maps = {"conv1": act(conv(p, "conv1", x, 1, 2))}
    maps["conv2"] = act(conv(p, "conv2", maps["conv1"], 1, 1))
    y = maps["conv3"] = conv(p, "conv3", maps["conv2"], 1, 1)
    image = np.zeros((len(x), scale * x.shape[1], scale * x.shape[2], 3))
    for row in range(scale):
        for column in range(scale):
            first = (row * scale + column) * 3
            image[:, row::scale, column::scale] = y[..., first : first + 3]
    maps["image"] = image
    return maps
