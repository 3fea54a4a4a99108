"""Points in space with colors: a PLY file, and how they look from the side."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure

from cnn_jax import files
from cnn_jax.tasks import stereo
from experiments.drawing import plots

VERTEX = np.dtype([(axis, "<f4") for axis in "xyz"] + [(c, "u1") for c in ("red", "green", "blue")])
TURN = 25.0  # degrees around the vertical axis
FAR = 1.5  # times the largest depth of the truth; what is farther is not drawn
SIZE = (300, 440)  # of a picture from the side


def of_pair(
    workdir: Path,
    truth: Mapping[str, Any],
    found: Any,
    matched: Any,
    *,
    focal: float,
    baseline: float = 1.0,
    offset: float = 0.0,
    center: tuple[float, float] | None = None,
) -> None:
    """Write the first pair's points as points.ply, and draw them beside others as points.png.

    Args:
        workdir: the folder to write into.
        truth: `image` and `disparity` of pairs.
        found: by the network, (n, height, width): what the file holds.
        matched: by blocks; drawn, like the truth.
        focal: the focal length in pixels.
        baseline: the distance of the cameras; its unit is that of the points.
        offset: as for `stereo.depth`.
        center: the principal point; None is the middle.
    """
    colors, (height, width) = truth["image"][0, 0], truth["disparity"].shape[1:]
    center = center or ((height - 1) / 2, (width - 1) / 2)
    clouds = {}
    for name, maps in (
        ("truth", truth["disparity"]),
        ("network", found),
        ("block matching", matched),
    ):
        z = stereo.depth(maps[0], focal=focal, baseline=baseline, offset=offset)
        at = np.asarray(stereo.points(z, focal=focal, center=center)).reshape(-1, 3)
        clouds[name] = (at, colors.reshape(-1, 3))
    depths = clouds["truth"][0][:, 2]
    near, far = depths[np.isfinite(depths)].min(), depths[np.isfinite(depths)].max()
    kept = {}
    for name, (at, color) in clouds.items():
        inside = np.isfinite(at).all(-1) & (at[:, 2] < FAR * far)
        kept[name] = at[inside], color[inside]
    write(workdir / "points.ply", *kept["network"])
    figure = Figure(figsize=(13, 3.4), layout="constrained")
    for axes, (name, (at, color)) in zip(figure.subplots(1, 3), kept.items()):
        axes.imshow(from_the_side(at, color, focal / width, float(near), float(far)))
        axes.set(xticks=[], yticks=[], title=f"{name}, turned by {TURN:.0f} degrees")
    plots.save(figure, workdir / "points.png")


def write(file: Path, points: np.ndarray, colors: np.ndarray) -> None:
    """Write a binary PLY file, little endian: for each point x, y, z, red, green, blue.

    Args:
        file: to write.
        points: (k, 3).
        colors: (k, 3) uint8.
    """
    vertices = np.empty(len(points), VERTEX)
    for column, axis in enumerate("xyz"):
        vertices[axis] = points[:, column]
    for column, color in enumerate(("red", "green", "blue")):
        vertices[color] = colors[:, column]
    head = ["ply", "format binary_little_endian 1.0", f"element vertex {len(points)}"]
    head += [f"property float {axis}" for axis in "xyz"]
    head += [f"property uchar {color}" for color in ("red", "green", "blue")]
    data = "\n".join([*head, "end_header", ""]).encode() + vertices.tobytes()
    if jax.process_index() == 0:
        files.replace(file, data)


def from_the_side(
    points: np.ndarray, colors: np.ndarray, focal: float, near: float, far: float
) -> np.ndarray:
    """Draw points as a camera sees them that is moved around their middle.

    Args:
        points: (k, 3): right, down, forward.
        colors: (k, 3) uint8.
        focal: the focal length, in widths of the picture.
        near: the smallest depth; the camera turns around a point between it and `far`.
        far: the largest depth.

    Returns:
        uint8 (height, width, 3), white where there is no point.
    """
    height, width = SIZE
    pivot, angle = 2 * near * far / (near + far), np.deg2rad(TURN)
    x, y, z = points.T
    z = z - pivot
    x, z = x * np.cos(angle) + z * np.sin(angle), z * np.cos(angle) - x * np.sin(angle)
    z = z + 1.1 * pivot  # a little back, so that all is seen
    ahead = z > 0.1 * near
    x, y, z, colors = x[ahead], y[ahead], z[ahead], colors[ahead]
    column = np.round(x / z * focal * width + width / 2).astype(int)
    row = np.round(y / z * focal * width + height / 2).astype(int)
    picture = np.full((height, width, 3), 255, np.uint8)
    order = np.argsort(-z, kind="stable")  # the nearest last, over the others
    for down in (0, 1):
        for right in (0, 1):  # each point is 2 x 2 pixels, so that a surface has no gaps
            at_row, at_column = row[order] + down, column[order] + right
            inside = (at_row >= 0) & (at_row < height) & (at_column >= 0) & (at_column < width)
            picture[at_row[inside], at_column[inside]] = colors[order][inside]
    return picture
