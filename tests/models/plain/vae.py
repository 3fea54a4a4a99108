"""Kingma and Welling 2014, with convolutions, for images of 12 x 12; the latents are the means."""

from cnn_jax import models

from ._layers import conv, dense, flat, relu, up

SIZE = (12, 12, 3)
OPTIONS = [{}]
LAST, HEAD = "logits", ()


def small(*, dtype=None, rngs):
    sizes = {"size": 12, "in_channels": 3, "channels": 4, "hidden": 11, "latent": 5}
    return models.vae(**sizes, dtype=dtype, rngs=rngs)


def forward(p, x):
    maps = {"conv1": relu(conv(p, "conv1", x, 2, 1))}
    maps["conv2"] = relu(conv(p, "conv2", maps["conv1"], 2, 1))
    maps["encoded"] = relu(dense(p, "encoded", flat(maps["conv2"])))
    maps["mean"] = dense(p, "mean", maps["encoded"])
    maps["log_variance"] = dense(p, "log_variance", maps["encoded"])
    maps["latents"] = maps["mean"]
    maps["decoded"] = relu(dense(p, "decoded", maps["latents"]))
    maps["project"] = relu(dense(p, "project", maps["decoded"])).reshape(-1, 3, 3, 8)
    maps["up1"] = relu(up(p, "up1", maps["project"], 2, 1, 6))
    maps["logits"] = up(p, "logits", maps["up1"], 2, 1, 12)
    return maps
