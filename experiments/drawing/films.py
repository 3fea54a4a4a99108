"""Frames of a video with boxes on them, and animated pictures."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
import numpy as np
from PIL import Image, ImageDraw

from cnn_jax import files

COLORS = {"truth": "white", "SiamFC": "lime", "correlation": "red"}
MILLISECONDS = 150  # of a frame


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
