"""DeTone et al. 2016, figure 3, with two stages; and with a comparison between them."""

import numpy as np

from cnn_jax import models

from ._layers import conv_norm, dense, flat, max_pool, relu

SIZE = (8, 8, 4)
OPTIONS = [{}, {"norm": "none"}, {"reach": 1}]
LAST, HEAD = "offsets", ()


def small(*, dtype=None, rngs, **options):
    sizes = {"size": 8, "channels": (4, 6), "hidden": 10, "in_channels": 4, "dropout": 0.0}
    return models.homography(**sizes, dtype=dtype, rngs=rngs, **options)


def compared(one, other, reach):
    """The cosine of the features at each place, and at each place around it."""
    one, other = (x - x.mean((1, 2), keepdims=True) for x in (one, other))
    made = np.zeros((*one.shape[:3], (2 * reach + 1) ** 2))
    for n, row, column in np.ndindex(one.shape[:3]):
        for number, (down, right) in enumerate(np.ndindex(2 * reach + 1, 2 * reach + 1)):
            there = row + down - reach, column + right - reach
            if all(0 <= at < size for at, size in zip(there, one.shape[1:3])):
                a, b = one[n, row, column], other[n, *there]
                made[n, row, column, number] = a @ b / np.sqrt((a @ a + 1e-6) * (b @ b + 1e-6))
    return made


def forward(p, x, *, norm="batch", reach=None):
    maps = {}
    if reach is not None:
        x = np.concatenate([x[..., :2], x[..., 2:]])
    for number in (1, 2):
        x = maps[f"conv{number}"] = relu(conv_norm(p, f"conv{number}", x, 1, 1))
    x = maps["pool1"] = max_pool(x, (2, 2), 2)
    if reach is not None:
        x = maps["compared"] = compared(*np.split(x, 2), reach)
        for name in ("conv1", "conv2", "pool1"):
            maps[name] = np.stack(np.split(maps[name], 2), axis=1)
    for number in (3, 4):
        x = maps[f"conv{number}"] = relu(conv_norm(p, f"conv{number}", x, 1, 1))
    maps["dense"] = relu(dense(p, "dense", flat(x)))
    maps["offsets"] = dense(p, "offsets", maps["dense"])
    return maps
