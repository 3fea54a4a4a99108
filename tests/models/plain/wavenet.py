"""Van den Oord et al. 2016, section 2, with two stacks of three blocks."""

import numpy as np

from cnn_jax import models

from ._layers import conv, dense, relu, sigmoid

SIZE = (40, 3)
OPTIONS = [{}]
LAST, HEAD = "stack2", ("hidden", "logits")


def small(*, num_classes=5, dtype=None, rngs):
    options = {"in_channels": 3, "stacks": 2, "layers": 3, "channels": 6, "skip_channels": 8}
    return models.wavenet(num_classes=num_classes, **options, dtype=dtype, rngs=rngs)


def forward(p, x):
    maps, total, block = {}, 0.0, 0
    x = maps["causal"] = conv(p, "causal", x, 1, [(1, 0)])
    for stack in (1, 2):
        for dilation in (1, 2, 4):
            block += 1
            y = conv(p, f"block{block}.gated", x, 1, [(dilation, 0)], dilation)
            z = np.tanh(y[..., :6]) * sigmoid(y[..., 6:])
            total = total + dense(p, f"block{block}.skip", z)
            if block < 6:
                x = x + dense(p, f"block{block}.passed", z)
        maps[f"stack{stack}"] = total
    maps["hidden"] = relu(dense(p, "hidden", relu(total)))
    maps["logits"] = dense(p, "logits", maps["hidden"])
    return maps
