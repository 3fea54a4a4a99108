"""LeNet-5, as usually coded."""

import numpy as np

from cnn_jax import models

from ._layers import conv, dense, flat, max_pool, relu, windows

SIZE = (28, 28, 1)
OPTIONS = [{}, {"activation": "tanh", "pool": "avg"}]
LAST, HEAD = "pool2", ("dense1", "dense2", "logits")


def small(*, num_classes=10, dtype=None, rngs, **options):
    return models.lenet(num_classes=num_classes, dtype=dtype, rngs=rngs, **options)


def forward(p, x, *, activation="relu", pool="max"):
    act = {"relu": relu, "tanh": np.tanh}[activation]
    halved = {
        "max": lambda x: max_pool(x, (2, 2), 2),
        "avg": lambda x: windows(x, (2, 2), 2).mean((-2, -1)),
    }[pool]
    maps = {"conv1": act(conv(p, "conv1", x, 1, 2))}
    maps["pool1"] = halved(maps["conv1"])
    maps["conv2"] = act(conv(p, "conv2", maps["pool1"]))
    maps["pool2"] = halved(maps["conv2"])
    maps["dense1"] = act(dense(p, "dense1", flat(maps["pool2"])))
    maps["dense2"] = act(dense(p, "dense2", maps["dense1"]))
    maps["logits"] = dense(p, "logits", maps["dense2"])
    return maps
