"""Tracking: where an object is in each frame, of which one box in the first frame is given.

Boxes are (top, left, bottom, right) in pixels, as everywhere. A tracker compares an exemplar, the
object with some context, cut out of the first frame, with a search image, a larger square around
where it was last. What compares them are two functions, of a network or of a classical method.

    _crops.py     `context`, `crop`: squares around boxes, at any size
    _loss.py      `targets`, `loss`: the logistic loss of the response, balanced
    _tracker.py   `track`: scales, a penalty for moving far, one step for each frame
    _success.py   `overlap`, `distance`, `score`: the success plot and precision of OTB

>>> import jax.numpy as jnp
>>> center, side = context(jnp.array([10.0, 20, 30, 40]))  # 20 x 20, 10 around it on each side
>>> center.tolist(), side.tolist()
([20.0, 30.0], 40.0)

References:
    Bertinetto, Valmadre, Henriques, Vedaldi and Torr, *Fully-convolutional Siamese networks for
    object tracking*, 2016, arXiv:1606.09549. Wu, Lim and Yang, *Online object tracking: a
    benchmark*, CVPR 2013.
"""

from ._crops import context as context
from ._crops import crop as crop
from ._loss import loss as loss
from ._loss import targets as targets
from ._success import OVERLAPS as OVERLAPS
from ._success import distance as distance
from ._success import overlap as overlap
from ._success import score as score
from ._success import success as success
from ._tracker import track as track
