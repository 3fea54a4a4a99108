"""Instance segmentation: which pixels belong to which object, by votes for objects' centers.

The network's outputs are `(n, height, width, classes + 4)`, of each pixel: the logits of the
background and of the classes; whether an object's center is near, a height in [0, 1]; and the
place of the center of the object that the pixel shows, down and right of it, in units of `UNIT`
pixels. A center is the mean of what is seen of an object. A batch has

    masks         (n, m, height, width) bools: where an object is seen; no two overlap
    boxes_valid   (n, m) bools: which of them count
    classes       (n, m) integers

as `data.scenes` makes it. A picture without objects is no error.

    _targets.py     `targets`: labels, heatmaps of centers, and votes
    _loss.py        `loss`: cross entropy, the squared error of heatmaps, L1 of votes
    _decoding.py    `decode`: masks at the peaks, each with the pixels that vote for it

`average_precision` is that of `tasks.detection`, of masks.

The maps have the size of the picture because masks need it: true masks of `data.scenes` at 64x64
pixels, brought to maps of stride 4 as CenterNet has them and back by interpolation, keep 0.87 of
their overlap and reach an average precision of 0.74; decoded from `targets`, one of 1.

>>> import jax.numpy as jnp
>>> outputs = jnp.zeros((1, 6, 6, 2 + 4)).at[..., 0].set(9.0)  # background
>>> outputs = outputs.at[0, 1:4, 1:4, 1].set(20.0).at[0, 2, 2, 3].set(0.9)
>>> found = decode(outputs, top=1)
>>> found["masks"][0, 0].sum().item(), found["classes"].tolist()
(9, [[0]])

References:
    Cheng et al., *Panoptic-DeepLab*, 2020, arXiv:1911.10194, sections 3.1 to 3.3.
"""

from ._decoding import average_precision as average_precision
from ._decoding import decode as decode
from ._loss import loss as loss
from ._targets import UNIT as UNIT
from ._targets import targets as targets
