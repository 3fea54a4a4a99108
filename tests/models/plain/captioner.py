"""Aneja et al. 2018, section 4, with a small encoder and two blocks of words."""

import numpy as np

from cnn_jax import models

from ._layers import conv, conv_norm, dense, layer_norm, relu, sigmoid

SIZE = (13, 18, 2)
OPTIONS = [{}, {"norm": "none"}, {"kinds": 5, "blocks": 3}]
LAST, HEAD = "logits", ()


def small(*, dtype=None, rngs, **options):
    shape = {"widths": (4, 5, 6), "channels": 8, "layers": 2, "kernel_size": 2}
    return models.captioner(vocabulary=7, in_channels=2, **shape, **options, dtype=dtype, rngs=rngs)


def forward(p, x, *, norm="batch", kinds=None, blocks=2, words=None):
    """`words` are (n, time); None is a time of 0."""
    words = np.zeros((len(x), 0), int) if words is None else words
    maps = {"stem": relu(conv_norm(p, "stem", x, 2, 1))}
    x = maps["stem"]
    last = [(f"stage2.{number}", 1) for number in range(1, blocks)]
    for block, stride in (("stage1.0", 2), ("stage2.0", 2), *last):
        y = relu(conv_norm(p, f"{block}.conv1", x, stride, 1))
        y = conv_norm(p, f"{block}.conv2", y, 1, 1)
        x = relu(y + (conv_norm(p, f"{block}.shortcut", x, 2) if stride == 2 else x))
        maps[block[:6]] = x
    if kinds is not None:
        maps["cells"] = conv(p, "cells", x)
    n, height, width, channels = x.shape
    memory = maps["memory"] = np.zeros((n, height, width, channels + 2))
    memory[..., :-2] = x
    for row in range(height):
        memory[:, row, :, -2] = (row + 0.5) / height * 2 - 1
    for column in range(width):
        memory[:, :, column, -1] = (column + 0.5) / width * 2 - 1
    maps["summary"] = dense(p, "summary", memory.mean((1, 2)))
    embedded = p["embedding.embedding"][words]
    embedded = np.concatenate([np.zeros((n, 1, 8)), embedded], 1)
    y = maps["embedded"] = embedded + maps["summary"][:, None]
    cells = memory.reshape(n, height * width, -1)
    for number, dilation in ((1, 1), (2, 2)):
        name = f"words{number}"
        both = conv(
            p, f"{name}.conv", layer_norm(p, f"{name}.norm", y), 1, [(dilation, 0)], dilation
        )
        gated = both[..., :8] * sigmoid(both[..., 8:])
        query, key = dense(p, f"{name}.query", gated), dense(p, f"{name}.key", cells)
        scores = np.exp(query @ key.swapaxes(1, 2) / np.sqrt(8))
        look = scores / scores.sum(-1, keepdims=True)
        maps[f"look{number}"] = look.reshape(n, -1, height, width)
        y = maps[name] = y + gated + look @ dense(p, f"{name}.value", cells)
    maps["hidden"] = relu(dense(p, "hidden", y))
    maps["logits"] = dense(p, "logits", maps["hidden"])
    return maps
