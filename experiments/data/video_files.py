"""Frames of a video, read from a file."""

import importlib.util
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence, UnidentifiedImageError

from experiments.running.options import RunError

MOST = 2000  # frames that are read


def read(file: Path) -> np.ndarray:
    """Read a video, or an animated picture, as (t, height, width, 3) uint8.

    Pillow reads GIF, APNG and WebP; other files need imageio with a plugin for videos.

    Raises:
        RunError: the file cannot be read, or has a single frame.
    """
    file = Path(file).expanduser()
    if not file.is_file():
        raise RunError(f"`--video` must be a file; there is none at {file}.")
    try:
        with Image.open(file) as image:
            frames = [np.asarray(f.convert("RGB")) for f, _ in _some(ImageSequence.Iterator(image))]
    except UnidentifiedImageError:
        frames = _by_imageio(file)
    if len(frames) < 2:
        raise RunError(f"`--video` must have two frames or more; {file} has {len(frames)}.")
    return np.stack(frames)


def _by_imageio(file: Path) -> list[np.ndarray]:
    if importlib.util.find_spec("imageio") is None:
        raise RunError(
            f"`--video` {file} is no GIF, APNG or WebP: `pip install imageio[ffmpeg]` for others."
        )
    import imageio.v3

    try:
        with file.open("rb") as stream:  # by its name imageio would leave a bad file open
            every = imageio.v3.imiter(stream, extension=file.suffix)
            frames = [frame[..., :3] for frame, _ in _some(every)]
    except Exception as error:  # its plugins raise errors of many kinds
        text = " ".join(str(error).split())
        raise RunError(f"`--video` {file} cannot be read by imageio: {text}") from error
    return [np.asarray(frame, np.uint8) for frame in frames]


def _some(frames):
    return zip(frames, range(MOST))
