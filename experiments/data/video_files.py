"""Frames of a video: read from a file, with boxes drawn on them, written as an animated picture."""

import importlib.util
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
import numpy as np
from PIL import Image, ImageDraw, ImageSequence, UnidentifiedImageError

from cnn_jax import files
from experiments.running.options import RunError

COLORS = {"truth": "white", "SiamFC": "lime", "correlation": "red"}
MILLISECONDS = 150  # of a frame
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


def marked(
    frame: np.ndarray, boxes: Mapping[str, np.ndarray], zoom: int = 1, width: int = 2
) -> Image.Image:
    """A frame, enlarged, with boxes by who says so; the color of each is in `COLORS`.

    Args:
        frame: (height, width, 3) uint8.
        boxes: (4,) each; those without an area are not drawn.
        zoom: how many pixels one becomes.
        width: of the lines.
    """
    size = (frame.shape[1] * zoom, frame.shape[0] * zoom)
    picture = Image.fromarray(frame).resize(size, Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(picture)
    for name, box in boxes.items():
        top, left, bottom, right = (float(n) * zoom for n in box)
        if bottom > top and right > left:
            draw.rectangle((left, top, right - 1, bottom - 1), outline=COLORS[name], width=width)
    return picture


def sheet(pictures: Sequence[Image.Image], across: int, names: Sequence[str]) -> Image.Image:
    """Pictures of one size beside and below each other, under a line that says who is what."""
    width, height = pictures[0].size
    down, head = -(-len(pictures) // across), 16
    whole = Image.new("RGB", (across * width, down * height + head))
    draw, left = ImageDraw.Draw(whole), 4
    for name in names:
        draw.text((left, 2), name, fill=COLORS[name])
        left += 12 + round(draw.textlength(name))
    for number, picture in enumerate(pictures):
        row, column = divmod(number, across)
        whole.paste(picture, (column * width, row * height + head))
    return whole


def animate(file: Path, pictures: Sequence[Image.Image]) -> None:
    """Write pictures as an endless GIF, completely or not at all."""
    if jax.process_index() > 0:  # of several processes the first one draws
        return
    buffer, (first, *others) = io.BytesIO(), pictures
    options = {"duration": MILLISECONDS, "loop": 0}
    first.save(buffer, "GIF", save_all=True, append_images=others, **options)
    files.replace(file, buffer.getvalue())
