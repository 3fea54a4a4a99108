"""Stereo: the disparity of each pixel of the left of two views, and depth and points of it.

The network's outputs are disparities `(n, height, width)`, in pixels: the point that the left view
shows in the column `x` is in the right one, in the same row, in the column `x - disparity`. A batch
has `disparity`, the truth. Pixels where it is NaN or infinite, below 0, or `max_disparity` or more
count neither for the loss nor for a measure; a pair without any other pixel has 0 of each.

    _measures.py   `loss`, `end_point_error`, `bad`
    _matching.py   `block_match`: the classical method, without a network; `filled`
    _points.py     `visible`, `depth`, `points`
    _maps.py       how disparities are checked

>>> import jax.numpy as jnp
>>> depth(jnp.array([10.0, 20.0]), focal=500, baseline=0.2).tolist()
[10.0, 5.0]

References:
    Kendall et al., *End-to-end learning of geometry and context for deep stereo regression*, 2017,
    arXiv:1703.04309. Scharstein and Szeliski, *A taxonomy and evaluation of dense two-frame stereo
    correspondence algorithms*, 2002: block matching, its check and the measures.
"""

from ._matching import block_match as block_match
from ._matching import filled as filled
from ._measures import bad as bad
from ._measures import end_point_error as end_point_error
from ._measures import loss as loss
from ._points import depth as depth
from ._points import points as points
from ._points import visible as visible
