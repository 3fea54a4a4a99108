"""Radford, Metz and Chintala 2016, Figure 1, for images of 12 x 12: 3, 6 and 12."""

import numpy as np

from cnn_jax import models

from ._layers import batch_norm, conv, conv_norm, dense, flat, relu, up

SIZE = (7,)
OPTIONS = [{}, {"window": 4}]
LAST, HEAD = "image", ()


def small(*, dtype=None, rngs, **options):
    sizes = {"size": 12, "in_channels": 3, "channels": 5, "latent": 7}
    return models.dcgan(**sizes, **options, dtype=dtype, rngs=rngs)


def leaky(x):
    return np.where(x > 0, x, 0.2 * x)


def forward(p, z, *, window=5):
    pad = {5: 2, 4: 1}[window]
    x = dense(p, "generator.project", z).reshape(-1, 3, 3, 10)
    maps = {"project": relu(batch_norm(p, "generator.norm", x))}
    x = up(p, "generator.ups.0", maps["project"], 2, pad, 6)
    maps["up1"] = relu(batch_norm(p, "generator.norms.0", x))
    maps["image"] = np.tanh(up(p, "generator.ups.1", maps["up1"], 2, pad, 12))
    maps["conv1"] = leaky(conv(p, "discriminator.conv1", maps["image"], 2, pad))
    maps["conv2"] = leaky(conv_norm(p, "discriminator.convs.0", maps["conv1"], 2, pad))
    maps["logit"] = dense(p, "discriminator.logit", flat(maps["conv2"]))[:, 0]
    return maps
