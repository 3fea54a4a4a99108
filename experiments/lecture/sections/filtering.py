"""Filters of a photograph: what a few weights can say.

Long before weights were learned, people chose them: an average smooths, differences find edges, and
an image minus its Laplacian is sharper. A filter that is a column times a row can be applied as two
short ones. And a convolution is a product of Fourier transforms, which is how large windows become
cheap.
"""

import jax.numpy as jnp
import numpy as np

from cnn_jax import functional as F
from cnn_jax import pages
from cnn_jax.data import photos
from experiments.lecture._drawing import row
from experiments.lecture._section import code, numbers

TRY = "A Gabor filter of another angle; the Sobel filter's transpose; a wider Gaussian."
REFERENCE = (
    "Lecture, spatial filtering; Gonzalez and Woods, Digital Image Processing, chapter 3; Prince,"
    " Understanding Deep Learning, section 10.3."
)


def filters():
    t = jnp.arange(-10, 11.0)
    gauss = jnp.exp(-(t**2) / 18)
    bell = jnp.outer(gauss, gauss) / gauss.sum() ** 2
    waves = bell * jnp.cos((t[:, None] + t[None]) * 0.7)
    return {
        "Gaussian": bell,
        "Laplacian": jnp.array([[0, 1, 0], [1, -4, 1], [0, 1, 0.0]]),
        "Sobel, vertical edges": jnp.array([[1, 0, -1], [2, 0, -2], [1, 0, -1.0]]),
        "sharpen": jnp.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0.0]]),
        "emboss": jnp.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2.0]]),
        "Gabor, 45 degrees": waves - waves.sum() * bell,
    }


def filtered(photo, taps):
    kernel = taps[..., None, None]  # one channel in, one out
    return F.conv(photo, kernel, padding="SAME", padding_mode="replicate")


def separated(photo):
    t = jnp.arange(-10, 11.0)
    gauss = jnp.exp(-(t**2) / 18)
    gauss = gauss / gauss.sum()
    return filtered(filtered(photo, gauss[:, None]), gauss[None])


def by_fourier(photo, taps):
    whole = F.conv(photo, taps[..., None, None], padding="FULL")[..., 0]
    spectrum = jnp.fft.rfft2(photo[..., 0], whole.shape)
    weights = jnp.fft.rfft2(taps[::-1, ::-1], whole.shape)  # flipped: a true convolution
    return whole, jnp.fft.irfft2(spectrum * weights, whole.shape)


def show():
    photo = (
        jnp.asarray(photos.load("test", channels=1)["chelsea"][20:220, 100:320], jnp.float32) / 255
    )
    chosen = filters()
    pictures = {"photograph": photo}
    for name, taps in chosen.items():
        found = np.asarray(filtered(photo, taps))
        if abs(float(taps.sum())) < 0.01:  # gray is zero
            found = 0.5 + found / (2 * np.percentile(np.abs(found), 99.5))
        pictures[name] = found
    bell = chosen["Gaussian"]
    difference = jnp.abs(separated(photo) - filtered(photo, bell)).max()
    direct, fourier = by_fourier(photo, bell)
    return [
        code(filters, filtered),
        pages.figure(
            row(pictures, vmin=0, vmax=1),
            "A photograph and six filters of it; where the weights sum to zero, gray is zero.",
        ),
        code(separated, by_fourier),
        numbers(
            {
                "weights of the Gaussian, whole": bell.size,
                "as a column and a row": sum(bell.shape),
                "largest difference of the two": float(difference),
                "largest difference from the product of Fourier transforms": float(
                    jnp.abs(direct - fourier).max()
                ),
            }
        ),
    ]
