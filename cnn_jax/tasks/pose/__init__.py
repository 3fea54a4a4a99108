"""Pose: where the joints of a person are, each found on a heatmap of its own.

The network's outputs are heatmaps `(n, h, w, joints)`, a cell for each `stride` pixels: high, about
1, near the joint. A batch has

    keypoints           (n, joints, 2) floats: (row, column) in pixels; the center of the first
                        pixel is (0.5, 0.5)
    keypoints_visible   (n, joints) bools: which are in the picture; without it, all

as `data.figures` makes it and `data.augment` moves it. A joint counts, for the loss and for the
metric, if it is visible, its coordinates are finite, and it lies inside of the picture. All others
may have any coordinates: they cost nothing. A joint over which something lies is visible in this
sense: it counts, and must be guessed.

    _heatmaps.py   `targets`, `loss`, `decode`
    _correct.py    `hits`, `pck`: the percentage of correct keypoints
    _mirror.py     `mirror_order`, `mirrored`: left and right exchanged
    _checks.py     which joints count; checks

>>> import jax.numpy as jnp
>>> batch = {"keypoints": jnp.array([[[6.0, 10.0]]])}
>>> heatmaps = targets(batch, grid=(8, 8))["heatmap"]
>>> decode(heatmaps, shift="gaussian")["keypoints"].round().tolist()
[[[6.0, 10.0]]]

References:
    Xiao, Wu and Wei, *Simple baselines for human pose estimation and tracking*, 2018,
    arXiv:1804.06208. Tompson, Jain, LeCun and Bregler, *Joint training of a convolutional network
    and a graphical model for human pose estimation*, 2014, arXiv:1406.2984: heatmaps.
"""

from ._correct import hits as hits
from ._correct import pck as pck
from ._heatmaps import decode as decode
from ._heatmaps import loss as loss
from ._heatmaps import targets as targets
from ._mirror import mirror_order as mirror_order
from ._mirror import mirrored as mirrored
