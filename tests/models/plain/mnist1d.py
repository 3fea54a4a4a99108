"""Prince 2023, section 10.2; Greydanus and Kobak 2020, section 2."""

from cnn_jax import models

from ._layers import batch_norm, conv, dense, flat, relu

SIZE = (40, 1)
OPTIONS = [{}, {"variant": "greydanus", "norm": "batch"}]
LAST, HEAD = "conv3", ("logits",)


def small(*, variant="prince", num_classes=10, dtype=None, rngs, **options):
    return models.mnist1d(variant, num_classes=num_classes, dtype=dtype, rngs=rngs, **options)


def forward(p, x, *, variant="prince", norm="none"):
    maps = {}
    for i in (1, 2, 3):
        y = conv(p, f"conv{i}", x, 2, 0 if variant == "prince" else 1)
        x = maps[f"conv{i}"] = relu(batch_norm(p, f"norm{i}", y) if norm == "batch" else y)
    maps["logits"] = dense(p, "logits", flat(x))
    return maps
