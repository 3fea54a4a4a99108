"""Ronneberger et al. 2015, figure 1, with two levels."""

import numpy as np

from cnn_jax import models

from ._layers import conv, conv_norm, max_pool, relu

SIZE = (44, 48, 2)
OPTIONS = [{}, {"padding": "same", "norm": "batch"}]
LAST, HEAD = "up1", ("logits",)


def small(*, num_classes=5, dtype=None, rngs, **options):
    options = {"in_channels": 2, "channels": 4, "depth": 2, **options}
    return models.unet(num_classes=num_classes, dtype=dtype, rngs=rngs, **options)


def transposed(p, name, x):
    """y[2 i + t, o] = bias[o] + sum over c of x[i, c] k[t, o, c], for the 2 x 2 taps t."""
    kernel = p[f"{name}.kernel"]
    n, height, width, _ = x.shape
    y = np.zeros((n, 2 * height, 2 * width, kernel.shape[2]))
    for i in range(2):
        for j in range(2):
            y[:, i::2, j::2] = x @ kernel[i, j].T
    return y + p[f"{name}.bias"]


def forward(p, x, *, padding="valid", norm="none"):
    around = 1 if padding == "same" else 0

    def pair(name, x):
        x = relu(conv_norm(p, f"{name}.conv1", x, 1, around))
        return relu(conv_norm(p, f"{name}.conv2", x, 1, around))

    maps = {"down1": pair("down1", x)}
    maps["down2"] = pair("down2", max_pool(maps["down1"], (2, 2), 2))
    maps["bottom"] = pair("bottom", max_pool(maps["down2"], (2, 2), 2))
    x = maps["bottom"]
    for level in (2, 1):
        x = transposed(p, f"up{level}.up", x)
        partner = maps[f"down{level}"]
        cut = [(a - b) // 2 for a, b in zip(partner.shape[1:3], x.shape[1:3])]
        assert cut == ([0, 0] if around else {2: [4, 4], 1: [16, 16]}[level])
        partner = partner[:, cut[0] : cut[0] + x.shape[1], cut[1] : cut[1] + x.shape[2]]
        x = maps[f"up{level}"] = pair(f"up{level}.pair", np.concatenate([partner, x], -1))
    maps["logits"] = conv(p, "logits", x)
    return maps
