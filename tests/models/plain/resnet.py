"""He et al. 2015, table 1, with one block in each stage but the second, which has two."""

from cnn_jax import models
from cnn_jax.models.blocks import Style
from cnn_jax.models.resnet import Variant

from ._layers import conv_norm, dense, max_pool, mean, relu

SIZE = (32, 32, 2)
OPTIONS = [{}, {"bottleneck": False}, {"stride_on": "1x1"}]
LAST, HEAD = "stage4", ("logits",)
BLOCKS = (1, 2, 1, 1)


def small(*, bottleneck=True, stride_on="3x3", num_classes=5, dtype=None, rngs):
    variant = Variant(BLOCKS, bottleneck, 2 if bottleneck else 1, width=4, stride_on=stride_on)
    style = Style(stochastic_depth=0.2, dtype=dtype)
    return models.ResNet(variant, num_classes, 2, style, rngs)


def forward(p, x, *, bottleneck=True, stride_on="3x3"):
    maps = {"stem": relu(conv_norm(p, "stem", x, 2, 3))}
    x = maps["pool"] = max_pool(maps["stem"], (3, 3), 2, 1)
    for stage, blocks in enumerate(BLOCKS, 1):
        for number in range(blocks):
            name, stride = f"stage{stage}.{number}", 2 if stage > 1 and number == 0 else 1
            if bottleneck:
                first, second = (stride, 1) if stride_on == "1x1" else (1, stride)
                y = relu(conv_norm(p, f"{name}.conv1", x, first))
                y = relu(conv_norm(p, f"{name}.conv2", y, second, 1, groups=2))
                y = conv_norm(p, f"{name}.conv3", y)
            else:
                y = relu(conv_norm(p, f"{name}.conv1", x, stride, 1))
                y = conv_norm(p, f"{name}.conv2", y, 1, 1)
            if x.shape != y.shape:
                x = conv_norm(p, f"{name}.shortcut", x, stride)
            x = relu(x + y)
        maps[f"stage{stage}"] = x
    maps["features"] = mean(x)
    maps["logits"] = dense(p, "logits", maps["features"])
    return maps
