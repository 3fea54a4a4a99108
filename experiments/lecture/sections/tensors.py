"""Pictures are tensors.

A gray picture is a table of numbers, one of color three such tables, a clip one picture for each
moment. Here all have their channels last: (height, width, channels), and (time, height, width,
channels).
"""

import jax.numpy as jnp
from matplotlib.figure import Figure

from cnn_jax import pages
from cnn_jax.data import photos
from experiments.lecture._drawing import row, table_of
from experiments.lecture._section import code, numbers

TRY = "photos.load('train') has nine more pictures; print the pixels of another place."
REFERENCE = "Lecture, images as tensors; Prince, Understanding Deep Learning, 2023, section 10.3."


def tensors():
    color = photos.load("test")["chelsea"]
    gray = (color @ jnp.array([0.299, 0.587, 0.114]))[..., None]
    channels = color[..., 0], color[..., 1], color[..., 2]
    clip = jnp.stack([jnp.roll(color, 40 * moment, axis=1) for moment in range(4)])
    return color, gray, channels, clip


def show():
    color, gray, channels, clip = tensors()
    eye = gray[112:120, 172:184, 0].round().astype(int)
    names = {"color": color, "red": channels[0], "green": channels[1], "blue": channels[2]}
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    table_of(eye, figure.subplots(), "8 x 12 of its pixels, gray, from 0 to 255")
    frames = {f"moment {moment}": frame for moment, frame in enumerate(clip)}
    return [
        code(tensors),
        pages.figure(row(names, vmin=0, vmax=255), "A photograph, and its channels one by one."),
        pages.figure(figure, "What a network is given: numbers."),
        pages.figure(row(frames), "A clip has one axis more: here the picture moves to the right."),
        numbers({"color": color.shape, "gray": gray.shape, "clip": clip.shape}),
    ]
