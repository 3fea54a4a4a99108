"""Three stages over time and space, their mean, and logits."""

from cnn_jax import models

from ._layers import conv_norm, dense, mean, relu, windows

SIZE = (4, 8, 10, 2)
OPTIONS = [{}, {"depth": 1}, {"norm": "none"}]
LAST, HEAD = "stage3", ("logits",)


def small(*, num_classes=5, dtype=None, rngs, **options):
    made = {"num_classes": num_classes, "in_channels": 2, "channels": (4, 6, 8), **options}
    return models.c3d_small(**made, dtype=dtype, rngs=rngs)


def forward(p, x, *, depth=3, norm="batch"):
    maps, padding = {}, [(depth // 2, depth // 2), (1, 1), (1, 1)]
    for stage in (1, 2, 3):
        x = relu(conv_norm(p, f"stage{stage}", x, 1, padding))
        x = windows(x, (1, 2, 2), 1).max((-3, -2, -1))[:, :, ::2, ::2]
        maps[f"stage{stage}"] = x
    maps["mean"] = mean(x)
    maps["logits"] = dense(p, "logits", maps["mean"])
    return maps
