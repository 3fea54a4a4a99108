"""A real video that is on the user's machine: a cube on a table, with its box in the first frame.

It belongs to ViSP, whose trackers begin with the pose of the cube in the first frame. The box is
what is around its corners, as that pose and the camera show them.
"""

from typing import Any

import numpy as np
from PIL import Image

from experiments.data import debian_packages

FRAMES, SHRINK = 218, 2  # of 640 x 480 pixels, and how many times smaller they are made
POSE = "mbt/cube.0.pos"  # a translation in meters, and a rotation vector
SIDE = 0.084  # meters; the cube lies at [-SIDE, 0] x [0, SIDE] x [0, SIDE]
FOCAL, CENTER = (542.074, 547.737), (234.508, 338.704)  # row, column, in pixels: mbt/cube.xml


def cube(step: int = 2) -> dict[str, Any] | None:
    """Read the video, its frames half as high and wide.

    Args:
        step: 1 reads every frame, 2 every other one.

    Returns:
        `frames` (t, 240, 320, 3) uint8, and `box` (4,): top, left, bottom, right in pixels; or None
        if the video is not there.
    """
    names = [f"mbt/cube/image{number:04d}.pgm" for number in range(0, FRAMES, step)]
    files = debian_packages.VISP.files(POSE, *names)
    if files is None:
        return None
    frames = []
    for file in files[1:]:
        with Image.open(file) as image:
            size = (image.width // SHRINK, image.height // SHRINK)
            frames.append(np.asarray(image.resize(size, Image.Resampling.BOX).convert("RGB")))
    pose = np.array(files[0].read_text().split(), np.float64)
    return {"frames": np.stack(frames), "box": around(pose) / SHRINK}


def around(pose: np.ndarray) -> np.ndarray:
    """The box around a cube as the camera sees it at a pose (6,): top, left, bottom, right."""
    unit = np.stack(np.meshgrid([-1, 0], [0, 1], [0, 1], indexing="ij"), -1).reshape(-1, 3)
    x, y, z = (SIDE * unit @ rotation(pose[3:]).T + pose[:3]).T
    places = np.stack([FOCAL[0] * y / z + CENTER[0], FOCAL[1] * x / z + CENTER[1]], -1) + 0.5
    return np.concatenate([places.min(0), places.max(0)])


def rotation(vector: np.ndarray) -> np.ndarray:
    """The rotation about a vector by its length in radians (Rodrigues' formula): (3, 3).

    Example:
        >>> rotation(np.array([0, 0, np.pi / 2])).round(3).tolist()[0]
        [0.0, -1.0, 0.0]
    """
    angle = np.linalg.norm(vector)
    x, y, z = vector / max(angle, 1e-12)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
