"""LeCun et al. 1998, section II.B, table I."""

import numpy as np

from cnn_jax import models

from ._layers import conv, dense, windows

SIZE = (32, 32, 1)
OPTIONS = [{}]
LAST, HEAD = "c5", ("f6", "logits")
TABLE_I = [
    "X...XXX..XXXX.XX",
    "XX...XXX..XXXX.X",
    "XXX...XXX..X.XXX",
    ".XXX..XXXX..X.XX",
    "..XXX..XXXX.XX.X",
    "...XXX..XXXX.XXX",
]


def small(*, num_classes=10, dtype=None, rngs):
    heads = {} if num_classes else {"targets": None}
    return models.lenet1998(**heads, dtype=dtype, rngs=rngs)


def forward(p, x):
    maps = {"c1": squash(conv(p, "c1", x))}
    maps["s2"] = squash(subsample(p, "s2", maps["c1"]))
    maps["c3"] = squash(sparse(p, "c3", maps["s2"]))
    maps["s4"] = squash(subsample(p, "s4", maps["c3"]))
    maps["c5"] = squash(conv(p, "c5", maps["s4"]))
    maps["f6"] = squash(dense(p, "f6", maps["c5"][:, 0, 0]))
    difference = maps["f6"][:, None] - p["logits.targets"]
    maps["distances"] = (difference**2).sum(-1)
    maps["logits"] = -maps["distances"]
    return maps


def squash(x):
    return 1.7159 * np.tanh(2 / 3 * x)


def subsample(p, name, x):
    sums = windows(x, (2, 2), 2).sum((-2, -1))
    return sums * p[f"{name}.coefficient"] + p[f"{name}.bias"]


def sparse(p, name, x):
    """Each output map sees the input maps with an X in its column of the table."""
    taps, pair = windows(x, (5, 5), 1), 0
    y = np.zeros((*taps.shape[:3], 16)) + p[f"{name}.bias"]
    for out in range(16):
        for seen in range(6):
            if TABLE_I[seen][out] == "X":
                y[..., out] += (taps[..., seen, :, :] * p[f"{name}.kernel"][..., pair]).sum(
                    (-2, -1)
                )
                pair += 1
    return y
