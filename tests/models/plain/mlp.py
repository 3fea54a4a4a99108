"""Dense layers, and the residual network of MNIST-1D's authors."""

from cnn_jax import models

from ._layers import batch_norm, dense, flat, relu

SIZE = (8, 8, 1)
OPTIONS = [{}, {"norm": "none", "widths": (12, 12, 6), "residual": True}]
LAST, HEAD = "dense1", ("logits",)


def small(*, norm="batch", widths=(16,), num_classes=10, dtype=None, rngs, **options):
    options |= {"input_size": 8, "norm": norm, "widths": widths, "num_classes": num_classes}
    return models.mlp(**options, dtype=dtype, rngs=rngs)


def forward(p, x, *, norm="batch", widths=(16,), residual=False):
    maps, x = {}, flat(x)
    for i in range(1, len(widths) + 1):
        y = dense(p, f"dense{i}", x)
        y = relu(batch_norm(p, f"norm{i}", y) if norm == "batch" else y)
        x = maps[f"dense{i}"] = x + y if residual and x.shape == y.shape else y
    maps["logits"] = dense(p, "logits", x)
    return maps
