"""Liu et al. 2022, table 9, with 1, 1, 2 and 1 blocks."""

from cnn_jax import models
from cnn_jax.models.blocks import Style
from cnn_jax.models.convnext import Variant

from ._layers import conv, dense, gelu, layer_norm, mean

SIZE = (64, 64, 2)
OPTIONS = [{}]
LAST, HEAD = "stage4", ("norm", "logits")
BLOCKS = (1, 1, 2, 1)


def small(*, num_classes=5, dtype=None, rngs):
    variant = Variant(BLOCKS, (4, 6, 8, 10), 0.1, layer_scale=0.5)
    style = Style(stochastic_depth=0.1, dtype=dtype)
    return models.ConvNeXt(variant, num_classes, 2, style, rngs)


def forward(p, x):
    maps = {}
    x = maps["stem"] = layer_norm(p, "stem.1", conv(p, "stem.0", x, 4))
    for stage, blocks in enumerate(BLOCKS, 1):
        if stage > 1:
            name = f"downsample{stage}"
            x = maps[name] = conv(p, f"{name}.1", layer_norm(p, f"{name}.0", x), 2)
        for number in range(blocks):
            name = f"stage{stage}.{number}"
            y = conv(p, f"{name}.depthwise", x, 1, 3, groups=x.shape[-1])
            y = gelu(dense(p, f"{name}.expand", layer_norm(p, f"{name}.norm", y)))
            x = x + p[f"{name}.layer_scale"] * dense(p, f"{name}.contract", y)
        maps[f"stage{stage}"] = x
    maps["features"] = layer_norm(p, "norm", mean(x))
    maps["logits"] = dense(p, "logits", maps["features"])
    return maps
