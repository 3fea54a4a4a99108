"""Two hidden layers of 5x5 windows and stride 2, connected in three ways."""

import numpy as np

from cnn_jax import models

from ._layers import conv, dense, flat, relu, windows

SIZE = (16, 16, 1)
OPTIONS = [{}, {"connection": "full"}, {"connection": "convolutional"}]
LAST, HEAD = "layer2", ("logits",)


def small(*, num_classes=5, dtype=None, rngs, **options):
    options |= {"input_size": 16, "num_classes": num_classes}
    return models.locally_connected(**options, dtype=dtype, rngs=rngs)


def forward(p, x, *, connection="local"):
    maps = {}
    for i, (length, channels) in enumerate(((6, 8), (1, 16)), 1):
        name = f"layer{i}"
        if connection == "full":
            y = dense(p, f"{name}.dense", flat(x)).reshape(len(x), length, length, channels)
        elif connection == "convolutional":
            y = conv(p, name, x, 2)
        else:
            taps = windows(x, (5, 5), 2)
            y = np.einsum("nhwcij,hwijco->nhwo", taps, p[f"{name}.kernel"]) + p[f"{name}.bias"]
        x = maps[name] = relu(y)
    maps["logits"] = dense(p, "logits", flat(x))
    return maps
