"""Faces in a real photograph that is on the user's machine: one side to train on, one held out.

The photograph is that of the fifth Solvay conference, 1927. ViSP's package has boxes of its faces,
as a cascade of Haar features finds them.
"""

from typing import Any

import numpy as np
from PIL import Image

from cnn_jax.data import augment
from experiments.data import debian_packages, making
from experiments.running.options import RunError, require

NAME = "faces"
FILES = ("faces/1280px-Solvay_conference_1927.png", "faces/ground_truth_detection.txt")
BORDER = 657  # the column where one side ends; no face lies on it
LARGEST = 65  # pixels; the one larger box is around a bush
SHRINK = 2  # how many times smaller it is made: faces have 20 to 29 pixels then
PLACES = 8  # for faces of a window
VISIBLE = 0.5  # the share of a face that must be in a window
WINDOWS = 2048  # to train on


def boxes(config: Any) -> making.Examples:
    """Windows of the photograph, `size` pixels high and wide, with the boxes of faces.

    Windows to train on lie at random on its left side, half of them on a face. Held-out ones lie on
    the right side half a window apart, so that a face is in up to four.

    Raises:
        RunError: the photograph is not there.
    """
    found = read()
    if found is None:
        raise RunError(debian_packages.VISP.absent(f"a photograph, for `--data {NAME}`"))
    photograph, faces = found
    size, border, rng = config.size, BORDER // SHRINK, np.random.default_rng(0)
    height, width = photograph.shape[:2]
    left, right = faces[faces[:, 3] <= border], faces[faces[:, 1] >= border]
    corners = rng.integers(0, (height - size + 1, border - size + 1), (WINDOWS, 2))
    near = left[rng.integers(0, len(left), WINDOWS // 2)]
    off = rng.integers(0, size // 2, (WINDOWS // 2, 2))  # a face begins in the first half
    corners[::2] = np.clip(near[:, :2].astype(int) - off, 0, (height - size, border - size))
    grid = np.mgrid[: height - size + 1 : size // 2, border : width - size + 1 : size // 2]
    held_out = grid.reshape(2, -1).T
    if config.smoke:
        corners, held_out = corners[:64], held_out[:: max(len(held_out) // 24, 1)]
    least = min(len(corners), len(held_out))
    rule = f"in [1, {least}], the windows of a side"
    require("--batch-size", config.batch_size <= least, rule, config.batch_size)
    train = windows(photograph, left, corners, size)
    truth = windows(photograph, right, held_out, size)
    changes = {"translate": 0.1, "scale": (0.8, 1.25), "min_visible": VISIBLE}
    change = augment.chain(augment.flip(), augment.affine(**changes))

    def new(batch, key):
        return change(key, batch)

    def some(key, count):
        return {name: part[:count] for name, part in train.items()}

    return making.Examples(train, new, truth, ("face",), some)


def read() -> tuple[np.ndarray, np.ndarray] | None:
    """The photograph (height, width, 3) uint8, made smaller, and its boxes (n, 4), or None."""
    files = debian_packages.VISP.files(*FILES)
    if files is None:
        return None
    with Image.open(files[0]) as image:
        size = (image.width // SHRINK, image.height // SHRINK)
        photograph = np.asarray(image.convert("RGB").resize(size, Image.Resampling.BOX))
    lines = [line.split() for line in files[1].read_text().splitlines()]
    places = np.array([line for line in lines if len(line) == 2], np.float32)  # row, column
    corners = places.reshape(-1, 4, 2)
    faces = np.concatenate([corners.min(1), corners.max(1)], 1)
    return photograph, faces[(faces[:, 2] - faces[:, 0]) <= LARGEST] / SHRINK


def windows(
    photograph: np.ndarray, faces: np.ndarray, corners: np.ndarray, size: int
) -> dict[str, np.ndarray]:
    """Cut windows out of a photograph, with what is in them of the faces.

    Args:
        photograph: (height, width, 3).
        faces: (n, 4): top, left, bottom, right.
        corners: (k, 2) integers: the upper left corners of the windows.
        size: their height and width.
    """
    moved = faces[None] - np.tile(corners, 2)[:, None].astype(np.float32)
    inside = moved.clip(0, size)

    def area(boxes):
        return (boxes[..., 2:] - boxes[..., :2]).prod(-1)

    seen = area(inside) >= VISIBLE * area(faces)
    order = np.argsort(~seen, axis=1, kind="stable")[:, :PLACES]
    valid = np.take_along_axis(seen, order, 1)
    kept = np.take_along_axis(inside, order[..., None], 1)
    views = np.lib.stride_tricks.sliding_window_view(photograph, (size, size, 3))
    return {
        "image": views[corners[:, 0], corners[:, 1], 0],
        "boxes": np.where(valid[..., None], kept, 0).astype(np.float32),
        "boxes_valid": valid,
        "classes": np.zeros(valid.shape, np.int32),
    }
