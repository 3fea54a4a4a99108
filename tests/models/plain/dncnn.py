"""Zhang et al. 2017, section III, with four layers."""

from cnn_jax import models

from ._layers import conv, conv_norm, relu

SIZE = (9, 11, 3)
OPTIONS = [{}, {"norm": "none"}, {"dilations": (1, 2, 3, 2)}]
LAST, HEAD = "image", ()


def small(*, dtype=None, rngs, **options):
    return models.dncnn(depth=4, channels=6, in_channels=3, dtype=dtype, rngs=rngs, **options)


def forward(p, x, *, norm="batch", dilations=(1, 1, 1, 1)):
    first, second, third, fourth = ((d, d) for d in dilations)  # padding and dilation
    maps = {"conv1": relu(conv(p, "first", x, 1, *first))}
    maps["conv2"] = relu(conv_norm(p, "middle.0", maps["conv1"], 1, *second))
    maps["conv3"] = relu(conv_norm(p, "middle.1", maps["conv2"], 1, *third))
    maps["conv4"] = conv(p, "last", maps["conv3"], 1, *fourth)
    maps["image"] = x - maps["conv4"]
    return maps
