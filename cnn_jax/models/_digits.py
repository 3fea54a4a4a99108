"""Pictures of the ten digits, 12 rows of 7 pixels: the default targets of `lenet1998`."""

import numpy as np
from jax.typing import ArrayLike

from cnn_jax.arguments import shown

_PICTURES = """
..###..  ...#...  .#####.  .#####.  ....##.  #######  ..####.  #######  .#####.  .#####.
.#...#.  ..##...  ##...##  ##...##  ...###.  #......  .##....  #.....#  ##...##  ##...##
##...##  .###...  #.....#  ......#  ...###.  #......  ##.....  .....##  #.....#  #.....#
#.....#  ##.#...  ......#  ......#  ..#.##.  #......  #......  .....#.  #.....#  #.....#
#.....#  ...#...  .....##  .....##  ..#.##.  #.###..  #......  ....##.  ##...##  ##...##
#.....#  ...#...  ....##.  ..####.  .#..##.  ##..##.  #.###..  ....#..  .#####.  .######
#.....#  ...#...  ...##..  .....##  .#..##.  .....##  ##..##.  ...##..  ##...##  ......#
#.....#  ...#...  ..##...  ......#  #...##.  ......#  #....##  ...#...  #.....#  ......#
#.....#  ...#...  .##....  ......#  #######  ......#  #.....#  ..##...  #.....#  .....##
##...##  ...#...  ##.....  ......#  ....##.  #.....#  #.....#  ..#....  #.....#  ....##.
.#...#.  ...#...  #......  ##...##  ....##.  ##...##  ##...##  ..#....  ##...##  ...##..
..###..  #######  #######  .#####.  ....##.  .#####.  .#####.  ..#....  .#####.  .###...
"""

# (10, 84): the pixels row by row, 1 for ink and -1 for none.
DIGITS = np.array(
    [
        [1.0 if pixel == "#" else -1.0 for pixel in "".join(rows)]
        for rows in zip(*(line.split() for line in _PICTURES.split("\n") if line))
    ],
    np.float32,
)
DIGITS.flags.writeable = False


def checked(targets: ArrayLike) -> np.ndarray:
    """Check `targets`, and return them in float32: (num_classes, 84), a picture for each class.

    Raises:
        TypeError: if they are no numbers.
        ValueError: if they have another shape, or hold NaN or infinity.
    """
    rule = "`targets` must be (num_classes, 84), a picture of 12 rows of 7 pixels for each class"
    try:
        with np.errstate(over="ignore"):  # it is infinite then, which is refused
            pictures = np.asarray(targets, np.float32)
    except (TypeError, ValueError):
        raise TypeError(f"{rule}; got {shown(targets)}.") from None
    if pictures.ndim != 2 or pictures.shape[1] != 84 or not pictures.size:
        raise ValueError(f"{rule}; got shape {pictures.shape}.")
    if not np.isfinite(pictures).all():
        raise ValueError(f"{rule}, of finite numbers; got NaN or infinity.")
    return pictures
