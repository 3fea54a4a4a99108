"""Tan and Le 2019, table 1, with three stages, half as wide."""

from cnn_jax import models
from cnn_jax.models.blocks import Style
from cnn_jax.models.efficientnet import Variant

from ._layers import conv_norm, dense, mean, sigmoid, swish

SIZE = (32, 32, 2)
OPTIONS = [{}]
LAST, HEAD = "head", ("logits",)
STAGES = ((3, 1, 8, 1, 1), (3, 6, 8, 1, 2), (5, 6, 16, 2, 2))
EPSILON = 1e-3


def small(*, num_classes=5, dtype=None, rngs):
    variant = Variant(0.5, 1.0, 0.0, stages=STAGES)
    style = Style(epsilon=EPSILON, dtype=dtype)
    return models.EfficientNet(variant, num_classes, 2, style, rngs)


def forward(p, x):
    options = {"epsilon": EPSILON}
    maps = {}
    x = maps["stem"] = swish(conv_norm(p, "stem", x, 2, 1, **options))
    for stage, (window, expansion, _, blocks, stride) in enumerate(STAGES, 1):
        for number in range(blocks):
            name, step = f"stage{stage}.{number}", 1 if number else stride
            y = swish(conv_norm(p, f"{name}.expand", x, **options)) if expansion > 1 else x
            groups, half = y.shape[-1], window // 2
            y = swish(conv_norm(p, f"{name}.depthwise", y, step, half, groups=groups, **options))
            squeezed = swish(dense(p, f"{name}.excite.reduce", mean(y)))
            gates = sigmoid(dense(p, f"{name}.excite.expand", squeezed))
            y = conv_norm(p, f"{name}.project", y * gates[:, None, None], **options)
            x = x + y if x.shape == y.shape else y
        maps[f"stage{stage}"] = x
    maps["head"] = swish(conv_norm(p, "head", x, **options))
    maps["features"] = mean(maps["head"])
    maps["logits"] = dense(p, "logits", maps["features"])
    return maps
