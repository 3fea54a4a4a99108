"""Semantic segmentation: the class of each pixel.

The network's outputs are logits (n, height, width, classes). A batch has `label`, (n, height,
width) integers. A pixel counts if its label is one of the classes; any other label, such as the 255
of PASCAL VOC's borders, leaves it out of loss and metric. `targets` makes such labels of the masks
of objects, as `data.scenes` has them: there class 0 is the background.

    _targets.py    `targets`: labels of masks
    _loss.py       `loss`: cross entropy and Dice
    _decoding.py   `decode`: the likeliest class
    _scores.py     `confusion`, and `scores` of it: intersection over union

>>> import jax.numpy as jnp
>>> batch = targets({
...     "masks": jnp.array([[[[True, False], [False, False]]]]),
...     "boxes_valid": jnp.array([[True]]),
...     "classes": jnp.array([[4]]),
... })
>>> batch["label"].tolist()
[[[5, 0], [0, 0]]]
"""

from ._decoding import decode as decode
from ._loss import loss as loss
from ._scores import confusion as confusion
from ._scores import scores as scores
from ._targets import checked as checked
from ._targets import targets as targets
