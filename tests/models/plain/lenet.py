"""LeNet-5, as usually coded."""

import numpy as np

from cnn_jax import models

from ._layers import batch_norm, conv, dense, flat, max_pool, relu, sigmoid, windows

SIZE = (28, 28, 1)
OPTIONS = [
    {},
    {"activation": "tanh", "pool": "avg"},
    {"activation": "sigmoid", "pool": "avg", "norm": "batch"},
]
LAST, HEAD = "pool2", ("dense1", "dense2", "logits")


def small(*, num_classes=10, dtype=None, rngs, **options):
    return models.lenet(num_classes=num_classes, dtype=dtype, rngs=rngs, **options)


def forward(p, x, *, activation="relu", pool="max", norm="none"):
    function = {"relu": relu, "tanh": np.tanh, "sigmoid": sigmoid}[activation]

    def hidden(linear, name, x, *window):
        if norm == "none":
            return function(linear(p, name, x, *window))
        return function(batch_norm(p, f"{name}.1", linear(p, f"{name}.0", x, *window)))

    halved = {
        "max": lambda x: max_pool(x, (2, 2), 2),
        "avg": lambda x: windows(x, (2, 2), 2).mean((-2, -1)),
    }[pool]
    maps = {"conv1": hidden(conv, "conv1", x, 1, 2)}
    maps["pool1"] = halved(maps["conv1"])
    maps["conv2"] = hidden(conv, "conv2", maps["pool1"])
    maps["pool2"] = halved(maps["conv2"])
    maps["dense1"] = hidden(dense, "dense1", flat(maps["pool2"]))
    maps["dense2"] = hidden(dense, "dense2", maps["dense1"])
    maps["logits"] = dense(p, "logits", maps["dense2"])
    return maps
