"""At the border zeros leak in.

A convolution that keeps the size must invent what lies outside. With zeros, a constant image is no
longer constant near its border, and layer after layer the effect goes deeper. Reflected, replicated
or circular padding keeps it constant; each is a guess of its own.
"""

import jax.numpy as jnp

from cnn_jax import functional as F
from cnn_jax import pages
from cnn_jax.data import photos
from experiments.lecture._drawing import row
from experiments.lecture._section import code, numbers

TRY = "More layers: zeros come as far inside as half of the receptive field."
REFERENCE = (
    "Lecture, border effects; Islam et al., How much position information do "
    "convolutional neural networks encode?, 2020."
)
MODES = ("zeros", "reflect", "replicate", "circular")


def after(image, layers, mode):
    kernel = jnp.full((5, 5, 1, 1), 1 / 25)
    for _ in range(layers):
        image = F.conv(image, kernel, padding="SAME", padding_mode=mode)
    return image


def show():
    gray = jnp.full((32, 32, 1), 0.7)
    photo = (
        jnp.asarray(photos.load("test", channels=1)["camera"][80:144, 180:244], jnp.float32) / 255
    )
    constant = {mode: after(gray, 3, mode) for mode in MODES}
    padded = {mode: F.pad(photo, (24, 24), padding_mode=mode) for mode in MODES}
    changed = {
        f"share of a constant image that changes, {mode}": float(jnp.mean(jnp.abs(y - 0.7) > 1e-5))
        for mode, y in constant.items()
    }
    return [
        code(after),
        pages.figure(
            row(constant, vmin=0, vmax=1.0), "A gray image after three averages of 5 x 5."
        ),
        pages.figure(row(padded, vmin=0, vmax=1), "What each way invents around a photograph."),
        numbers(changed),
    ]
