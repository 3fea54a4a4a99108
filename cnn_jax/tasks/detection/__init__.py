"""Detection: the boxes and classes of all objects in a picture, each found as a point.

The network's outputs are `(n, h, w, classes + 4)`, a cell for each `stride` pixels: for each class
the logit of an object's center, then the object's height and width in cells, then how far in its
cell the center lies, down and right. A batch has

    boxes         (n, m, 4) floats: (top, left, bottom, right) in pixels
    boxes_valid   (n, m) bools: which boxes count
    classes       (n, m) integers

as `data.scenes` makes it and `data.augment` moves it. A picture without objects is no error. A box
whose center is outside of the picture, or that has no area, does not count.

    _targets.py             `targets`: heatmaps, sizes and offsets of boxes
    _loss.py                `loss`: the penalty-reduced focal loss, and L1
    _decoding.py            `decode`: peaks as boxes; `nms`
    _average_precision.py   `average_precision`, as COCO computes it

>>> import jax.numpy as jnp
>>> outputs = jnp.full((1, 4, 4, 2 + 4), -9.0).at[0, 1, 2].set(jnp.array([9, -9, 2, 1, 0.5, 0.5]))
>>> found = decode(outputs, top=1)
>>> found["boxes"].tolist(), found["classes"].tolist()
([[[2.0, 8.0, 10.0, 12.0]]], [[0]])

References:
    Zhou, Wang and Krähenbühl, *Objects as points*, 2019, arXiv:1904.07850.
"""

from ._average_precision import average_precision as average_precision
from ._decoding import decode as decode
from ._decoding import nms as nms
from ._decoding import overlaps as overlaps
from ._loss import loss as loss
from ._targets import radius as radius
from ._targets import targets as targets
