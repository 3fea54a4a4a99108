"""Sandler et al. 2018, table 2, with three stages."""

from cnn_jax import models
from cnn_jax.models.blocks import Style
from cnn_jax.models.mobilenet_v2 import Stage, Variant

from ._layers import conv_norm, dense, mean, relu6

SIZE = (32, 32, 2)
OPTIONS = [{}]
LAST, HEAD = "head", ("logits",)
STAGES = ((1, 8, 1, 1), (6, 8, 2, 2), (6, 12, 2, 2))  # expansion, channels, blocks, stride


def small(*, num_classes=5, dtype=None, rngs):
    variant = Variant(8, tuple(Stage(*stage) for stage in STAGES), 16)
    return models.MobileNetV2(variant, num_classes, 2, Style(dtype=dtype), rngs)


def forward(p, x):
    maps = {}
    x = maps["stem"] = relu6(conv_norm(p, "stem", x, 2, 1))
    for stage, (expansion, channels, blocks, stride) in enumerate(STAGES, 1):
        for number in range(blocks):
            name, step = f"stage{stage}.{number}", 1 if number else stride
            y = relu6(conv_norm(p, f"{name}.expand", x)) if expansion > 1 else x
            y = relu6(conv_norm(p, f"{name}.depthwise", y, step, 1, groups=y.shape[-1]))
            y = conv_norm(p, f"{name}.project", y)
            x = x + y if step == 1 and x.shape[-1] == channels else y
        maps[f"stage{stage}"] = x
    maps["head"] = relu6(conv_norm(p, "head", x))
    maps["features"] = mean(maps["head"])
    maps["logits"] = dense(p, "logits", maps["features"])
    return maps
