"""Homography: how a plane moved between two views, as the offsets of four corners.

A homography `H` is a 3 x 3 matrix that takes a point of the second view to where the first one
shows the same: `second(p) = first(H p)`. It has 8 degrees of freedom, and so have the places where
it takes the four corners of the view. Their offsets are all in pixels, which is what a network
learns well; the entries of the matrix differ in size by many orders.

Points are `(y, x)` in pixels; the pixel `(i, j)` is the square from `(i, j)` to `(i + 1, j + 1)`.
The corners of a view are top left, top right, bottom right, bottom left, at 0 and `size`. If the
views shrink, offsets shrink as much. A batch has

    image     (n, size, size, 2) floats: the first view and the second one
    corners   (n, 4, 2) floats: where the corners of the second view lie in the first, minus where
              they lie in the second

and the network's outputs are (n, 8): those offsets in a larger unit.

If three of the four moved corners lie on one line, no homography moves them so: `from_corners`
returns what is not finite, or a matrix without an inverse. If one lies within the triangle of the
others, there is a homography, but it takes a line of the view to infinity. `convex` is true where
neither happens.

    _matrices.py    `from_corners`, `to_corners`, `move`, `warp`: 3 x 3 matrices and points
    _offsets.py     `compose`, `remaining`, `convex`: offsets of corners and their homographies
    _estimates.py   `decode`, `loss`, `corner_error`, `refine`: what a network says

>>> import jax.numpy as jnp
>>> offsets = jnp.array([[2.0, 1], [0, 0], [-1, 3], [0, 0]])
>>> bool(jnp.allclose(to_corners(from_corners(offsets, 64), 64), offsets, atol=1e-4))
True

References:
    DeTone, Malisiewicz and Rabinovich, *Deep image homography estimation*, 2016, arXiv:1606.03798.
    Hartley and Zisserman, *Multiple view geometry in computer vision*, 2nd edition, section 4.1.
"""

from ._estimates import corner_error as corner_error
from ._estimates import decode as decode
from ._estimates import loss as loss
from ._estimates import refine as refine
from ._matrices import CORNERS as CORNERS
from ._matrices import from_corners as from_corners
from ._matrices import move as move
from ._matrices import to_corners as to_corners
from ._matrices import warp as warp
from ._offsets import compose as compose
from ._offsets import convex as convex
from ._offsets import remaining as remaining
