"""Real views of a plane, on the user's machine: a wall with graffiti, seen by two cameras."""

import re
from typing import Any

import numpy as np
import scipy.ndimage
from PIL import Image

from cnn_jax.tasks import homography
from experiments.data import debian_packages, photographs

FILES = ("graf1.png", "graf3.png", "H1to3p.xml")  # the last: from pixels of one to the other
TRIES = 100  # of which one shows what lies in both photographs


def graffiti(count: int, *, size: int, reach: float, short: int) -> dict[str, np.ndarray] | None:
    """Cut pairs of views out of two photographs of a wall, by two cameras from two sides.

    The first view is a square of one photograph. Its corners are moved at random, and the second
    view is what the other photograph shows in that quadrilateral. So pairs are as `data.views`
    makes them, but light, blur and noise of both views are real ones.

    Args:
        count: how many pairs.
        size: height and width of a view.
        reach: the corners move by up to so many pixels on each axis.
        short: pixels of the photographs' shorter side, after they are made smaller.

    Returns:
        `first`, `second`, `corners` and `scene` as of `data.views`, always the same; or None if
        the photographs are not there.

    References:
        Mikolajczyk et al., *A comparison of affine region detectors*, 2005.
    """
    files = debian_packages.OPENCV.files(*FILES)
    if files is None:
        return None
    walls = [np.asarray(Image.open(file).convert("L"))[..., None] for file in files[:2]]
    factor = short / min(walls[0].shape[:2])  # both are of one size
    first, second = (photographs.resized(wall, factor) for wall in walls)
    between = matrix(files[2].read_text(encoding="utf-8"), factor)
    return pairs(first, second, between, count, size, reach)


def matrix(text: str, factor: float) -> np.ndarray:
    """The homography in a file of OpenCV, between points (y, x) of photographs made smaller.

    In the file they are (x, y), and whole numbers are the centers of pixels.
    """
    inner = re.search(r"<data>(.*?)</data>", text, re.DOTALL)
    given = np.array(inner[1].split() if inner else [], np.float64).reshape(3, 3)
    large = np.array([[0, 1 / factor, -0.5], [1 / factor, 0, -0.5], [0, 0, 1]])
    return np.linalg.inv(large) @ given @ large


def pairs(
    first: np.ndarray, second: np.ndarray, between: np.ndarray, count: int, size: int, reach: float
) -> dict[str, np.ndarray]:
    """Cut out pairs of views; see `graffiti`.

    Args:
        first: a photograph (height, width, 1) uint8.
        second: another one.
        between: takes points (y, x) of the first one to the second one.
        count: how many pairs.
        size: of a view.
        reach: of the corners.
    """
    rng, margin = np.random.default_rng(0), int(np.ceil(reach))
    most = np.array(first.shape[:2]) - size - margin
    corners = rng.integers(margin, most + 1, (TRIES * count, 2))
    offsets = rng.uniform(-reach, reach, (TRIES * count, 4, 2)).astype(np.float32)
    ends = moved(between, homography.CORNERS * size + offsets + corners[:, None])
    inside = ((ends >= 0) & (ends <= second.shape[:2])).all((1, 2))
    chosen = np.flatnonzero(inside)[:count]
    if len(chosen) < count:
        raise ValueError(f"the photographs have no {count} views in common; {len(chosen)} of them")
    axis = np.arange(size) + 0.5
    centers = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    made: dict[str, Any] = {"first": [], "second": [], "scene": []}
    for number, moves in zip(chosen, np.asarray(homography.from_corners(offsets[chosen], size))):
        top, left = corners[number]
        points = moved(between, moved(moves.astype(np.float64), centers) + (top, left)) - 0.5
        view = scipy.ndimage.map_coordinates(
            second[..., 0].astype(np.float32), points.T, order=1, mode="nearest"
        )
        made["second"].append(view.round().astype(np.uint8).reshape(size, size, 1))
        made["first"].append(first[top : top + size, left : left + size])
        side = size + 2 * margin
        made["scene"].append(first[top - margin :, left - margin :][:side, :side])
    return {**{name: np.stack(views) for name, views in made.items()}, "corners": offsets[chosen]}


def moved(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (..., 2) where a homography takes them."""
    homogeneous = np.concatenate([points, np.ones((*points.shape[:-1], 1))], -1) @ matrix.T
    return homogeneous[..., :2] / homogeneous[..., 2:]
