"""DeTone et al. 2016, figure 3, with two stages."""

from cnn_jax import models

from ._layers import conv_norm, dense, flat, max_pool, relu

SIZE = (8, 8, 3)
OPTIONS = [{}, {"norm": "none"}]
LAST, HEAD = "offsets", ()


def small(*, dtype=None, rngs, **options):
    sizes = {"size": 8, "channels": (4, 6), "hidden": 10, "in_channels": 3, "dropout": 0.0}
    return models.homography(**sizes, dtype=dtype, rngs=rngs, **options)


def forward(p, x, *, norm="batch"):
    maps = {}
    for number in (1, 2):
        x = maps[f"conv{number}"] = relu(conv_norm(p, f"conv{number}", x, 1, 1))
    x = maps["pool1"] = max_pool(x, (2, 2), 2)
    for number in (3, 4):
        x = maps[f"conv{number}"] = relu(conv_norm(p, f"conv{number}", x, 1, 1))
    maps["dense"] = relu(dense(p, "dense", flat(x)))
    maps["offsets"] = dense(p, "offsets", maps["dense"])
    return maps
