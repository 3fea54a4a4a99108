"""He et al. 2015, section 4.2, with two blocks in each stage."""

import numpy as np

from cnn_jax import models
from cnn_jax.models.blocks import Style
from cnn_jax.models.cifar_resnet import Variant

from ._layers import conv_norm, dense, mean, relu

SIZE = (16, 16, 2)
OPTIONS = [{}, {"shortcut": "B"}]
LAST, HEAD = "stage3", ("logits",)


def small(*, shortcut="A", num_classes=5, dtype=None, rngs):
    variant = Variant(2, width=4, shortcut=shortcut)
    style = Style(stochastic_depth=0.2, dtype=dtype)
    return models.CifarResNet(variant, num_classes, 2, style, rngs)


def forward(p, x, *, shortcut="A"):
    maps = {}
    x = maps["stem"] = relu(conv_norm(p, "stem", x, 1, 1))
    for stage in (1, 2, 3):
        for number in range(2):
            name, halves = f"stage{stage}.{number}", stage > 1 and number == 0
            y = relu(conv_norm(p, f"{name}.conv1", x, 2 if halves else 1, 1))
            y = conv_norm(p, f"{name}.conv2", y, 1, 1)
            if halves and shortcut == "A":
                x = x[:, ::2, ::2]
                x = np.concatenate([x, np.zeros_like(x)], -1)
            elif halves:
                x = conv_norm(p, f"{name}.shortcut", x, 2)
            x = relu(x + y)
        maps[f"stage{stage}"] = x
    maps["features"] = mean(x)
    maps["logits"] = dense(p, "logits", maps["features"])
    return maps
